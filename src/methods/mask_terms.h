// What optimized masks pay for besides the score, each with its gradient; and how a coarse mask
// becomes one value per pixel.
#pragma once
#include <vector>

#include "limn/tensor.h"

namespace limn {

struct Term {
  Tensor value, gradient;
};

/// [A, pixels]: per area the sorted values of a sharp mask of `pixels`, int(pixels (1 - area))
/// zeros and then ones.
Tensor sharp_masks(const std::vector<double>& areas, std::int64_t pixels,
                   const at::TensorOptions& like);
/// -weight mean((sort(m) - sharp)^2) of each mask [A, pixels], and its gradient there. Equal values
/// stand as libtorch's sort leaves them.
Term area_term(const Tensor& masks, const Tensor& sharp, double weight);

/// sum |m(y + 1, x) - m(y, x)|^beta + |m(y, x + 1) - m(y, x)|^beta of a mask [h, w]; beta >= 1.
Term total_variation(const Tensor& mask, double beta);

/// [size, cells]: how much each of ceil(size / cell) cells along a side counts at each pixel. A
/// Gaussian of 5/8 cell around the cell's middle; each pixel's shares sum to one.
Tensor growth(std::int64_t size, std::int64_t cell, const at::TensorOptions& like);

}  // namespace limn
