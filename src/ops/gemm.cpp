// Gemm: y = alpha * A' B' + beta * C for matrices, A' and B' transposed where asked.
#include "ops/kernels.h"
#include "ops/linear_support.h"
#include "ops/op.h"

namespace limn {
namespace {

Tensor maybe_scaled(const Tensor& tensor, double factor) {
  return factor == 1 ? tensor : tensor * factor;
}

/// x is A [N, K]; w is B as stored ([K, M], or [M, K] with transB); the bias is beta * C.
class GemmView : public LinearView {
 public:
  GemmView(const Node& node, const Tensor& w, const Tensor& c)
      : alpha_(node.attributes.real("alpha", 1)),
        transposed_(node.attributes.integer("transB", 0) != 0) {
    weight_ = w;
    if (!c.defined()) return;
    bias_ = maybe_scaled(c, node.attributes.real("beta", 1));
    if (bias_.dim() == 2 && bias_.size(0) == 1) bias_ = bias_.squeeze(0);
  }

  Tensor apply(const Tensor& x, const Tensor& w, const Tensor& b) const override {
    const Tensor z = product(x, transposed_ ? w.transpose(-1, -2) : w);
    return b.defined() ? z + b : z;
  }
  Tensor pull_x(const Tensor& s, const Tensor& w) const override {
    return product(s, transposed_ ? w : w.transpose(-1, -2));
  }
  Tensor pull_w(const Tensor& x, const Tensor& s) const override {
    const Tensor rows = repeat_batch(x, s.size(0));
    const Tensor outer =
        transposed_ ? s.unsqueeze(2) * rows.unsqueeze(1) : rows.unsqueeze(2) * s.unsqueeze(1);
    return maybe_scaled(outer, alpha_);
  }
  bool is_pointwise() const override { return true; }

 private:
  Tensor product(const Tensor& x, const Tensor& w) const {
    if (w.dim() == 2) return maybe_scaled(matrix_product(x, w), alpha_);
    const Tensor each = at::bmm(x.unsqueeze(1), repeat_batch(w, x.size(0))).squeeze(1);
    return maybe_scaled(each, alpha_);
  }

  double alpha_;
  bool transposed_;
};

Tensors gemm_forward(const Node& node, Inputs in) {
  const bool trans_a = node.attributes.integer("transA", 0) != 0;
  const bool trans_b = node.attributes.integer("transB", 0) != 0;
  const double alpha = node.attributes.real("alpha", 1), beta = node.attributes.real("beta", 1);
  const Tensor a = trans_a ? in[0].t() : in[0], b = trans_b ? in[1].t() : in[1];
  const Tensor c = optional_input(in, 2);
  const Tensor product = maybe_scaled(matrix_product(a, b), alpha);
  return {c.defined() ? product + maybe_scaled(c, beta) : product};
}

OpKind gemm_kind(const Node&, std::span<const bool> constant) {
  return constant[0] || constant[1] ? OpKind::Linear : OpKind::Bilinear;
}

std::unique_ptr<LinearView> gemm_view(const Node& node, Inputs in, std::span<const bool> constant) {
  if (node.attributes.integer("transA", 0) != 0 || constant[0]) {
    fail(ErrorCode::Unsupported,
         "relevance needs the data as input A and transA=0; export the layer as x W^T + b");
  }
  return std::make_unique<GemmView>(node, in[1], optional_input(in, 2));
}

Tensors gemm_vjp(const Node& node, Inputs in, Inputs, Inputs grad_out,
                 std::span<const bool> wanted) {
  Tensors result(in.size());
  const Tensor& s = grad_out[0];
  if (!s.defined()) return result;
  const bool trans_a = node.attributes.integer("transA", 0) != 0;
  const bool trans_b = node.attributes.integer("transB", 0) != 0;
  const double alpha = node.attributes.real("alpha", 1), beta = node.attributes.real("beta", 1);
  if (wanted[0]) {
    const Tensor grad = matrix_product(s, trans_b ? in[1] : in[1].t());
    result[0] = maybe_scaled(trans_a ? grad.t() : grad, alpha);
  }
  if (wanted[1]) {
    const Tensor grad = at::mm(trans_a ? in[0] : in[0].t(), s);
    result[1] = maybe_scaled(trans_b ? grad.t() : grad, alpha);
  }
  if (in.size() > 2 && in[2].defined() && wanted[2]) {
    result[2] = maybe_scaled(sum_to_sizes(s, in[2].sizes()), beta);
  }
  return result;
}

}  // namespace

constinit const OpSpec op_Gemm{
    .name = "Gemm",
    .kind = OpKind::Linear,
    .help = "matrix product with scaling and bias (fully connected layer)",
    .forward = gemm_forward,
    .kind_of = gemm_kind,
    .linear_view = gemm_view,
    .vjp = gemm_vjp,
    .inputs_min = 2};

}  // namespace limn
