// Overlap by sign: positive relevance should cover the object, negative relevance the rest.
//   positive = |P and G| / |P or G|, negative = |N and B| / |N or B|,
//   P = [H > 0], N = [H < 0], G = the object, B = not G
// Inferred from the table of Nam, Choi, Lee, Interpreting Deep Neural Networks with Relative
// Sectional Propagation by Analyzing Comparative Gradients and Hostile Activations, 2021, which
// prints two such numbers; the authors' code has no function for them.
#include <ATen/ATen.h>

#include <cmath>

#include "limn/localization.h"
#include "metrics/metric_base.h"
#include "metrics/region.h"

namespace limn {

batched::SignedOverlap batched::signed_overlap(const Tensor& maps, const Tensor& masks,
                                               const Tensor& ignored) {
  const Tensor values = plain_maps(maps);
  const Tensor object = plain_masks(masks, values);
  const Tensor counts = counted_pixels(ignored, values);
  const auto overlap = [&](const Tensor& a, const Tensor& b) {
    const auto size = [&](const Tensor& set) {
      return set.logical_and(counts).sum({1, 2}).to(at::kDouble);
    };
    return size(a.logical_and(b)) / size(a.logical_or(b));
  };
  return {.positive = overlap(values > 0, object),
          .negative = overlap(values < 0, object.logical_not())};
}

SignedOverlap signed_overlap(const Tensor& map, const Tensor& mask, const Tensor& ignored) {
  const auto overlap = batched::signed_overlap(one_map(map), one_map(mask, "mask"), ignored);
  const auto known = [](const Tensor& share) -> std::optional<double> {
    const auto value = share.item<double>();
    return std::isnan(value) ? std::nullopt : std::optional(value);
  };
  return {.positive = known(overlap.positive), .negative = known(overlap.negative)};
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

std::vector<Measurement> measure(const PosnegOptions& o, const std::vector<MetricCase>& cases) {
  return measure_regions(cases, o.region, [&](const RegionBatch& batch) -> RegionValues {
    Tensor maps = plain_maps(batch.maps);
    if (o.center == "mean") {
      // A constant map becomes exactly zero, whatever its mean is rounded to.
      const Tensor varies = are_constant(maps).logical_not().to(at::kDouble);
      maps = (maps - maps.mean({1, 2}, true)) * varies.view({-1, 1, 1});
    }
    const auto overlap = batched::signed_overlap(maps, batch.masks, batch.ignored);
    return {
        {"pixels", batch.pixels}, {"positive", overlap.positive}, {"negative", overlap.negative}};
  });
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
