// Random tensors that are a function of a key alone: the same in any batch, on any device.
#pragma once
#include <cstdint>

#include "limn/method.h"
#include "limn/tensor.h"

namespace limn {

/// Standard normal numbers, float64 on the CPU (Box and Muller, 1958).
Tensor normal_noise(std::uint64_t key, at::IntArrayRef sizes);
/// Uniform in [0, 1), float64 on the CPU.
Tensor uniform_noise(std::uint64_t key, at::IntArrayRef sizes);

/// Copies first .. first + count - 1 of x [C, H, W] with Gaussian noise of this deviation; copy i
/// gets the same noise in any batch. Noise given in the options [n, C, H, W] replaces it.
Tensor noisy_copies(const Tensor& x, double deviation, const ExplainOptions& options,
                    std::int64_t first, std::int64_t count);

}  // namespace limn
