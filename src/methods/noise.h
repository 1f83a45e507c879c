// Random tensors that are a function of a key alone: the same in any batch, on any device.
#pragma once
#include <cstdint>

#include "limn/tensor.h"

namespace limn {

/// Standard normal numbers, float64 on the CPU (Box and Muller, 1958).
Tensor normal_noise(std::uint64_t key, at::IntArrayRef sizes);
/// Uniform in [0, 1), float64 on the CPU.
Tensor uniform_noise(std::uint64_t key, at::IntArrayRef sizes);

}  // namespace limn
