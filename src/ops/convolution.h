// What Conv and ConvTranspose share: libtorch's convolution with explicit pads around it.
#pragma once
#include "ops/linear_view.h"
#include "ops/op.h"
#include "ops/window.h"

namespace limn {

/// z = pad_output(convolution(pad_input(x), w)) + b. Pads are in the order of constant_pad_nd and
/// empty where the kernel's own symmetric padding does.
struct Convolution {
  Sizes stride, padding, dilation, output_padding;
  Sizes pad_input, pad_output;
  std::int64_t groups = 1;
  bool transposed = false;

  /// `b` is [C], or undefined. Throws BadModel where pads or strides would make too large a tensor.
  Tensor forward(const Tensor& x, const Tensor& w, const Tensor& b) const;
  /// Gradients of x and w (undefined where not wanted). `x` gives shape and memory format; its
  /// numbers are read for the weight gradient only.
  std::pair<Tensor, Tensor> backward(const Tensor& s, const Tensor& x, const Tensor& w, bool want_x,
                                     bool want_w) const;
};

/// Throws BadInput unless x and w belong to a convolution in 1, 2 or 3 dimensions.
void check_ranks(const Tensor& x, const Tensor& w);

/// Gradients of x, w and b.
Tensors convolution_vjp(const Convolution& convolution, Inputs in, Inputs grad_out,
                        std::span<const bool> wanted);

/// Weight [O, C/groups, kernel...] (Conv) or [C, O/groups, kernel...] (ConvTranspose), bias
/// [O, 1, ...].
class ConvolutionView : public LinearView {
 public:
  ConvolutionView(Convolution convolution, const Tensor& x, const Tensor& w, const Tensor& b);
  Tensor apply(const Tensor& x, const Tensor& w, const Tensor& b) const override;
  Tensor pull_x(const Tensor& s, const Tensor& w) const override;
  /// Where the stride is 1 the transpose is a convolution with the flipped kernel, and one with the
  /// transposed weight where the kernel is 1x1: packed once (see kernels.h), and oneDNN's
  /// own transposed kernel takes up to twice as long on some sizes in channels_last.
  Tensor transposed(const Tensor& w) const override;
  Tensor pull_x_by(const Tensor& s, const Tensor& v) const override;
  Tensor pull_w(const Tensor& x, const Tensor& s) const override;
  /// For ungrouped convolutions in two dimensions.
  Tensor unfold(const Tensor& x) const override;
  Tensor fold(const Tensor& columns) const override;
  bool is_pointwise() const override;

 private:
  /// A 1x1 kernel at stride 1 without padding: unfolding is a view.
  bool sees_each_place_once() const;

  Convolution convolution_;
  Sizes x_sizes_;
  at::MemoryFormat format_;
};

}  // namespace limn
