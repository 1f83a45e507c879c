// Shared by the linear operators: batches that repeat, and the view of operators without weights.
#pragma once
#include "ops/linear_view.h"
#include "ops/op.h"

namespace limn {

/// `tensor` repeated along dimension 0 until it has `count` entries (entry i is i % size).
Tensor repeat_batch(const Tensor& tensor, std::int64_t count);
/// `tensor` summed over the dimensions that broadcasting to its shape from `sizes` added.
Tensor sum_to_sizes(const Tensor& tensor, at::IntArrayRef sizes);

/// [C] as [C, 1, ...] against [N, C, ...] of `rank` dimensions; undefined stays so.
Tensor channel_shaped(const Tensor& values, std::int64_t rank);

/// The `epsilon` of a normalization.
inline double epsilon_of(const Node& node) { return node.attributes.real("epsilon", 1e-5); }

/// z = w * pool(x) + b with a scalar w, or one number per sample ([N]).
class PoolView : public LinearView {
 public:
  Tensor apply(const Tensor& x, const Tensor& w, const Tensor& b) const final;
  Tensor pull_x(const Tensor& s, const Tensor& w) const final;
  Tensor pull_w(const Tensor& x, const Tensor& s) const final;
  bool is_pointwise() const final { return false; }
  bool is_pool() const final { return true; }

  /// A x.
  virtual Tensor pool(const Tensor& x) const = 0;
  /// A^T s, for any batch size.
  virtual Tensor spread(const Tensor& s) const = 0;

 protected:
  explicit PoolView(const Tensor& x) { weight_ = at::ones({}, x.options()); }
};

/// The gradient of an operator whose LinearView is a PoolView, for its first input.
Tensors pool_vjp(const Node& node, Inputs in, Inputs out, Inputs grad_out,
                 std::span<const bool> wanted);

}  // namespace limn
