// A heat map is one float map per picture that knows its way back to the original geometry.
#pragma once
#include <string>
#include <vector>

#include "limn/method.h"
#include "limn/tensor.h"

namespace limn {

/// Affine map from input-tensor pixels to original-picture pixels (edges, not centers):
/// original = scale * input + offset, per axis; the region outside the input had no say.
struct Geometry {
  std::int64_t input_height = 0, input_width = 0;
  std::int64_t original_height = 0, original_width = 0;
  double scale_y = 1, scale_x = 1, offset_y = 0, offset_x = 0;
};

/// [N, h, w] maps resized bilinearly (half-pixel centers) to [N, height, width].
Tensor resize_maps(const Tensor& maps, std::int64_t height, std::int64_t width);
/// [h, w] map, or [N, h, w] maps, at any resolution over the input -> [original_height,
/// original_width] each, on their device; places the input never covered (cropped away) are 0.
Tensor to_original(const Tensor& map, const Geometry& geometry);

}  // namespace limn
