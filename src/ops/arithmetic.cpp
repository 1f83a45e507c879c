// Add, Sub, Sum, Mean, Mul, Div, Neg, Pow with numpy broadcasting. Between activations the sums are
// joins and the products bilinear; with a constant on one side they are z = w x + b elementwise.
#include "ops/linear_support.h"
#include "ops/op.h"

namespace limn {
namespace {

std::size_t activations(std::span<const bool> constant) {
  return static_cast<std::size_t>(std::count(constant.begin(), constant.end(), false));
}

/// z = w x + b, all elementwise and broadcasting.
class ElementwiseView : public LinearView {
 public:
  ElementwiseView(const Tensor& x, Tensor w, Tensor b) : x_sizes_(x.sizes().vec()) {
    weight_ = std::move(w);
    bias_ = std::move(b);
  }
  Tensor apply(const Tensor& x, const Tensor& w, const Tensor& b) const override {
    const Tensor z = x * matched(w, x.dim());
    return b.defined() ? z + b : z;
  }
  Tensor pull_x(const Tensor& s, const Tensor& w) const override {
    return sum_to_sizes(s * matched(w, s.dim()), sizes_for(s));
  }
  Tensor pull_w(const Tensor& x, const Tensor& s) const override {
    const Tensor product = s * x;
    Tensors per_sample;
    for (std::int64_t n = 0; n < product.size(0); ++n) {
      const Tensor one = product.slice(0, n, n + 1);
      per_sample.push_back(weight_.dim() == 0 ? one.sum() : sum_to_sizes(one, weight_.sizes()));
    }
    return at::stack(per_sample);
  }
  bool is_pointwise() const override { return true; }

