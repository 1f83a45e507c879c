// Resize along one axis: which input places each output place reads, and with what weights.
#pragma once
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace limn {

/// The attributes of Resize that all axes share.
struct ResizeOptions {
  std::string mode = "nearest";           ///< nearest, linear, cubic
  std::string coordinate = "half_pixel";  ///< coordinate_transformation_mode
  std::string nearest = "round_prefer_floor";
  double cubic_coefficient = -0.75;
  bool exclude_outside = false;
  bool antialias = false;
};

/// One resized axis. The region is used by tf_crop_and_resize alone, in fractions of the axis.
struct ResizeAxis {
  std::int64_t axis = 0, in = 0, out = 0;
  double scale = 1;
  double region_begin = 0, region_end = 1;
};

/// Where output place `at` lies on the input axis, in input places.
double resize_position(const ResizeOptions& options, const ResizeAxis& axis, std::int64_t at);
/// True where tf_crop_and_resize looks outside the input.
bool resize_outside(const ResizeOptions& options, const ResizeAxis& axis, double position);
/// The input place of mode nearest.
std::int64_t resize_nearest(const ResizeOptions& options, const ResizeAxis& axis, double position);
/// Input places and weights of modes linear and cubic. A place may appear more than once (edges
/// repeat); the weights sum to 1.
std::vector<std::pair<std::int64_t, double>> resize_taps(const ResizeOptions& options,
                                                         const ResizeAxis& axis, double position);

}  // namespace limn
