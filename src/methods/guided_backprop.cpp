// Guided backpropagation: the gradient, but at each ReLU only positive messages pass, and only
// where the ReLU was open: g_in = max(g_out, 0) * [x > 0]. Everything else uses its ordinary
// gradient. flavor=torchray opens the gate at x = 0, too (facebookresearch/TorchRay@6a198ee);
// captum and zennit keep it shut there. Source: Springenberg et al., "Striving for Simplicity",
// 2015.
#include "methods/pixel_gradient.h"
#include "methods/relu_rules.h"

namespace limn {
namespace {

const MethodInfo& info() {
  static const MethodInfo value{
      .name = "guided-backprop",
      .title = "Guided backpropagation",
      .family = "gradient",
      .summary =
          "The gradient through open ReLUs and positive messages only; sharp, but nearly "
          "the same for every class.",
      .formula = "at each ReLU: g_in = max(g_out, 0) * [x > 0]",
      .paper = "Springenberg, Dosovitskiy, Brox, Riedmiller: Striving for Simplicity, 2015",
      .aliases = {"guidedbackprop", "guided-backpropagation", "gbp"}};
  return value;
}

Fields fields(PixelOptions& o) {
  return pixel_fields(o, {"captum", "zennit", "torchray"},
                      "whose gate: torchray's is open at exactly x = 0");
}

std::vector<Explanation> explain(const PixelOptions& options, const Call& call) {
  const bool open_at_zero = options.flavor == "torchray";
  const Rule rule{"guided", [open_at_zero](const Step& step, const Tensors& r_out) {
                    const Tensor& x = step.in(0);
                    Tensor open = open_at_zero ? x >= 0 : x > 0;
                    if (step.node.op == "Clip") open = open.logical_and(step.out() == x);
                    return only(step, r_out.front().clamp_min(0) * open);
                  }};
  return explain_pixels(options, call, with_relu_rule(rule), info(), false);
}

}  // namespace

MethodEntry method_guided_backprop() {
  return define_method<PixelOptions>(info(), fields, explain);
}

}  // namespace limn
