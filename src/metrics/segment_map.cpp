// A map cut into foreground and background, and how right that is: thresholds and counts. See
// localization.h.
#include <ATen/ATen.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>

#include "limn/error.h"
#include "limn/localization.h"
#include "metrics/region.h"

namespace limn {
namespace {

double share_of(std::int64_t part, std::int64_t whole) {
  return whole > 0 ? static_cast<double>(part) / static_cast<double>(whole)
                   : std::numeric_limits<double>::quiet_NaN();
}

}  // namespace

Tensor batched::otsu_threshold(const Tensor& maps) {
  constexpr std::int64_t kBins = 256;
  const Tensor rows = plain_maps(maps).flatten(1);
  const Tensor low = rows.amin(1, true), high = rows.amax(1, true);
  const Tensor step = (high - low) / kBins;
  const Tensor constant = step == 0;
  const Tensor width = at::where(constant, at::ones_like(step), step);
  const Tensor bins = ((rows - low) / width).to(at::kLong).clamp(0, kBins - 1);
  const Tensor count =
      at::zeros({rows.size(0), kBins}, rows.options()).scatter_add_(1, bins, at::ones_like(rows));
  // Sums of whole numbers are exact in any order, so that the first of equal bins is the best.
  const Tensor number = at::arange(kBins, rows.options());
  const Tensor below = count.cumsum(1), below_sum = (count * number).cumsum(1);
  // The highest bin is never empty: above every bin but it lies at least one pixel.
  const auto but_last = [](const Tensor& of) { return of.narrow(1, 0, kBins - 1); };
  const auto above = [&](const Tensor& of) { return of.narrow(1, kBins - 1, 1) - but_last(of); };
  const Tensor apart = but_last(below_sum) / but_last(below) - above(below_sum) / above(below);
  const Tensor between = but_last(below) * above(below) * apart.square();
  const Tensor best = between.argmax(1, true).to(at::kDouble);
  return at::where(constant, low, low + (best + .5) * width).squeeze(1);
}

double otsu_threshold(const Tensor& map) {
  return batched::otsu_threshold(one_map(map)).item<double>();
}

Tensor batched::map_threshold(const Tensor& maps, const std::string& rule) {
  const Tensor values = plain_maps(maps);
  if (rule == "zero") return at::zeros({values.size(0)}, values.options());
  if (rule == "mean") return values.mean({1, 2});
  if (rule == "otsu") return batched::otsu_threshold(values);
  double share = 0;
  const auto* end = rule.data() + rule.size();
  const auto read = std::from_chars(rule.data(), end, share);
  if (read.ec != std::errc() || read.ptr != end || !std::isfinite(share)) {
    fail(ErrorCode::InvalidArgument, "threshold \"", rule,
         "\"; legal: zero, mean, otsu, or a number such as 0.2: a share of the map's largest "
         "absolute value");
  }
  return share * values.abs().amax({1, 2});
}

double map_threshold(const Tensor& map, const std::string& rule) {
  return batched::map_threshold(one_map(map), rule).item<double>();
}

Tensor batched::segment_map(const Tensor& maps, const std::string& rule) {
  const Tensor values = plain_maps(maps);
  const Tensor above = values > batched::map_threshold(values, rule).view({-1, 1, 1});
  return above.logical_and(are_constant(values).logical_not().view({-1, 1, 1}));
}

Tensor segment_map(const Tensor& map, const std::string& rule) {
  return batched::segment_map(one_map(map), rule).squeeze(0);
}

SegmentationCounts& SegmentationCounts::operator+=(const SegmentationCounts& other) {
  true_foreground += other.true_foreground;
  false_foreground += other.false_foreground;
  true_background += other.true_background;
  false_background += other.false_background;
  return *this;
}

std::int64_t SegmentationCounts::pixels() const {
  return true_foreground + false_foreground + true_background + false_background;
}

double SegmentationCounts::pixel_accuracy() const {
  return share_of(true_foreground + true_background, pixels());
}

double SegmentationCounts::foreground_iou() const {
  return share_of(true_foreground, pixels() - true_background);
}

double SegmentationCounts::background_iou() const {
  return share_of(true_background, pixels() - true_foreground);
}

double SegmentationCounts::mean_iou() const {
  const double foreground = foreground_iou(), background = background_iou();
  if (std::isnan(foreground)) return background;
  return std::isnan(background) ? foreground : (foreground + background) / 2;
}

double SegmentationCounts::average_precision() const {
  const double right = pixel_accuracy();
  return right * right + (1 - right) / 2;
}

batched::SegmentationCounts batched::count_segmentation(const Tensor& predicted,
                                                        const Tensor& masks,
                                                        const Tensor& ignored) {
  if (predicted.dim() != 3 || predicted.numel() == 0) {
    fail(ErrorCode::BadInput, "predictions are [N, h, w] with at least one pixel, not ",
         predicted.sizes());
  }
  const Tensor p = predicted.to(at::kBool), m = plain_masks(masks, predicted);
  const Tensor counts = counted_pixels(ignored, predicted);
  const auto size = [&](const Tensor& set) { return set.logical_and(counts).sum({1, 2}); };
  batched::SegmentationCounts out;
  out.true_foreground = size(p.logical_and(m));
  out.false_foreground = size(p) - out.true_foreground;
  out.false_background = size(m) - out.true_foreground;
  out.true_background = size(p.logical_or(m).logical_not());
  return out;
}

SegmentationCounts count_segmentation(const Tensor& predicted, const Tensor& mask,
                                      const Tensor& ignored) {
  const auto counts =
      batched::count_segmentation(one_map(predicted, "prediction"), one_map(mask, "mask"), ignored);
  return {.true_foreground = counts.true_foreground.item<std::int64_t>(),
          .false_foreground = counts.false_foreground.item<std::int64_t>(),
          .true_background = counts.true_background.item<std::int64_t>(),
          .false_background = counts.false_background.item<std::int64_t>()};
}

}  // namespace limn
