// What pictures pay for looking unlike pictures, and the random views that they must please.
#pragma once
#include <cstdint>

#include "limn/tensor.h"

namespace limn {

/// [N]: sum over channels and places of ((p(y+1, x) - p(y, x))^2 + (p(y, x+1) - p(y,
/// x))^2)^(beta/2) of pictures [N, C, H, W], differentiable; the last row and column have no term.
/// Source: Mahendran, Vedaldi, 2015, per channel.
Tensor smoothness_price(const Tensor& pictures, double beta);

/// How far views go: a share of the longer side, a share of the size, degrees.
struct ViewOptions {
  double jitter = 0, scale = 0, rotation = 0;
  bool moves() const { return jitter > 0 || scale > 0 || rotation > 0; }
};
/// [2, 3] float64: where each place of a view, in coordinates from -1 to 1, lies in the picture.
/// Shift, logarithm of the scale and angle are uniform; a function of seed and step alone.
Tensor view_matrix(const ViewOptions& options, std::uint64_t seed, std::uint64_t step,
                   std::int64_t height, std::int64_t width);
/// Pictures [N, C, H, W] through that view: bilinear, differentiable, gray (1/2) beyond the border.
Tensor view_of(const Tensor& pictures, const Tensor& matrix);

}  // namespace limn
