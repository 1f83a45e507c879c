// MatMul: numpy's matmul. Linear where one side is constant, else a product of activations.
#include "ops/linear_support.h"
#include "ops/op.h"
#include "ops/window.h"

namespace limn {
namespace {

/// z = x W (weight on the right) or W x (on the left), with the constant as stored.
class MatMulView : public LinearView {
 public:
  MatMulView(const Tensor& x, const Tensor& w, bool weight_left)
      : left_(weight_left), x_sizes_(x.sizes().vec()) {
    weight_ = w;
  }

  Tensor apply(const Tensor& x, const Tensor& w, const Tensor& b) const override {
    Tensor z;
    if (w.dim() == weight_.dim()) {
      z = left_ ? at::matmul(w, x) : at::matmul(x, w);
    } else {
      const Tensor matrix = aligned(w, x.size(0), x.dim());
      const Tensor columns = as_matrix(x);
      z = drop_added(left_ ? at::matmul(matrix, columns) : at::matmul(columns, matrix), x);
    }
    return b.defined() ? z + b : z;
  }

  Tensor pull_x(const Tensor& s, const Tensor& w) const override {
    Tensor matrix = as_weight_matrix(w, w.dim() - weight_.dim());
    const bool per_sample = w.dim() != weight_.dim();
    if (per_sample) matrix = aligned(w, s.size(0), static_cast<std::int64_t>(x_sizes_.size()));
    const Tensor transposed = matrix.transpose(-1, -2);
    const Tensor full = output_matrix(s, per_sample);
    Tensor grad = left_ ? at::matmul(transposed, full) : at::matmul(full, transposed);
    if (left_ && x_sizes_.size() == 1) grad = grad.squeeze(-1);
    Sizes sizes = x_sizes_;
    if (has_batch()) sizes[0] = s.size(0);
    if (grad.numel() == c10::multiply_integers(sizes)) return grad.reshape(sizes);
    return sum_to_sizes(grad, sizes);
  }

  Tensor pull_w(const Tensor& x, const Tensor& s) const override {
    if (!has_batch()) {
      fail(ErrorCode::Unsupported,
           "weight gradients per sample need a batch axis of the data alone; ", "the input is ",
           x.sizes(), ", the constant ", weight_.sizes());
    }
    const Tensor data = as_matrix(repeat_batch(x, s.size(0))), full = output_matrix(s, true);
    Tensor grad =
        left_ ? at::matmul(full, data.transpose(-1, -2)) : at::matmul(data.transpose(-1, -2), full);
    Sizes sizes = as_weight_matrix(weight_, 0).sizes().vec();
    if (static_cast<std::int64_t>(sizes.size()) >= grad.dim()) sizes.erase(sizes.begin());
    while (static_cast<std::int64_t>(sizes.size()) + 1 < grad.dim()) sizes.insert(sizes.begin(), 1);
    sizes.insert(sizes.begin(), s.size(0));
    Sizes shape = weight_.sizes().vec();
    shape.insert(shape.begin(), s.size(0));
    return sum_to_sizes(grad, sizes).reshape(shape);
  }

  bool is_pointwise() const override { return true; }

 private:
  /// Dimension 0 of x is also that of z, and free: neither contracted nor met by one of w.
  bool has_batch() const {
    const auto rank = static_cast<std::int64_t>(x_sizes_.size());
    if (rank < (left_ ? 3 : 2)) return false;
    return weight_.dim() <= 2 || weight_.dim() < rank ||
           (weight_.dim() == rank && weight_.size(0) == 1);
  }
  /// The weight with both matrix dimensions; `extra` leading dimensions belong to samples.
  Tensor as_weight_matrix(const Tensor& w, std::int64_t extra) const {
    if (weight_.dim() > 1) return w;
    return w.unsqueeze(left_ ? extra : extra + 1);
  }
  /// Per-sample weights [N, ...] as [N, 1, ..., K, M] against an x of `dim` dimensions.
  Tensor aligned(const Tensor& w, std::int64_t batch, std::int64_t dim) const {
    Tensor matrix = as_weight_matrix(repeat_batch(w, batch), 1);
    const std::int64_t rank = std::max<std::int64_t>(dim, 3);
    while (matrix.dim() < rank) matrix = matrix.unsqueeze(1);
    if (matrix.dim() > rank) matrix = matrix.squeeze(1);
    return matrix;
  }
  /// x as a batch of matrices.
  Tensor as_matrix(const Tensor& x) const { return x.dim() == 2 && !left_ ? x.unsqueeze(1) : x; }
  /// z of `as_matrix(x)` without the dimensions that only the matrices have.
  Tensor drop_added(Tensor z, const Tensor& x) const {
    if (weight_.dim() == 1) z = z.squeeze(left_ ? -2 : -1);
    return x.dim() == 2 && !left_ ? z.squeeze(1) : z;
  }
  /// s with both matrix dimensions, and for samples also that of `as_matrix`.
  Tensor output_matrix(const Tensor& s, bool per_sample) const {
    if (s.dim() == 0) return s.reshape({1, 1});
    Tensor full = s;
    if (x_sizes_.size() == 1) full = full.unsqueeze(left_ ? -1 : -2);
    if (per_sample && !left_ && x_sizes_.size() == 2) full = full.unsqueeze(1);
    if (weight_.dim() == 1) full = full.unsqueeze(left_ ? -2 : -1);
    return full;
  }

  bool left_;
  Sizes x_sizes_;
};

Tensors matmul_forward(const Node&, Inputs in) { return {at::matmul(in[0], in[1])}; }

OpKind matmul_kind(const Node&, std::span<const bool> constant) {
  return constant[0] || constant[1] ? OpKind::Linear : OpKind::Bilinear;
}

std::unique_ptr<LinearView> matmul_view(const Node&, Inputs in, std::span<const bool> constant) {
  const std::size_t data = data_input(constant);
  return std::make_unique<MatMulView>(in[data], in[1 - data], data == 1);
}

Tensors matmul_vjp(const Node&, Inputs in, Inputs, Inputs grad_out, std::span<const bool> wanted) {
  Tensors result(2);
  if (!grad_out[0].defined()) return result;
  for (const std::size_t i : {0u, 1u}) {
    if (!wanted[i]) continue;
    const MatMulView view(in[i], in[1 - i], i == 1);
    result[i] = sum_to_sizes(view.pull_x(grad_out[0], in[1 - i]), in[i].sizes());
  }
  return result;
}

}  // namespace

constinit const OpSpec op_MatMul{.name = "MatMul",
                                 .kind = OpKind::Linear,
                                 .help = "matrix product of any number of dimensions",
                                 .forward = matmul_forward,
                                 .kind_of = matmul_kind,
                                 .linear_view = matmul_view,
                                 .vjp = matmul_vjp,
                                 .inputs_min = 2};

}  // namespace limn
