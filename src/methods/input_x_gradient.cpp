// Input x gradient: each input value times the gradient there. For a linear model without bias the
// map sums to the score. Source: Shrikumar et al., "Not Just a Black Box", 2016; as
// pytorch/captum@faac080 (InputXGradient).
#include "methods/pixel_gradient.h"
#include "rules/composites.h"

namespace limn {
namespace {

const MethodInfo& info() {
  static const MethodInfo value{
      .name = "input-x-gradient",
      .title = "Input x gradient",
      .family = "gradient",
      .summary = "Each input value times the gradient there.",
      .formula = "S = x * d score / d x",
      .paper = "Shrikumar, Greenside, Shcherbina, Kundaje: Not Just a Black Box, 2016",
      .aliases = {"inputxgradient", "gradient-x-input"},
      .signed_map = true};
  return value;
}

Fields fields(PixelOptions& o) { return pixel_fields(o, {}, ""); }

std::vector<Explanation> explain(const PixelOptions& options, const Call& call) {
  return explain_pixels(options, call, gradient_book(), info(), true);
}

}  // namespace

MethodEntry method_input_x_gradient() {
  return define_method<PixelOptions>(info(), fields, explain);
}

}  // namespace limn
