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

double otsu_threshold(const Tensor& map) {
  constexpr int kBins = 256;
  const Tensor values = plain_map(map);
  const double low = values.min().item<double>(), high = values.max().item<double>();
  if (low == high) return low;
  const double width = (high - low) / kBins;
  const auto center = [&](int bin) { return low + (bin + .5) * width; };
  std::vector<double> count(kBins, 0);
  const auto* v = values.data_ptr<double>();
  double sum = 0;
  for (std::int64_t i = 0; i < values.numel(); ++i) {
    const int bin = std::clamp(static_cast<int>((v[i] - low) / width), 0, kBins - 1);
    ++count[static_cast<std::size_t>(bin)];
    sum += center(bin);
  }
  double below = 0, below_sum = 0, best = -1;
  int best_bin = 0;
  const auto total = static_cast<double>(values.numel());
  for (int bin = 0; bin + 1 < kBins; ++bin) {
    const double here = count[static_cast<std::size_t>(bin)];
    below += here;
    below_sum += here * center(bin);
    const double above = total - below;
    // The lowest and the highest bin are never empty: below and above are at least 1.
    const double apart = below_sum / below - (sum - below_sum) / above;
    const double between = below * above * apart * apart;
    if (between > best) {
      best = between;
      best_bin = bin;
    }
  }
  return center(best_bin);
}

double map_threshold(const Tensor& map, const std::string& rule) {
  const Tensor values = plain_map(map);
  if (rule == "zero") return 0;
  if (rule == "mean") return values.mean().item<double>();
  if (rule == "otsu") return otsu_threshold(values);
  double share = 0;
  const auto* end = rule.data() + rule.size();
  const auto read = std::from_chars(rule.data(), end, share);
  if (read.ec != std::errc() || read.ptr != end || !std::isfinite(share)) {
    fail(ErrorCode::InvalidArgument, "threshold \"", rule,
         "\"; legal: zero, mean, otsu, or a number such as 0.2: a share of the map's largest "
         "absolute value");
  }
  return share * values.abs().max().item<double>();
}

Tensor segment_map(const Tensor& map, const std::string& rule) {
  const Tensor values = plain_map(map);
  const double threshold = map_threshold(values, rule);
  return is_constant(values) ? at::zeros_like(values, at::kBool) : values > threshold;
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

SegmentationCounts count_segmentation(const Tensor& predicted, const Tensor& mask,
                                      const Tensor& ignored) {
  const Tensor p = plain_mask(predicted, mask, "prediction");
  const Tensor m = plain_mask(mask, mask);
  Tensor counts = at::ones_like(m);
  if (ignored.defined()) counts = plain_mask(ignored, mask, "mask of ignored pixels") == 0;
  const auto size = [&](const Tensor& set) {
    return set.logical_and(counts).sum().item<std::int64_t>();
  };
  SegmentationCounts out;
  out.true_foreground = size(p.logical_and(m));
  out.false_foreground = size(p) - out.true_foreground;
  out.false_background = size(m) - out.true_foreground;
  out.true_background =
      size(at::ones_like(m)) - out.true_foreground - out.false_foreground - out.false_background;
  return out;
}

}  // namespace limn
