// Deconvnet: the gradient, but each ReLU passes the positive part of the message whether it was
// open or not: g_in = max(g_out, 0). Everything else uses its ordinary gradient. Source: Zeiler,
// Fergus, "Visualizing and Understanding Convolutional Networks", 2014; TorchRay, Captum and Zennit
// agree.
#include "methods/pixel_gradient.h"
#include "methods/relu_rules.h"

namespace limn {
namespace {

const MethodInfo& info() {
  static const MethodInfo value{
      .name = "deconvnet",
      .title = "Deconvnet",
      .family = "gradient",
      .summary = "The gradient with each ReLU passing positive messages, open or not.",
      .formula = "at each ReLU: g_in = max(g_out, 0)",
      .paper = "Zeiler, Fergus: Visualizing and Understanding Convolutional Networks, 2014",
      .aliases = {"deconvolution", "deconv"}};
  return value;
}

Fields fields(PixelOptions& o) {
  return pixel_fields(o, {"captum", "zennit", "torchray"}, "spelling only: the three agree");
}

std::vector<Explanation> explain(const PixelOptions& options, const Call& call) {
  const Rule rule{"deconvnet", [](const Step& step, const Tensors& r_out) {
                    return only(step, r_out.front().clamp_min(0));
                  }};
  return explain_pixels(options, call, with_relu_rule(rule), info(), false);
}

}  // namespace

MethodEntry method_deconvnet() { return define_method<PixelOptions>(info(), fields, explain); }

}  // namespace limn
