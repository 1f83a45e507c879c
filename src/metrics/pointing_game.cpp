// Pointing game: does the largest value of a map lie on the object, up to a tolerance?
//   hit = some mask pixel (x, y) has (x - u)^2 + (y - v)^2 < tolerance^2, (u, v) = argmax S
// Source: Zhang et al., Top-down neural attention by excitation backprop, 2016;
// facebookresearch/TorchRay@6a198ee (pointing_game.py, datasets.py).
#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>

#include "limn/localization.h"
#include "metrics/metric_base.h"
#include "metrics/region.h"

namespace limn {

namespace {

struct Peak {
  MapPoint point;
  bool constant = false;  ///< all values are equal: the map points nowhere
};

template <typename Value>
std::int64_t first_of(const Tensor& map, double value) {
  const auto* first = map.data_ptr<Value>();
  return std::find(first, first + map.numel(), static_cast<Value>(value)) - first;
}

/// A pointing game costs next to nothing beside its map, so that maps are not widened first.
Peak peak_of(const Tensor& map) {
  const bool narrow = map.dim() == 2 && map.numel() > 0 && map.scalar_type() == at::kFloat;
  const Tensor plain = narrow ? map.to(at::kCPU).contiguous() : plain_map(map);
  const auto [least, most] = plain.aminmax();
  const double low = least.item<double>(), high = most.item<double>();
  // NaN goes through both; what is wrong is said there.
  if (!std::isfinite(low) || !std::isfinite(high)) plain_map(map);
  const std::int64_t place = narrow ? first_of<float>(plain, high) : first_of<double>(plain, high);
  return {.point = {.x = static_cast<double>(place % plain.size(1)),
                    .y = static_cast<double>(place / plain.size(1))},
          .constant = low == high};
}

}  // namespace

MapPoint largest_point(const Tensor& map) { return peak_of(map).point; }

bool point_hits(const Tensor& mask, const MapPoint& point, double tolerance) {
  if (mask.dim() != 2) fail(ErrorCode::BadInput, "a mask is [h, w], not ", mask.sizes());
  if (!(tolerance >= 0) || !std::isfinite(point.x) || !std::isfinite(point.y)) {
    fail(ErrorCode::InvalidArgument, "tolerance=", tolerance, ", point ", point.x, ", ", point.y,
         ": give a tolerance of at least 0 and a finite point");
  }
  const Tensor plain = mask.to(at::kCPU, at::kBool).contiguous();
  const bool* inside = plain.data_ptr<bool>();
  const std::int64_t height = plain.size(0), width = plain.size(1);
  // Only pixels within the tolerance are looked at.
  const auto from = [&](double center, std::int64_t size) {
    return static_cast<std::int64_t>(
        std::clamp(std::floor(center - tolerance), 0.0, static_cast<double>(size)));
  };
  const auto to = [&](double center, std::int64_t size) {
    return static_cast<std::int64_t>(
        std::clamp(std::ceil(center + tolerance) + 1, 0.0, static_cast<double>(size)));
  };
  for (std::int64_t y = from(point.y, height); y < to(point.y, height); ++y) {
    for (std::int64_t x = from(point.x, width); x < to(point.x, width); ++x) {
      if (!inside[y * width + x]) continue;
      const double across = static_cast<double>(x) - point.x;
      const double down = static_cast<double>(y) - point.y;
      const double squared = across * across + down * down;
      if (squared < tolerance * tolerance || squared == 0) return true;
    }
  }
  return false;
}

bool map_hits(const Tensor& map, const Tensor& mask, double tolerance) {
  const Peak peak = peak_of(map);
  return !peak.constant && point_hits(plain_mask(mask, map), peak.point, tolerance);
}

namespace {

struct PointingOptions {
  RegionOptions region;
  double tolerance = 15;
  double tolerance_share = .04;
};

Fields fields(PointingOptions& o) {
  return {real_field("tolerance", o.tolerance, 0, 1e6,
                     "pixels between the point and the object that still hit, exclusive"),
          real_field("tolerance-share", o.tolerance_share, 0, 1,
                     "where tolerance is 0: the tolerance as a share of the shorter side"),
          mask_field(o.region), subset_field(o.region)};
}

Measurement measure(const PointingOptions& o, const MetricCase& one) {
  const Region region = region_of(one, o.region);
  if (!region.skipped.empty()) return {.skipped = region.skipped};
  const auto shorter = static_cast<double>(std::min(one.original.size(0), one.original.size(1)));
  const double tolerance = o.tolerance > 0 ? o.tolerance : o.tolerance_share * shorter;
  const Peak peak = peak_of(one.original);
  const bool hit = !peak.constant && point_hits(region.mask, peak.point, tolerance);
  return {.values = {{"hit", hit ? 1 : 0}, {"x", peak.point.x}, {"y", peak.point.y}}};
}

std::vector<double> summarize(const PointingOptions&, const std::vector<MetricRow>& rows) {
  return {class_mean_of(rows, "hit"), mean_of(rows, "hit")};
}

}  // namespace

MetricEntry metric_pointing_game() {
  return define_metric<PointingOptions>(
      {.name = "pointing-game",
       .title = "Pointing game",
       .summary = "How often the largest value of a map lies on the object, or close to it.",
       .formula = "hit: a pixel of the class is nearer than the tolerance to argmax S",
       .paper = "Zhang et al.: Top-down Neural Attention by Excitation Backprop, 2016",
       .columns = {{.name = "accuracy", .help = "hits over pairs of each class, then their mean"},
                   {.name = "micro-accuracy", .help = "hits over all pairs"}},
       .needs_mask = true},
      fields, measure, summarize);
}

}  // namespace limn
