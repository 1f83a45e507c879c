// Add, Sub, Sum, Mean, Mul, Div, Neg, Pow with numpy broadcasting. Between activations the sums are
// joins and the products bilinear; with a constant on one side they are z = w x + b elementwise.
#include <ATen/ExpandUtils.h>

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
    z_sizes_ = at::infer_size(x_sizes_, weight_.sizes());
    if (bias_.defined()) z_sizes_ = at::infer_size(z_sizes_, bias_.sizes());
    own_batch_ = x_sizes_.size() == z_sizes_.size() &&
                 (x_sizes_.empty() || x_sizes_.front() == z_sizes_.front());
  }
  Tensor apply(const Tensor& x, const Tensor& w, const Tensor& b) const override {
    if (!own_batch_) {
      const std::int64_t copies = copies_in(x, x_sizes_);
      const Tensor z = (x.reshape(padded(copies, x_sizes_)) * w).expand(padded(copies, z_sizes_));
      return (b.defined() ? z + b : z).flatten(0, 1);
    }
    const std::int64_t batch = x.dim() > 0 ? x.size(0) : 1;
    Tensor z = x * fitted(w, batch);
    // Without its bias, z has the output's shape all the same.
    std::vector<std::int64_t> sizes = z_sizes_;
    if (!sizes.empty()) sizes[0] = batch;
    if (z.sizes() != sizes) z = z.expand(sizes);
    return b.defined() ? z + (has_batch(b) ? repeat_batch(b, batch) : b) : z;
  }
  Tensor pull_x(const Tensor& s, const Tensor& w) const override {
    if (!own_batch_) {
      const std::int64_t copies = copies_in(s, z_sizes_);
      const Tensor whole = s.reshape(padded(copies, z_sizes_)) * w;
      std::vector<std::int64_t> sizes = x_sizes_;
      if (!sizes.empty()) sizes[0] *= copies;
      return sum_to_sizes(whole, padded(copies, x_sizes_)).reshape(sizes);
    }
    std::vector<std::int64_t> sizes = x_sizes_;
    if (!sizes.empty()) sizes[0] = s.size(0);
    return sum_to_sizes(s * fitted(w, s.dim() > 0 ? s.size(0) : 1), sizes);
  }
  Tensor pull_w(const Tensor& x, const Tensor& s) const override {
    if (!own_batch_) {
      fail(ErrorCode::Unsupported, "a constant repeats the batch of shape ",
           at::IntArrayRef(x_sizes_), " to ", at::IntArrayRef(z_sizes_));
    }
    const std::int64_t batch = s.dim() > 0 ? s.size(0) : 1;
    const Tensor product = x.dim() > 0 ? repeat_batch(x, batch) * s : (x * s).reshape({1});
    const Tensor each = sum_to_sizes(product, per_sample_sizes(batch));
    std::vector<std::int64_t> sizes = weight_.sizes().vec();
    sizes.insert(sizes.begin(), batch);
    if (!has_batch(weight_)) return each.reshape(sizes);
    // Row n of such a weight belongs to sample n alone.
    Tensor result = at::zeros(sizes, each.options());
    for (std::int64_t n = 0; n < batch; ++n) result[n][n % weight_.size(0)] = each[n];
    return result;
  }
  bool is_pointwise() const override { return true; }

 private:
  /// Whether a constant has an entry of its own for every sample of the tape.
  bool has_batch(const Tensor& constant) const {
    return constant.dim() > 0 && constant.dim() == static_cast<std::int64_t>(z_sizes_.size()) &&
           constant.size(0) > 1;
  }
  /// One weight per sample: [batch, weight without its batch axis], ones between.
  std::vector<std::int64_t> per_sample_sizes(std::int64_t batch) const {
    std::vector<std::int64_t> sizes(std::max<std::size_t>(z_sizes_.size(), 1), 1);
    sizes[0] = batch;
    const auto offset = sizes.size() - static_cast<std::size_t>(weight_.dim());
    for (std::size_t d = offset == 0 ? 1 : 0; d < static_cast<std::size_t>(weight_.dim()); ++d) {
      sizes[offset + d] = weight_.size(static_cast<std::int64_t>(d));
    }
    return sizes;
  }
  /// A weight, shared or per sample, as it broadcasts against a batch of x or z.
  Tensor fitted(const Tensor& w, std::int64_t batch) const {
    if (w.dim() > weight_.dim()) {
      const Tensor own = has_batch(weight_) ? w.diagonal(0, 0, 1).movedim(-1, 0) : w;
      return repeat_batch(own.reshape(per_sample_sizes(own.size(0))), batch);
    }
    return has_batch(w) ? repeat_batch(w, batch) : w;
  }
  // Where a constant repeats the batch (x of [1, C] plus a constant of [K, C]), whole copies of
  // the tape's shapes stand behind an axis of their own.
  std::int64_t copies_in(const Tensor& values, const std::vector<std::int64_t>& sizes) const {
    return sizes.empty() || sizes[0] == 0 ? 1 : values.size(0) / sizes[0];
  }
  std::vector<std::int64_t> padded(std::int64_t copies,
                                   const std::vector<std::int64_t>& sizes) const {
    std::vector<std::int64_t> result(1 + z_sizes_.size() - sizes.size(), 1);
    result[0] = copies;
    result.insert(result.end(), sizes.begin(), sizes.end());
    return result;
  }
  std::vector<std::int64_t> x_sizes_;
  std::vector<std::int64_t> z_sizes_;
  bool own_batch_ = true;
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
bool add_over(const Node&, Inputs in) {
  if (in[0].scalar_type() != in[1].scalar_type() || in[0].sizes() != in[1].sizes()) return false;
  in[0].add_(in[1]);
  return true;
}
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
                              .forward_over = add_over,
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
