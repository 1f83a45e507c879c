// Outside-inside ratio: how dense positive relevance is outside the object against inside.
//   mu = mean(R+ outside) / mean(R+ inside); one case gives the share mu / (1 + mu), 0..1, and a
//   data set the ratio S / (1 - S) of the mean share S, which for one case is mu
// Source: Nam et al., Relative Attributing Propagation, 2020, name it; after Lapuschkin et al.,
// Analyzing classifiers: Fisher vectors and deep neural networks, 2016.
#include <ATen/ATen.h>

#include "limn/localization.h"
#include "metrics/metric_base.h"
#include "metrics/region.h"

namespace limn {

double OutsideInside::share() const {
  return outside + inside > 0 ? outside / (outside + inside) : .5;
}

OutsideInside outside_inside(const Tensor& map, const Tensor& mask, const Tensor& ignored) {
  const Tensor values = plain_map(map);
  const Tensor object = plain_mask(mask, values);
  Tensor counts = at::ones_like(object);
  if (ignored.defined()) counts = plain_mask(ignored, values, "mask of ignored pixels") == 0;
  const auto mean = [&](const Tensor& pixels) {
    const Tensor chosen = values.masked_select(pixels.logical_and(counts));
    if (chosen.numel() == 0) {
      fail(ErrorCode::BadInput,
           "the mask must leave pixels both inside and outside; one of them has none");
    }
    return chosen.clamp_min(0).mean().item<double>();
  };
  return {.outside = mean(object.logical_not()), .inside = mean(object)};
}

namespace {

struct RatioOptions {
  RegionOptions region;
};

Fields fields(RatioOptions& o) { return {mask_field(o.region), subset_field(o.region)}; }

Measurement measure(const RatioOptions& o, const MetricCase& one) {
  const Region region = region_of(one, o.region);
  if (!region.skipped.empty()) return {.skipped = region.skipped};
  Tensor taken = region.mask;
  if (region.ignored.defined()) taken = taken.logical_or(region.ignored);
  if (taken.all().item<bool>()) return {.skipped = "the class covers the whole picture"};
  const OutsideInside means = outside_inside(one.original, region.mask, region.ignored);
  return {
      .values = {{"share", means.share()}, {"outside", means.outside}, {"inside", means.inside}}};
}

std::vector<double> summarize(const RatioOptions&, const std::vector<MetricRow>& rows) {
  const double share = class_mean_of(rows, "share");
  return {share / (1 - share), share};
}

}  // namespace

MetricEntry metric_outside_inside_ratio() {
  return define_metric<RatioOptions>(
      {.name = "outside-inside-ratio",
       .title = "Outside-inside ratio",
       .summary = "How dense positive relevance is outside the object against inside.",
       .formula = "mean(R+ outside) / mean(R+ inside)",
       .paper = "Nam et al.: Relative Attributing Propagation, 2020 (definition after Lapuschkin "
                "et al., 2016)",
       .columns = {{.name = "ratio",
                    .better = Better::Lower,
                    .high = kInfinity,
                    .help = "share / (1 - share); 1 is what a constant map gets"},
                   {.name = "share",
                    .better = Better::Lower,
                    .help = "outside / (outside + inside), mean of each class, then their mean"}},
       .needs_mask = true},
      fields, measure, summarize);
}

}  // namespace limn
