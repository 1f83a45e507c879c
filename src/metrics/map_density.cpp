// Positive and negative map density: p(x m) / mean(m) and p(x (1 - m)) / mean(1 - m), m the map in
// 0..1. Source: Jalwana et al., CAMERAS, 2021; the formula alone, their code does not hold it.
#include <ATen/ATen.h>

#include "limn/faithfulness.h"
#include "metrics/metric_base.h"
#include "metrics/picture_scores.h"

namespace limn {
namespace {

/// The map in 0..1, float64.
Tensor unit_map(const Tensor& map, const MapDensityOptions& options) {
  const Tensor values = map.to(at::kDouble);
  const double low = values.min().item<double>(), high = values.max().item<double>();
  if (!options.normalize) {
    if (low < 0 || high > 1) {
      fail(ErrorCode::InvalidArgument, "the map goes from ", low, " to ", high,
           " and a density needs 0..1; take normalize=true");
    }
    return values;
  }
  return low == high ? at::full_like(values, 0.5) : (values - low) / (high - low);
}

}  // namespace

MapDensity map_density(const Model& model, const Tensor& x, const Tensor& map, std::int64_t target,
                       const MapDensityOptions& options) {
  check_picture_and_map("map-density", x, map);
  const Tensor shown = unit_map(map, options);
  const double share = shown.mean().item<double>();
  if (!(share > 0 && share < 1)) {
    fail(ErrorCode::InvalidArgument, "the map is ", share,
         " everywhere, and a density divides by the share that is shown or left out; take "
         "normalize=true");
  }
  const Tensor picture = x.to(model.device(), model.dtype());
  const Tensor mask = shown.to(picture.options());
  const PictureScores scores =
      score_pictures(model, 3, target, 3, [&](std::int64_t first, std::int64_t count) {
        return at::cat({picture, picture * mask, picture * (1 - mask)}).narrow(0, first, count);
      });
  MapDensity out;
  out.original = scores.probability[0];
  out.kept = scores.probability[1];
  out.removed = scores.probability[2];
  out.positive = out.kept / share;
  out.negative = out.removed / (1 - share);
  return out;
}

namespace {

Fields fields(MapDensityOptions& o) {
  return {
      bool_field("normalize", o.normalize, "map to 0..1 first by its lowest and highest value")};
}

Measurement measure(const MapDensityOptions& o, const MetricCase& one) {
  const MapDensity density = map_density(one.model, one.x, one.map, one.target, o);
  return {.values = {{"positive", density.positive},
                     {"negative", density.negative},
                     {"original", density.original},
                     {"kept", density.kept},
                     {"removed", density.removed}}};
}

std::vector<double> summarize(const MapDensityOptions&, const std::vector<MetricRow>& rows) {
  return {mean_of(rows, "positive"), mean_of(rows, "negative")};
}

}  // namespace

MetricEntry metric_map_density() {
  return define_metric<MapDensityOptions>(
      {.name = "map-density",
       .title = "Map density",
       .summary = "The class's probability on what the map shows and on what it leaves out, per "
                  "area.",
       .formula = "positive = p(x m) / mean(m), negative = p(x (1 - m)) / mean(1 - m)",
       .paper = "Jalwana, Akhtar, Bennamoun, Mian: CAMERAS: Enhanced Resolution And Sanity "
                "preserving Class Activation Mapping for image saliency, 2021",
       .aliases = {"density"},
       .columns = {{.name = "positive",
                    .better = Better::Higher,
                    .low = 0,
                    .high = kInfinity,
                    .help = "mean probability on what the map shows, over the map's mean"},
                   {.name = "negative",
                    .better = Better::Lower,
                    .low = 0,
                    .high = kInfinity,
                    .help = "mean probability on what it leaves out, over that mean"}},
       .needs_model = true},
      fields, measure, summarize);
}

}  // namespace limn
