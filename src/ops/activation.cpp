// Elementwise activations of networks. At a kink the derivative is that of the flat side: 0 at
// exactly x = 0 for Relu and at exactly the bounds for Clip.
#include "ops/op.h"

namespace limn {
namespace {

constexpr double kSeluAlpha = 1.67326319217681884765625;
constexpr double kSeluGamma = 1.05070102214813232421875;

Tensors relu_forward(const Node&, Inputs in) { return {at::relu(in[0])}; }
bool relu_over(const Node&, Inputs in) {
  in[0].relu_();
  return true;
}
Tensors relu_vjp(const Node&, Inputs, Inputs out, Inputs grad_out, std::span<const bool>) {
  return {at::threshold_backward(grad_out[0], out[0], 0)};
}

Tensors sigmoid_forward(const Node&, Inputs in) { return {at::sigmoid(in[0])}; }
Tensors sigmoid_vjp(const Node&, Inputs, Inputs out, Inputs grad_out, std::span<const bool>) {
  return {grad_out[0] * out[0] * (1 - out[0])};
}

Tensors tanh_forward(const Node&, Inputs in) { return {at::tanh(in[0])}; }
Tensors tanh_vjp(const Node&, Inputs, Inputs out, Inputs grad_out, std::span<const bool>) {
  return {grad_out[0] * (1 - out[0].square())};
}

Tensors silu_forward(const Node&, Inputs in) { return {at::silu(in[0])}; }
Tensors silu_vjp(const Node&, Inputs in, Inputs, Inputs grad_out, std::span<const bool>) {
  return {at::silu_backward(grad_out[0], in[0])};
}

/// max(0, min(1, alpha x + beta)).
Tensor hard_sigmoid(const Tensor& x, double alpha, double beta) {
  return (x * alpha + beta).clamp(0, 1);
}
Tensors hard_sigmoid_forward(const Node& node, Inputs in) {
  return {
      hard_sigmoid(in[0], node.attributes.real("alpha", 0.2), node.attributes.real("beta", 0.5))};
}
Tensors hard_swish_forward(const Node&, Inputs in) {
  return {in[0] * hard_sigmoid(in[0], 1.0 / 6, 0.5)};
}
Tensors hard_swish_vjp(const Node&, Inputs in, Inputs, Inputs grad_out, std::span<const bool>) {
  const Tensor& x = in[0];
  const Tensor slope =
      at::where(x < -3, at::zeros_like(x), at::where(x > 3, at::ones_like(x), x / 3 + 0.5));
  return {grad_out[0] * slope};
}

Tensors gelu_forward(const Node& node, Inputs in) {
  return {at::gelu(in[0], node.attributes.text("approximate", "none"))};
}
void gelu_check(const Node& node) {
  const std::string kind = node.attributes.text("approximate", "none");
  if (kind != "none" && kind != "tanh") {
    fail(ErrorCode::BadModel, "approximate=\"", kind, "\" is neither none nor tanh");
  }
}

/// Bounds from attributes (before opset 11) or inputs; undefined where open.
std::pair<Tensor, Tensor> clip_bounds(const Node& node, Inputs in) {
  Tensor low = optional_input(in, 1), high = optional_input(in, 2);
  if (node.attributes.has("min"))
    low = at::full({}, node.attributes.real("min", 0), in[0].options());
  if (node.attributes.has("max"))
    high = at::full({}, node.attributes.real("max", 0), in[0].options());
  return {low, high};
}
Tensors clip_forward(const Node& node, Inputs in) {
  const auto [low, high] = clip_bounds(node, in);
  Tensor out = in[0];
  if (low.defined()) out = at::maximum(out, low.to(out.device()));
  if (high.defined()) out = at::minimum(out, high.to(out.device()));
  return {out};
}
Tensors clip_vjp(const Node& node, Inputs in, Inputs, Inputs grad_out, std::span<const bool>) {
  const auto [low, high] = clip_bounds(node, in);
  Tensor open = at::ones_like(in[0], at::kBool);
  if (low.defined()) open = open.logical_and(in[0] > low.to(in[0].device()));
  if (high.defined()) open = open.logical_and(in[0] < high.to(in[0].device()));
  Tensors result(in.size());
  result[0] = grad_out[0] * open;
  return result;
}

Tensors leaky_relu_forward(const Node& node, Inputs in) {
  return {at::leaky_relu(in[0], node.attributes.real("alpha", 0.01))};
}
Tensors prelu_forward(const Node&, Inputs in) {
  return {at::where(in[0] >= 0, in[0], in[0] * in[1])};
}
/// alpha (exp(x / scale) - 1) below zero, without overflow above.
Tensor exponential_unit(const Tensor& x, double alpha, double scale) {
  return at::where(x > 0, x, alpha * at::expm1(x.clamp_max(0) / scale));
}
Tensors elu_forward(const Node& node, Inputs in) {
  return {exponential_unit(in[0], node.attributes.real("alpha", 1), 1)};
}
Tensors celu_forward(const Node& node, Inputs in) {
  const double alpha = node.attributes.real("alpha", 1);
  return {exponential_unit(in[0], alpha, alpha)};
}
Tensors selu_forward(const Node& node, Inputs in) {
  return {node.attributes.real("gamma", kSeluGamma) *
          exponential_unit(in[0], node.attributes.real("alpha", kSeluAlpha), 1)};
}
Tensors softplus_forward(const Node&, Inputs in) { return {at::softplus(in[0])}; }
Tensors softsign_forward(const Node&, Inputs in) { return {in[0] / (1 + in[0].abs())}; }
Tensors mish_forward(const Node&, Inputs in) { return {at::mish(in[0])}; }
Tensors thresholded_relu_forward(const Node& node, Inputs in) {
  return {in[0] * (in[0] > node.attributes.real("alpha", 1))};
}
Tensors shrink_forward(const Node& node, Inputs in) {
  const double bias = node.attributes.real("bias", 0), width = node.attributes.real("lambd", 0.5);
  const Tensor& x = in[0];
  const Tensor out = at::where(x < -width, x + bias, x - bias);
  return {at::where(x.abs() > width, out, at::zeros_like(out)).to(x.scalar_type())};
}

}  // namespace

constinit const OpSpec op_Relu{.name = "Relu",
                               .kind = OpKind::Activation,
                               .help = "max(x, 0)",
                               .forward = relu_forward,
                               .forward_over = relu_over,
                               .vjp = relu_vjp};
constinit const OpSpec op_Sigmoid{.name = "Sigmoid",
                                  .kind = OpKind::Activation,
                                  .help = "1 / (1 + exp(-x)); as a factor, a gate",
                                  .forward = sigmoid_forward,
                                  .vjp = sigmoid_vjp};
constinit const OpSpec op_Tanh{.name = "Tanh",
                               .kind = OpKind::Activation,
                               .help = "tanh(x)",
                               .forward = tanh_forward,
                               .vjp = tanh_vjp};
constinit const OpSpec op_SiLU{.name = "SiLU",
                               .kind = OpKind::Activation,
                               .help = "x sigmoid(x), fused from Mul and Sigmoid",
                               .forward = silu_forward,
                               .vjp = silu_vjp};
constinit const OpSpec op_HardSigmoid{.name = "HardSigmoid",
                                      .kind = OpKind::Activation,
                                      .help = "max(0, min(1, alpha x + beta)); as a factor, a gate",
                                      .forward = hard_sigmoid_forward};
constinit const OpSpec op_HardSwish{.name = "HardSwish",
                                    .kind = OpKind::Activation,
                                    .help = "x max(0, min(1, x/6 + 1/2))",
                                    .forward = hard_swish_forward,
                                    .vjp = hard_swish_vjp};
constinit const OpSpec op_Gelu{.name = "Gelu",
                               .kind = OpKind::Activation,
                               .help = "x Phi(x), exact or by tanh",
                               .forward = gelu_forward,
                               .check = gelu_check};
constinit const OpSpec op_Clip{.name = "Clip",
                               .kind = OpKind::Activation,
                               .help = "min(max(x, low), high); ReLU6 is one",
                               .forward = clip_forward,
                               .vjp = clip_vjp};
constinit const OpSpec op_LeakyRelu{.name = "LeakyRelu",
                                    .kind = OpKind::Activation,
                                    .help = "x, alpha x below zero",
                                    .forward = leaky_relu_forward};
constinit const OpSpec op_PRelu{.name = "PRelu",
                                .kind = OpKind::Activation,
                                .help = "x, slope x below zero",
                                .forward = prelu_forward,
                                .since = 7,
                                .inputs_min = 2};
constinit const OpSpec op_Elu{.name = "Elu",
                              .kind = OpKind::Activation,
                              .help = "x, alpha (exp(x) - 1) below zero",
                              .forward = elu_forward};
constinit const OpSpec op_Celu{.name = "Celu",
                               .kind = OpKind::Activation,
                               .help = "x, alpha (exp(x / alpha) - 1) below zero",
                               .forward = celu_forward};
constinit const OpSpec op_Selu{
    .name = "Selu", .kind = OpKind::Activation, .help = "scaled Elu", .forward = selu_forward};
constinit const OpSpec op_Softplus{.name = "Softplus",
                                   .kind = OpKind::Activation,
                                   .help = "log(1 + exp(x))",
                                   .forward = softplus_forward};
constinit const OpSpec op_Softsign{.name = "Softsign",
                                   .kind = OpKind::Activation,
                                   .help = "x / (1 + |x|)",
                                   .forward = softsign_forward};
constinit const OpSpec op_Mish{.name = "Mish",
                               .kind = OpKind::Activation,
                               .help = "x tanh(softplus(x))",
                               .forward = mish_forward};
constinit const OpSpec op_ThresholdedRelu{.name = "ThresholdedRelu",
                                          .kind = OpKind::Activation,
                                          .help = "x where x > alpha, else 0",
                                          .forward = thresholded_relu_forward};
constinit const OpSpec op_Shrink{.name = "Shrink",
                                 .kind = OpKind::Activation,
                                 .help = "x moved towards 0 by bias, 0 where |x| <= lambd",
                                 .forward = shrink_forward};

}  // namespace limn
