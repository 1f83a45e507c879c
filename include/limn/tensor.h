// The only door to libtorch in the public headers.
#pragma once
#include <ATen/core/Tensor.h>

#include <vector>

namespace limn {
/// libtorch's tensor. Images are [N, C, H, W]; maps are [N, H, W].
using Tensor = at::Tensor;
/// Several tensors in the order of a node's inputs or outputs; an undefined one means "none".
using Tensors = std::vector<Tensor>;
}  // namespace limn
