// Filters that are the outer product of two rows of taps.
#pragma once
#include <cstdint>
#include <vector>

#include "limn/tensor.h"

namespace limn {

/// exp(-j^2 / (2 sigma^2)) at j = -reach .. reach, normalized to sum 1.
std::vector<double> gaussian_taps(std::int64_t reach, double sigma);
/// Each channel of x [N, C, H, W], which is padded already: first down, then across.
Tensor filter_separable(const Tensor& x, const std::vector<double>& down,
                        const std::vector<double>& across);

}  // namespace limn
