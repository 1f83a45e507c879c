// Where libtorch's way to the same numbers is slow on the CPU: small convolutions with fixed
// weights, and matrix products of a single row.
#pragma once
#include "limn/tensor.h"
#include "ops/window.h"

namespace limn {

/// at::convolution (not transposed), with the same numbers. libtorch brings a weight into oneDNN's
/// layout on every call, which on small feature maps costs more than the convolution; here a
/// weight that comes a second time with inputs of the same size is packed once and kept for as
/// long as its tensor lives. Weights must not be modified in place. Thread-safe.
Tensor convolve(const Tensor& x, const Tensor& w, const Tensor& b, const Sizes& stride,
                const Sizes& padding, const Sizes& dilation, std::int64_t groups);

/// a b for matrices; a single row goes as a matrix-vector product, which reads b once where the
/// product of matrices copies it first.
Tensor matrix_product(const Tensor& a, const Tensor& b);

/// While it lives, both are libtorch's plain calls on this thread: the yardstick of
/// `limn bench cost`.
class PlainKernels {
 public:
  PlainKernels();
  ~PlainKernels();
  PlainKernels(const PlainKernels&) = delete;
  PlainKernels& operator=(const PlainKernels&) = delete;
};

}  // namespace limn
