// How a method's explanation becomes a map that checks can use.
#pragma once
#include "limn/method.h"
#include "limn/tensor.h"

namespace limn {

/// Sample 0 as float64 [H, W] on the CPU; undefined where it is constant or not finite.
Tensor usable_map(const Explanation& explanation, at::IntArrayRef size);

}  // namespace limn
