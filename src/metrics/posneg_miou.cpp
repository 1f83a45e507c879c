// Overlap by sign: positive relevance should cover the object, negative relevance the rest.
//   positive = |P and G| / |P or G|, negative = |N and B| / |N or B|,
//   P = [H > 0], N = [H < 0], G = the object, B = not G
// Inferred from the table of Nam, Choi, Lee, Interpreting Deep Neural Networks with Relative
// Sectional Propagation by Analyzing Comparative Gradients and Hostile Activations, 2021, which
// prints two such numbers; the authors' code has no function for them.
#include <ATen/ATen.h>

#include "limn/localization.h"
#include "metrics/metric_base.h"
#include "metrics/region.h"

namespace limn {

SignedOverlap signed_overlap(const Tensor& map, const Tensor& mask, const Tensor& ignored) {
  const Tensor values = plain_map(map);
  const Tensor object = plain_mask(mask, values);
  Tensor counts = at::ones_like(object);
  if (ignored.defined()) counts = plain_mask(ignored, values, "mask of ignored pixels") == 0;
  const auto overlap = [&](const Tensor& a, const Tensor& b) -> std::optional<double> {
    const auto size = [&](const Tensor& set) {
      return static_cast<double>(set.logical_and(counts).sum().item<std::int64_t>());
    };
    const double either = size(a.logical_or(b));
    if (either == 0) return std::nullopt;
    return size(a.logical_and(b)) / either;
  };
  return {.positive = overlap(values > 0, object),
          .negative = overlap(values < 0, object.logical_not())};
}

namespace {

struct PosnegOptions {
  RegionOptions region = {.mask = "finest"};
  std::string center = "none";
};

Fields fields(PosnegOptions& o) {
  return {choice_field("center", o.center, {"none", "mean"},
                       "what is subtracted from the map first: mean gives maps of one sign two"),
          mask_field(o.region), subset_field(o.region)};
}

Measurement measure(const PosnegOptions& o, const MetricCase& one) {
  const Region region = region_of(one, o.region);
  if (!region.skipped.empty()) return {.skipped = region.skipped};
  Tensor map = plain_map(one.original);
  if (o.center == "mean") {
    // A constant map becomes exactly zero, whatever its mean is rounded to.
    map = is_constant(map) ? at::zeros_like(map) : map - map.mean();
  }
  const SignedOverlap overlap = signed_overlap(map, region.mask, region.ignored);
  Measurement out{.values = {{"pixels", region.pixels ? 1 : 0}}};
  if (overlap.positive) out.values["positive"] = *overlap.positive;
  if (overlap.negative) out.values["negative"] = *overlap.negative;
  return out;
}

std::vector<double> summarize(const PosnegOptions&, const std::vector<MetricRow>& rows) {
  return {class_mean_of(rows, "positive"), class_mean_of(rows, "negative")};
}

}  // namespace

MetricEntry metric_posneg_miou() {
  return define_metric<PosnegOptions>(
      {.name = "posneg-miou",
       .title = "Overlap by sign",
       .summary = "How well positive relevance covers the object and negative relevance the rest.",
       .formula = "|P and G| / |P or G| with P = [H > 0]; |N and B| / |N or B| with N = [H < 0]",
       .paper = "Nam, Choi, Lee: Relative Sectional Propagation, 2021 (formula inferred)",
       .columns = {{.name = "positive", .help = "positive values and the object, mean of classes"},
                   {.name = "negative", .help = "negative values and the rest, mean of classes"}},
       .needs_mask = true},
      fields, measure, summarize);
}

}  // namespace limn
