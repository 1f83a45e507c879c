// Elementwise activations.
#include "ops/op.h"

namespace limn {

namespace {
Tensors relu_forward(const Node&, Inputs in) { return {at::relu(in[0])}; }
Tensors relu_vjp(const Node&, Inputs, Inputs out, Inputs grad_out, std::span<const bool>) {
  // threshold_backward, so that the derivative at exactly 0 is 0.
  return {at::threshold_backward(grad_out[0], out[0], 0)};
}
}  // namespace

constinit const OpSpec op_Relu{.name = "Relu",
                               .kind = OpKind::Activation,
                               .help = "max(x, 0)",
                               .forward = relu_forward,
                               .vjp = relu_vjp};

}  // namespace limn
