// Region perturbation: how the class's probability falls as squares of the picture are replaced,
// most relevant first (MoRF) or least (LeRF). AOPC = sum over k = 1 .. L of p(x) - p(x_k), over
// L + 1. Source: Samek et al., 2017; understandable-machine-intelligence-lab/Quantus@85bc29d.
#include <ATen/ATen.h>

#include <algorithm>
#include <numeric>

#include "base/counter_random.h"
#include "limn/faithfulness.h"
#include "methods/noise.h"
#include "metrics/metric_base.h"
#include "metrics/picture_scores.h"

namespace limn {
namespace {

/// The squares of a grid that lies centered over the picture and may stick out of it.
struct Regions {
  Regions(const Tensor& map, std::int64_t patch)
      : side(patch),
        height(map.size(0)),
        width(map.size(1)),
        down((height + patch - 1) / patch),
        across((width + patch - 1) / patch),
        top((down * patch - height) / 2),
        left((across * patch - width) / 2),
        bottom(down * patch - height - top),
        right(across * patch - width - left) {}

  std::int64_t count() const { return down * across; }
  std::vector<double> sums(const Tensor& map) const {
    const Tensor padded =
        at::constant_pad_nd(map.to(at::kCPU, at::kDouble), {left, right, top, bottom});
    const Tensor sum = padded.view({down, side, across, side}).sum({1, 3}).contiguous();
    const auto* values = sum.data_ptr<double>();
    return {values, values + count()};
  }
  /// The part of a picture [1, C, H, W], or of a tensor of the region's own size, that it covers.
  Tensor of(const Tensor& picture, std::int64_t region) const {
    const auto [y, x] = corner(region);
    return picture.slice(2, std::max<std::int64_t>(0, y), std::min(height, y + side))
        .slice(3, std::max<std::int64_t>(0, x), std::min(width, x + side));
  }
  Tensor inside(const Tensor& square, std::int64_t region) const {
    const auto [y, x] = corner(region);
    return square.slice(2, std::max<std::int64_t>(0, -y), std::min(side, height - y))
        .slice(3, std::max<std::int64_t>(0, -x), std::min(side, width - x));
  }
  Tensor with_edges(const Tensor& picture) const {
    return at::replication_pad2d(picture, {left, right, top, bottom});
  }

  std::int64_t side, height, width, down, across, top, left, bottom, right;

 private:
  std::pair<std::int64_t, std::int64_t> corner(std::int64_t region) const {
    return {region / across * side - top, region % across * side - left};
  }
};

std::vector<std::int64_t> order_of(const Regions& regions, const Tensor& map,
                                   const RegionCurveOptions& options) {
  std::vector<double> keys = regions.sums(map);
  for (std::size_t i = 0; i < keys.size(); ++i) {
    if (options.order == RemovalOrder::Random) keys[i] = unit(draw(mix(options.seed), i));
    if (options.order == RemovalOrder::LeastRelevant) keys[i] = -keys[i];
  }
  std::vector<std::int64_t> order(keys.size());
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(), [&](std::int64_t a, std::int64_t b) {
    return keys[static_cast<std::size_t>(a)] > keys[static_cast<std::size_t>(b)];
  });
  return order;
}

/// A picture [1, C, H, W] that loses one region after the other.
class Perturbed {
 public:
  Perturbed(const Regions& regions, const Tensor& x, const RegionCurveOptions& options)
      : regions_(regions),
        options_(options),
        now_(x.clone(at::MemoryFormat::Contiguous)),
        low_(x.min().item<double>()),
        high_(x.max().item<double>()) {}

  const Tensor& now() const { return now_; }
  void lose(std::int64_t region) {
    Tensor part = regions_.of(now_, region);
    const std::string& baseline = options_.baseline;
    if (baseline == "uniform") {
      const auto key = mix(mix(options_.seed) ^ static_cast<std::uint64_t>(region));
      const Tensor noise =
          uniform_noise(key, {1, now_.size(1), regions_.side, regions_.side}) * (high_ - low_) +
          low_;
      part.copy_(regions_.inside(noise, region));
      return;
    }
    double value = 0;
    if (baseline == "black") value = low_;
    if (baseline == "white") value = high_;
    if (baseline == "mean") value = regions_.with_edges(now_).mean(at::kDouble).item<double>();
    part.fill_(value);
  }

