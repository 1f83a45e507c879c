// BatchNormalization at inference: z = a x + (B - mean a) with a = scale / sqrt(var + epsilon) per
// channel. The statistics are constants of the model, so it is a linear layer.
#include "ops/linear_support.h"
#include "ops/op.h"

namespace limn {
namespace {

/// The weight is a, shaped [C, 1, ...].
class BatchNormalizationView : public LinearView {
 public:
  BatchNormalizationView(const Node& node, Inputs in) {
    const Tensor a = in[1] / (in[4] + epsilon_of(node)).sqrt();
    weight_ = channel_shaped(a, in[0].dim());
    bias_ = channel_shaped(in[2] - in[3] * a, in[0].dim());
  }
  Tensor apply(const Tensor& x, const Tensor& w, const Tensor& b) const override {
    const Tensor z = x * matched(w, x);
    return b.defined() ? z + b : z;
  }
  Tensor pull_x(const Tensor& s, const Tensor& w) const override { return s * matched(w, s); }
  Tensor pull_w(const Tensor& x, const Tensor& s) const override {
    const Tensor product = repeat_batch(x, s.size(0)) * s;
    if (product.dim() <= 2) return product;
    std::vector<std::int64_t> spatial;
    for (std::int64_t axis = 2; axis < product.dim(); ++axis) spatial.push_back(axis);
    return product.sum(spatial, true);
  }
  bool is_pointwise() const override { return true; }

 private:
  Tensor matched(const Tensor& w, const Tensor& x) const {
    return w.dim() == weight_.dim() ? w : repeat_batch(w, x.size(0));
  }
};

Tensors batch_normalization_forward(const Node& node, Inputs in) {
  return {at::batch_norm(in[0], in[1], in[2], in[3], in[4], false, 0, epsilon_of(node), false)};
}

std::unique_ptr<LinearView> batch_normalization_view(const Node& node, Inputs in,
                                                     std::span<const bool>) {
  return std::make_unique<BatchNormalizationView>(node, in);
}

Tensors batch_normalization_vjp(const Node& node, Inputs in, Inputs, Inputs grad_out,
                                std::span<const bool> wanted) {
  if (wanted[1] || wanted[2] || wanted[3] || wanted[4]) {
    return autograd_vjp(node, in, grad_out, wanted);
  }
  Tensors result(in.size());
  if (!wanted[0] || !grad_out[0].defined()) return result;
  const Tensor a = in[1] / (in[4] + epsilon_of(node)).sqrt();
  result[0] = grad_out[0] * channel_shaped(a, in[0].dim());
  return result;
}

void check_batch_normalization(const Node& node) {
  if (node.attributes.integer("training_mode", 0) != 0) {
    fail(ErrorCode::Unsupported,
         "training_mode=1 is not supported; export the model in evaluation mode");
  }
  for (std::size_t i = 1; i < node.outputs.size(); ++i) {
    if (node.outputs[i]) {
      fail(ErrorCode::Unsupported,
           "statistics as outputs are not supported; export the model in evaluation mode");
    }
  }
  if (node.attributes.integer("spatial", 1) == 0) {
    fail(ErrorCode::Unsupported, "spatial=0 is not supported; export with opset 9 or later");
  }
}

}  // namespace

constinit const OpSpec op_BatchNormalization{
    .name = "BatchNormalization",
    .kind = OpKind::Linear,
    .help = "scale and shift per channel by the statistics of training",
    .forward = batch_normalization_forward,
    .linear_view = batch_normalization_view,
    .vjp = batch_normalization_vjp,
    .check = check_batch_normalization,
    .since = 7,
    .inputs_min = 5};

}  // namespace limn
