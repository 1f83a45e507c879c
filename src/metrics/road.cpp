// ROAD: how the class's probability changes when pixels above a percentile of the map are replaced
// by what their surroundings say, so that the shape of the hole tells the model as little as it
// can. Source: Rong et al., 2022; jacobgil/pytorch-grad-cam@084273b (metrics/road.py).
#include <ATen/ATen.h>
#include <ATen/Parallel.h>

#include <cmath>

#include "base/counter_random.h"
#include "limn/faithfulness.h"
#include "methods/noise.h"
#include "metrics/metric_base.h"
#include "metrics/picture_scores.h"

namespace limn {
namespace {

void check(const RoadOptions& options, RemovalOrder order) {
  check_batch("road", options.batch);
  if (order == RemovalOrder::Random) {
    fail(ErrorCode::InvalidArgument,
         "road follows a map; take the most or the least relevant pixels first");
  }
  if (options.percentiles.empty()) {
    fail(ErrorCode::InvalidArgument, "road needs percentiles, such as [10,50,90]");
  }
  if (!(options.noise >= 0) || !std::isfinite(options.noise)) {
    fail(ErrorCode::InvalidArgument, "road: noise=", options.noise,
         "; give a deviation of at least 0");
  }
}

/// Pictures [P, C, H, W], one for each percentile.
Tensor imputed(const Tensor& x, const Tensor& map, RemovalOrder order, const RoadOptions& options) {
  const Tensor picture = x[0].to(at::kCPU, at::kDouble);
  Tensors out(options.percentiles.size());
  const Tensor values = map.to(at::kCPU, at::kDouble);
  const auto make = [&](std::size_t p) {
    const Tensor keep = road_keeps(values, options.percentiles[p], order);
    out[p] = impute_linear(picture, keep);
    if (options.noise == 0) return;
    // The same noise at a pixel in both orders and for every method.
    const std::uint64_t key = mix(mix(options.seed) ^ p);
    out[p] = at::where(keep, out[p], out[p] + options.noise * normal_noise(key, picture.sizes()));
  };
  at::parallel_for(0, static_cast<std::int64_t>(out.size()), 1,
                   [&](std::int64_t first, std::int64_t last) {
                     for (std::int64_t p = first; p < last; ++p) make(static_cast<std::size_t>(p));
                   });
  return at::stack(out).to(x.options());
}

}  // namespace

Tensor road_keeps(const Tensor& map, double percentile, RemovalOrder order) {
  if (!(percentile >= 0 && percentile <= 100)) {
    fail(ErrorCode::InvalidArgument, "a percentile is ", percentile, "; legal: 0 to 100");
  }
  const double sign = order == RemovalOrder::LeastRelevant ? -1 : 1;
  const Tensor values = map.to(at::kCPU, at::kDouble) * sign;
  const Tensor sorted = std::get<0>(values.flatten().sort()).contiguous();
  const auto* value = sorted.data_ptr<double>();
  const double place = percentile / 100 * static_cast<double>(sorted.numel() - 1);
  const auto below = static_cast<std::int64_t>(place);
  const std::int64_t above = std::min(below + 1, sorted.numel() - 1);
  const double share = place - static_cast<double>(below);
  return values < value[below] + (value[above] - value[below]) * share;
}

RoadCurve road(const Model& model, const Tensor& x, const Tensor& map, std::int64_t target,
               RemovalOrder order, const RoadOptions& options) {
  check_picture_and_map("road", x, map);
  check(options, order);
  const Tensor picture = x.to(model.device(), model.dtype());
  const Tensor pictures = at::cat({picture, imputed(picture, map, order, options)});
  const PictureScores scores = score_pictures(
      model, pictures.size(0), target, options.batch,
      [&](std::int64_t first, std::int64_t count) { return pictures.narrow(0, first, count); });
  RoadCurve out;
  for (std::size_t p = 1; p < scores.probability.size(); ++p) {
    out.change.push_back(scores.probability[p] - scores.probability[0]);
    out.average += out.change.back() / static_cast<double>(options.percentiles.size());
  }
  return out;
}

namespace {

struct Options {
  std::string order = "combined";
  std::vector<double> percentiles = RoadOptions{}.percentiles;
  double noise = 0.01;
};

Fields fields(Options& o) {
  return {choice_field("order", o.order, {"combined", "morf", "lerf"},
                       "most relevant pixels first, least, or both"),
          reals_field("percentiles", o.percentiles, "of the map: pixels at or above one go"),
          real_field("noise", o.noise, 0, 1e6,
                     "deviation added to imputed pixels, in the model's input space")};
}

Measurement measure(const Options& o, const MetricCase& one) {
  Measurement out;
  const auto add = [&](const char* name, RemovalOrder order) {
    if (o.order != name && o.order != "combined") return;
    const RoadCurve curve = road(one.model, one.x, one.map, one.target, order,
                                 {.percentiles = o.percentiles,
                                  .noise = o.noise,
                                  .seed = one.options.seed,
                                  .batch = batch_of(one, 32)});
    out.values[name] = curve.average;
    out.curves[name] = curve.change;
  };
  add("morf", RemovalOrder::MostRelevant);
  add("lerf", RemovalOrder::LeastRelevant);
  out.curves["percentile"] = o.percentiles;
  if (o.order == "combined") {
    out.values["combined"] = (out.values["lerf"] - out.values["morf"]) / 2;
  }
  return out;
}

std::vector<double> summarize(const Options&, const std::vector<MetricRow>& rows) {
  return {mean_of(rows, "combined"), mean_of(rows, "morf"), mean_of(rows, "lerf")};
}

MetricColumn column(const char* name, Better better, const char* help) {
  return {.name = name, .better = better, .low = -1, .high = 1, .help = help};
}

}  // namespace

MetricEntry metric_road() {
  return define_metric<Options>(
      {.name = "road",
       .title = "ROAD",
       .summary = "How the class's probability changes when pixels are replaced by what their "
                  "surroundings say.",
       .formula = "combined = (mean over percentiles of p(x without the least relevant) - p(x), "
                  "minus the same without the most relevant) / 2",
       .paper = "Rong, Leemann, Borisov, Kasneci, Kasneci: A Consistent and Efficient Evaluation "
                "Strategy for Attribution Methods, 2022",
       .columns = {column("combined", Better::Higher, "(lerf - morf) / 2"),
                   column("morf", Better::Lower, "mean change without the most relevant pixels"),
                   column("lerf", Better::Higher, "mean change without the least relevant pixels")},
       .needs_model = true},
      fields, measure, summarize);
}

}  // namespace limn