 private:
  /// Per-sample weights [N, w.shape] get axes of size one until they align with x.
  Tensor matched(const Tensor& w, std::int64_t dims) const {
    if (w.dim() <= weight_.dim()) return w;
    std::vector<std::int64_t> shape = w.sizes().vec();
    if (static_cast<std::int64_t>(shape.size()) > dims && shape[1] == 1)
      shape.erase(shape.begin() + 1);
    while (static_cast<std::int64_t>(shape.size()) < dims) shape.insert(shape.begin() + 1, 1);
    return w.reshape(shape);
  }
  /// The sizes of x for the batch of s, which may be a multiple of the tape's.
  std::vector<std::int64_t> sizes_for(const Tensor& s) const {
    std::vector<std::int64_t> sizes = x_sizes_;
    if (!sizes.empty() && static_cast<std::int64_t>(sizes.size()) == s.dim() && sizes[0] != 1) {
      sizes[0] = s.size(0);
    } else if (!sizes.empty() && static_cast<std::int64_t>(sizes.size()) == s.dim() &&
               s.size(0) > 1) {
      sizes[0] = s.size(0);
    }
    return sizes;
  }
  std::vector<std::int64_t> x_sizes_;
};

Tensor scalar(double value, const Tensor& like) { return at::full({}, value, like.options()); }

OpKind join_kind(const Node&, std::span<const bool> constant) {
  return activations(constant) > 1 ? OpKind::Join : OpKind::Linear;
}

OpKind product_kind(const Node& node, std::span<const bool> constant) {
  if (activations(constant) > 1) return OpKind::Bilinear;
  // c / x is no linear function of x.
  return node.op == "Div" && !constant[1] ? OpKind::Activation : OpKind::Linear;
}

std::unique_ptr<LinearView> join_view(const Node& node, Inputs in, std::span<const bool> constant) {
  const std::size_t data = data_input(constant);
  const double share = node.op == "Mean" ? 1.0 / static_cast<double>(in.size()) : 1.0;
  const double sign = node.op == "Sub" && data == 1 ? -1.0 : 1.0;
  Tensor b;
  for (std::size_t i = 0; i < in.size(); ++i) {
    if (i == data) continue;
    const Tensor summand = node.op == "Sub" && i == 1 ? -in[i] : in[i] * share;
    b = b.defined() ? b + summand : summand;
  }
  return std::make_unique<ElementwiseView>(in[data], scalar(sign * share, in[data]), b);
}

std::unique_ptr<LinearView> product_view(const Node& node, Inputs in,
                                         std::span<const bool> constant) {
  const std::size_t data = data_input(constant);
  const Tensor& factor = in[1 - data];
  return std::make_unique<ElementwiseView>(
      in[data], node.op == "Div" ? factor.reciprocal() : factor, Tensor());
}

std::unique_ptr<LinearView> negative_view(const Node&, Inputs in, std::span<const bool>) {
  return std::make_unique<ElementwiseView>(in[0], scalar(-1, in[0]), Tensor());
}

Tensors add_forward(const Node&, Inputs in) { return {in[0] + in[1]}; }
Tensors sub_forward(const Node&, Inputs in) { return {in[0] - in[1]}; }
Tensors mul_forward(const Node&, Inputs in) { return {in[0] * in[1]}; }
Tensors neg_forward(const Node&, Inputs in) { return {-in[0]}; }
Tensors pow_forward(const Node&, Inputs in) {
  return {at::pow(in[0], in[1]).to(in[0].scalar_type())};
}
Tensors div_forward(const Node&, Inputs in) {
  // Integers divide towards zero, as in C.
  if (!in[0].is_floating_point()) return {at::div(in[0], in[1], "trunc")};
  return {in[0] / in[1]};
}
Tensors sum_forward(const Node& node, Inputs in) {
  Tensor total = in[0];
  for (std::size_t i = 1; i < in.size(); ++i) total = total + in[i];
  return {node.op == "Mean" ? total / static_cast<double>(in.size()) : total};
}

Tensors sum_vjp(const Node& node, Inputs in, Inputs, Inputs grad_out,
                std::span<const bool> wanted) {
  Tensors result(in.size());
  for (std::size_t i = 0; i < in.size(); ++i) {
    if (!wanted[i]) continue;
    Tensor g = sum_to_sizes(grad_out[0], in[i].sizes());
    if (node.op == "Sub" && i == 1) g = -g;
    result[i] = node.op == "Mean" ? g / static_cast<double>(in.size()) : g;
  }
  return result;
}

Tensors mul_vjp(const Node&, Inputs in, Inputs, Inputs grad_out, std::span<const bool> wanted) {
  Tensors result(2);
  for (std::size_t i = 0; i < 2; ++i) {
    if (wanted[i]) result[i] = sum_to_sizes(grad_out[0] * in[1 - i], in[i].sizes());
  }
  return result;
}

}  // namespace

constinit const OpSpec op_Add{.name = "Add",
                              .kind = OpKind::Join,
                              .help = "a + b",
                              .forward = add_forward,
                              .kind_of = join_kind,
                              .linear_view = join_view,
                              .vjp = sum_vjp,
                              .since = 7,
                              .inputs_min = 2};
constinit const OpSpec op_Sub{.name = "Sub",
                              .kind = OpKind::Join,
                              .help = "a - b",
                              .forward = sub_forward,
                              .kind_of = join_kind,
                              .linear_view = join_view,
                              .vjp = sum_vjp,
                              .since = 7,
                              .inputs_min = 2};
constinit const OpSpec op_Sum{.name = "Sum",
                              .kind = OpKind::Join,
                              .help = "sum of the inputs",
                              .forward = sum_forward,
                              .kind_of = join_kind,
                              .linear_view = join_view,
                              .vjp = sum_vjp};
constinit const OpSpec op_Mean{.name = "Mean",
                               .kind = OpKind::Join,
                               .help = "mean of the inputs",
                               .forward = sum_forward,
                               .kind_of = join_kind,
                               .linear_view = join_view,
                               .vjp = sum_vjp};
constinit const OpSpec op_Mul{.name = "Mul",
                              .kind = OpKind::Bilinear,
                              .help = "a * b",
                              .forward = mul_forward,
                              .kind_of = product_kind,
                              .linear_view = product_view,
                              .vjp = mul_vjp,
                              .since = 7,
                              .inputs_min = 2};
constinit const OpSpec op_Div{.name = "Div",
                              .kind = OpKind::Bilinear,
                              .help = "a / b; integers divide towards zero",
                              .forward = div_forward,
                              .kind_of = product_kind,
                              .linear_view = product_view,
                              .since = 7,
                              .inputs_min = 2};
constinit const OpSpec op_Neg{.name = "Neg",
                              .kind = OpKind::Linear,
                              .help = "-x",
                              .forward = neg_forward,
                              .linear_view = negative_view};
constinit const OpSpec op_Pow{.name = "Pow",
                              .kind = OpKind::Activation,
                              .help = "a to the power b",
                              .forward = pow_forward,
                              .since = 7,
                              .inputs_min = 2};

}  // namespace limn