 private:
  const Regions& regions_;
  const RegionCurveOptions& options_;
  Tensor now_;
  double low_, high_;
};

const std::vector<std::string> kBaselines = {"black", "white", "mean", "uniform", "zero"};

void check(const RegionCurveOptions& options) {
  check_batch("region-perturbation", options.batch);
  if (options.patch < 1 || options.patch > 100'000 || options.regions < 1) {
    fail(ErrorCode::InvalidArgument, "patch=", options.patch, ", regions=", options.regions,
         ": give a patch of 1 to 100000 pixels and at least 1 region");
  }
  if (std::find(kBaselines.begin(), kBaselines.end(), options.baseline) == kBaselines.end()) {
    fail(ErrorCode::InvalidArgument, "baseline is \"", options.baseline,
         "\"; legal: black, white, mean, uniform, zero");
  }
}

}  // namespace

RegionCurve region_perturbation(const Model& model, const Tensor& x, const Tensor& map,
                                std::int64_t target, const RegionCurveOptions& options) {
  check_picture_and_map("region-perturbation", x, map);
  check(options);
  const Regions regions(map, options.patch);
  const auto order = order_of(regions, map, options);
  const std::int64_t steps = std::min(options.regions, regions.count());
  Perturbed picture(regions, x.to(model.device(), model.dtype()), options);
  // Picture 0 is x itself, picture k has lost k regions.
  const PictureScores scores = score_pictures(
      model, steps + 1, target, options.batch, [&](std::int64_t first, std::int64_t count) {
        Tensors some;
        for (std::int64_t k = first; k < first + count; ++k) {
          if (k > 0) picture.lose(order[static_cast<std::size_t>(k - 1)]);
          some.push_back(picture.now().clone());
        }
        return at::cat(some);
      });
  RegionCurve out;
  for (std::size_t k = 1; k < scores.probability.size(); ++k) {
    out.fall.push_back(scores.probability[0] - scores.probability[k]);
    out.aopc += out.fall.back() / static_cast<double>(steps + 1);
  }
  out.area = trapezoids(out.fall);
  return out;
}

namespace {

struct Options {
  std::string order = "morf", baseline = "black";
  std::int64_t patch = 8, regions = 100;
};

Fields fields(Options& o) {
  return {choice_field("order", o.order, {"morf", "lerf", "random", "both"},
                       "most relevant first, least, at random, or the first two"),
          integer_field("patch", o.patch, 1, 100'000, "side of a region in pixels"),
          integer_field("regions", o.regions, 1, 1'000'000, "how many regions go, at most"),
          choice_field("baseline", o.baseline, kBaselines, "what a region becomes")};
}

Measurement measure(const Options& o, const MetricCase& one) {
  Measurement out;
  const auto add = [&](const char* name, RemovalOrder order) {
    if (o.order != name && !(o.order == "both" && order != RemovalOrder::Random)) return;
    const RegionCurve curve = region_perturbation(one.model, one.x, one.map, one.target,
                                                  {.order = order,
                                                   .patch = o.patch,
                                                   .regions = o.regions,
                                                   .baseline = o.baseline,
                                                   .seed = one.options.seed,
                                                   .batch = batch_of(one, 32)});
    out.values[concat("aopc-", name)] = curve.aopc;
    out.values[concat("area-", name)] = curve.area;
    out.curves[concat("fall-", name)] = curve.fall;
  };
  add("morf", RemovalOrder::MostRelevant);
  add("lerf", RemovalOrder::LeastRelevant);
  add("random", RemovalOrder::Random);
  if (o.order == "both") out.values["gap"] = out.values["aopc-morf"] - out.values["aopc-lerf"];
  return out;
}

std::vector<double> summarize(const Options&, const std::vector<MetricRow>& rows) {
  return {mean_of(rows, "aopc-morf"), mean_of(rows, "aopc-lerf"), mean_of(rows, "aopc-random"),
          mean_of(rows, "gap")};
}

MetricColumn column(const char* name, Better better, const char* help, double most = 1) {
  return {.name = name, .better = better, .low = -most, .high = most, .help = help};
}

}  // namespace

MetricEntry metric_region_perturbation() {
  return define_metric<Options>(
      {.name = "region-perturbation",
       .title = "Region perturbation",
       .summary = "How the class's probability falls as regions of the picture are replaced.",
       .formula = "AOPC = sum over k = 1 .. L of (p(x) - p(x_k)) / (L + 1)",
       .paper = "Samek, Binder, Montavon, Lapuschkin, Mueller: Evaluating the Visualization of "
                "What a Deep Neural Network Has Learned, 2017",
       .aliases = {"aopc"},
       .columns = {column("aopc-morf", Better::Higher, "mean AOPC, most relevant regions first"),
                   column("aopc-lerf", Better::Lower, "mean AOPC, least relevant regions first"),
                   column("aopc-random", Better::Neither, "mean AOPC, regions in random order"),
                   column("gap", Better::Higher, "the first minus the second (order=both)", 2)},
       .needs_model = true},
      fields, measure, summarize);
}

}  // namespace limn
