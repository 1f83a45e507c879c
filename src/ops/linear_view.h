// What every relevance rule needs of a linear operator, and nothing more.
#pragma once
#include "limn/tensor.h"

namespace limn {

/// A node seen as z = A(w) x + b: convolution, matrix product, pooling, batch normalization...
/// Shapes: x as the node's data input, z as its output, w as `weight()`, b as `bias()`.
/// `w` may have one dimension more than `weight()`: then w[n % w.size(0)] is the weight of sample
/// n. The batch of x and s may be any multiple of the tape's: sample n belongs to tape sample n %
/// N. Operators without weights (pools, resize) have a scalar weight of 1, so that w+ = w, w- = 0.
class LinearView {
 public:
  virtual ~LinearView() = default;

  /// The weight in the layout that the calls below take.
  const Tensor& weight() const { return weight_; }
  /// Undefined where there is none. Shaped to broadcast against z.
  const Tensor& bias() const { return bias_; }

  /// z = A(w) x + b; an undefined b adds nothing. x may have any batch size.
  virtual Tensor apply(const Tensor& x, const Tensor& w, const Tensor& b) const = 0;
  /// A(w)^T s, shaped like x.
  virtual Tensor pull_x(const Tensor& s, const Tensor& w) const = 0;
  /// A weight v for `pull_x_by(s, v)` = `pull_x(s, w)`, where that is the faster way; else
  /// undefined. Making it costs about a copy of w, so rules keep it.
  virtual Tensor transposed(const Tensor& /*w*/) const { return {}; }
  virtual Tensor pull_x_by(const Tensor& /*s*/, const Tensor& /*v*/) const { return {}; }
  /// d(sum z*s)/dw per sample: [N, w.shape].
  virtual Tensor pull_w(const Tensor& x, const Tensor& s) const = 0;
  /// The input that each output place sees, [N, K, P] with K values of each of P places, so that
  /// z = W unfold(x) for the weight as a matrix [O, K]; undefined where there is no such form.
  virtual Tensor unfold(const Tensor& /*x*/) const { return {}; }
  /// Its transpose: sums columns [N, K, P] into the shape of x.
  virtual Tensor fold(const Tensor& /*columns*/) const { return {}; }
  /// True where each output place sees one input place (1x1 convolution, matrix product).
  virtual bool is_pointwise() const = 0;
  /// True for operators without weights of their own (pools, resize, mean).
  virtual bool is_pool() const { return false; }

 protected:
  Tensor weight_;
  Tensor bias_;
};

}  // namespace limn
