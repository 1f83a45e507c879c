// Outside-inside ratio: how dense positive relevance is outside the object against inside.
//   mu = mean(R+ outside) / mean(R+ inside); one case gives the share mu / (1 + mu), 0..1, and a
//   data set the ratio S / (1 - S) of the mean share S, which for one case is mu
// Source: Nam et al., Relative Attributing Propagation, 2020, name it; after Lapuschkin et al.,
// Analyzing classifiers: Fisher vectors and deep neural networks, 2016.
#include <ATen/ATen.h>

#include <cmath>

#include "limn/localization.h"
#include "metrics/metric_base.h"
#include "metrics/region.h"

namespace limn {

double OutsideInside::share() const {
  return outside + inside > 0 ? outside / (outside + inside) : .5;
}

Tensor batched::OutsideInside::share() const {
  const Tensor sum = outside + inside;
  return at::where(sum == 0, at::full_like(sum, .5), outside / sum);
}

batched::OutsideInside batched::outside_inside(const Tensor& maps, const Tensor& masks,
                                               const Tensor& ignored) {
  const Tensor values = plain_maps(maps).clamp_min(0);
  const Tensor object = plain_masks(masks, values);
  const Tensor counts = counted_pixels(ignored, values);
  const auto mean = [&](const Tensor& pixels) {
    const Tensor chosen = pixels.logical_and(counts);
    return (values * chosen.to(at::kDouble)).sum({1, 2}) / chosen.sum({1, 2});
  };
  return {.outside = mean(object.logical_not()), .inside = mean(object)};
}

OutsideInside outside_inside(const Tensor& map, const Tensor& mask, const Tensor& ignored) {
  const auto means = batched::outside_inside(one_map(map), one_map(mask, "mask"), ignored);
  const OutsideInside out{.outside = means.outside.item<double>(),
                          .inside = means.inside.item<double>()};
  if (std::isnan(out.outside) || std::isnan(out.inside)) {
    fail(ErrorCode::BadInput,
         "the mask must leave pixels both inside and outside; one of them has none");
  }
  return out;
}

namespace {

struct RatioOptions {
  RegionOptions region = {.needs_rest = true};
};

Fields fields(RatioOptions& o) { return {mask_field(o.region), subset_field(o.region)}; }

std::vector<Measurement> measure(const RatioOptions& o, const std::vector<MetricCase>& cases) {
  return measure_regions(cases, o.region, [&](const RegionBatch& batch) -> RegionValues {
    const auto means = batched::outside_inside(batch.maps, batch.masks, batch.ignored);
    return {{"share", means.share()}, {"outside", means.outside}, {"inside", means.inside}};
  });
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
