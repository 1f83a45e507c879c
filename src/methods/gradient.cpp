// Gradient (saliency): how fast the score changes with each input value, S = d score / d x; the map
// is the largest |S| over the channels. Source: Simonyan, Vedaldi, Zisserman, "Deep Inside
// Convolutional Networks", 2014; resize and smoothing as facebookresearch/TorchRay@6a198ee.
#include "methods/pixel_gradient.h"
#include "rules/composites.h"

namespace limn {
namespace {

const MethodInfo& info() {
  static const MethodInfo value{
      .name = "gradient",
      .title = "Gradient (saliency)",
      .family = "gradient",
      .summary = "How fast the score changes with each input value.",
      .formula = "S = d score / d x; map: max over channels of |S|",
      .paper = "Simonyan, Vedaldi, Zisserman: Deep Inside Convolutional Networks, 2014",
      .aliases = {"saliency", "vanilla-gradient"}};
  return value;
}

Fields fields(PixelOptions& o) { return pixel_fields(o, {}, ""); }

std::vector<Explanation> explain(const PixelOptions& options, const Call& call) {
  return explain_pixels(options, call, gradient_book(), info(), false);
}

}  // namespace

MethodEntry method_gradient() { return define_method<PixelOptions>(info(), fields, explain); }

}  // namespace limn
