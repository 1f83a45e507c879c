// Positions and weights of Resize. Source: the ONNX specification of Resize, opsets 10 to 19, and
// its reference implementation (onnx/onnx, reference/ops/op_resize.py).
#include "ops/resize_axis.h"

#include <algorithm>
#include <cmath>

namespace limn {
namespace {

/// Keys' cubic convolution kernel.
double cubic_kernel(double distance, double a) {
  const double x = std::abs(distance);
  if (x <= 1) return ((a + 2) * x - (a + 3)) * x * x + 1;
  if (x < 2) return ((a * x - 5 * a) * x + 8 * a) * x - 4 * a;
  return 0;
}

}  // namespace

double resize_position(const ResizeOptions& options, const ResizeAxis& axis, std::int64_t at) {
  const auto x = static_cast<double>(at), in = static_cast<double>(axis.in),
             out = static_cast<double>(axis.out);
  const std::string& mode = options.coordinate;
  if (mode == "align_corners") return axis.out == 1 ? 0 : x * (in - 1) / (out - 1);
  if (mode == "asymmetric") return x / axis.scale;
  if (mode == "tf_half_pixel_for_nn") return (x + 0.5) / axis.scale;
  if (mode == "tf_crop_and_resize") {
    const double begin = axis.region_begin, end = axis.region_end;
    if (axis.out == 1) return 0.5 * (begin + end) * (in - 1);
    return begin * (in - 1) + x * (end - begin) * (in - 1) / (out - 1);
  }
  if (mode == "pytorch_half_pixel" && axis.out == 1) return 0;
  if (mode != "half_pixel_symmetric") return (x + 0.5) / axis.scale - 0.5;
  // Centers the output on the input where scale * in is no whole number. The order of the sums is
  // the reference's: mode nearest has ties here that other rounding would break differently.
  const double adjustment = out / (axis.scale * in);
  return in / 2 * (1 - adjustment) + (x + 0.5) / axis.scale - 0.5;
}

bool resize_outside(const ResizeOptions& options, const ResizeAxis& axis, double position) {
  return options.coordinate == "tf_crop_and_resize" &&
         (position < 0 || position > static_cast<double>(axis.in - 1));
}

std::int64_t resize_nearest(const ResizeOptions& options, const ResizeAxis& axis, double position) {
  double place = std::ceil(position - 0.5);
  if (options.nearest == "round_prefer_ceil") place = std::floor(position + 0.5);
  if (options.nearest == "floor") place = std::floor(position);
  if (options.nearest == "ceil") place = std::ceil(position);
  return std::clamp(static_cast<std::int64_t>(place), std::int64_t{0}, axis.in - 1);
}

std::vector<std::pair<std::int64_t, double>> resize_taps(const ResizeOptions& options,
                                                         const ResizeAxis& axis, double position) {
  const bool linear = options.mode == "linear";
  // Antialiasing stretches the kernel by the factor of reduction.
  const double stretch = options.antialias ? std::min(axis.scale, 1.0) : 1;
  const double radius = (linear ? 1 : 2) / stretch;
  const auto base = static_cast<std::int64_t>(std::floor(position));
  const std::int64_t first = base + static_cast<std::int64_t>(std::floor(-radius)) + 1;
  const std::int64_t last = base + static_cast<std::int64_t>(std::ceil(radius));
  std::vector<std::pair<std::int64_t, double>> taps;
  double sum = 0;
  for (std::int64_t place = first; place <= last; ++place) {
    if (options.exclude_outside && (place < 0 || place >= axis.in)) continue;
    const double distance = (static_cast<double>(place) - position) * stretch;
    const double weight = linear ? std::max(0.0, 1 - std::abs(distance))
                                 : cubic_kernel(distance, options.cubic_coefficient);
    sum += weight;
    taps.emplace_back(std::clamp(place, std::int64_t{0}, axis.in - 1), weight);
  }
  for (auto& [place, weight] : taps) weight /= sum;
  return taps;
}

}  // namespace limn
