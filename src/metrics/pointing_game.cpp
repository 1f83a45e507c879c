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

void check_tolerance(double tolerance) {
  if (!(tolerance >= 0)) {
    fail(ErrorCode::InvalidArgument, "tolerance=", tolerance, "; give one of at least 0");
  }
}

/// Where the pixels near a point lie on one axis: the same number for every point, int64 [N, n].
Tensor places_near(const Tensor& points, double tolerance, std::int64_t size) {
  const double wide = 2 * std::ceil(tolerance) + 2;
  const auto count = static_cast<std::int64_t>(std::min(wide, static_cast<double>(size)));
  const Tensor first =
      (points.floor() - std::ceil(tolerance)).clamp(0, static_cast<double>(size - count));
  return first.to(at::kLong).unsqueeze(1) + at::arange(count, first.options().dtype(at::kLong));
}

/// A constant map hits nothing.
Tensor hits_of(const batched::MapPoints& points, const Tensor& masks, double tolerance) {
  return batched::point_hits(masks, points, tolerance).logical_and(points.constant.logical_not());
}

}  // namespace

namespace batched {

MapPoints largest_point(const Tensor& maps) {
  // A pointing game costs next to nothing beside its map: maps are not widened first, and reduced
  // to rows before a place is looked for.
  const bool narrow = maps.dim() == 3 && maps.numel() > 0 && maps.scalar_type() == at::kFloat;
  const Tensor values = narrow ? maps : plain_maps(maps);
  const auto [high, y] = values.amax(2).max(1);
  const Tensor low = values.amin({1, 2});
  // NaN goes through both; what is wrong is said there.
  if (narrow && !low.isfinite().logical_and(high.isfinite()).all().item<bool>()) plain_maps(maps);
  const Tensor row = values.gather(1, y.view({-1, 1, 1}).expand({-1, 1, values.size(2)}));
  return {.x = row.squeeze(1).argmax(1).to(at::kDouble),
          .y = y.to(at::kDouble),
          .constant = low == high};
}

Tensor point_hits(const Tensor& masks, const MapPoints& points, double tolerance) {
  const std::int64_t count = points.x.numel();
  const bool shared = masks.dim() == 2;
  if (count < 1 || points.y.numel() != count ||
      (!shared && (masks.dim() != 3 || masks.size(0) != count))) {
    fail(ErrorCode::BadInput, "masks are [h, w], or [N, h, w] for N points, not ", masks.sizes(),
         " for x ", points.x.sizes(), " and y ", points.y.sizes());
  }
  check_tolerance(tolerance);
  if (!points.x.isfinite().logical_and(points.y.isfinite()).all().item<bool>()) {
    fail(ErrorCode::InvalidArgument, "a point is not finite");
  }
  const std::int64_t height = masks.size(-2), width = masks.size(-1);
  const Tensor inside = masks.to(points.x.device(), at::kBool)
                            .expand({count, height, width})
                            .reshape({count, height * width});
  // Only pixels within the tolerance are looked at.
  const Tensor rows = places_near(points.y, tolerance, height).unsqueeze(2);
  const Tensor columns = places_near(points.x, tolerance, width).unsqueeze(1);
  const Tensor squared =
      (rows - points.y.view({-1, 1, 1})).square() + (columns - points.x.view({-1, 1, 1})).square();
  const Tensor near = (squared < tolerance * tolerance).logical_or(squared == 0);
  return inside.gather(1, (rows * width + columns).flatten(1)).logical_and(near.flatten(1)).any(1);
}

Tensor map_hits(const Tensor& maps, const Tensor& masks, double tolerance) {
  return hits_of(largest_point(maps), plain_masks(masks, maps), tolerance);
}

}  // namespace batched

MapPoint largest_point(const Tensor& map) {
  const batched::MapPoints points = batched::largest_point(one_map(map));
  return {.x = points.x.item<double>(), .y = points.y.item<double>()};
}

bool point_hits(const Tensor& mask, const MapPoint& point, double tolerance) {
  if (mask.dim() != 2) fail(ErrorCode::BadInput, "a mask is [h, w], not ", mask.sizes());
  check_tolerance(tolerance);
  batched::MapPoints points;
  points.x = at::full({1}, point.x, at::TensorOptions(mask.device()).dtype(at::kDouble));
  points.y = at::full_like(points.x, point.y);
  return batched::point_hits(mask, points, tolerance).item<bool>();
}

bool map_hits(const Tensor& map, const Tensor& mask, double tolerance) {
  return batched::map_hits(one_map(map), one_map(mask, "mask"), tolerance).item<bool>();
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

std::vector<Measurement> measure(const PointingOptions& o, const std::vector<MetricCase>& cases) {
  return measure_regions(cases, o.region, [&](const RegionBatch& batch) -> RegionValues {
    const auto shorter = static_cast<double>(std::min(batch.maps.size(1), batch.maps.size(2)));
    const double tolerance = o.tolerance > 0 ? o.tolerance : o.tolerance_share * shorter;
    const batched::MapPoints points = batched::largest_point(batch.maps);
    return {{"hit", hits_of(points, batch.masks, tolerance)}, {"x", points.x}, {"y", points.y}};
  });
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
