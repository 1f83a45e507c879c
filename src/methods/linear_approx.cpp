// Linear approximation: what each place of the input or of a layer contributes to first order,
// S = sum_c x_c * d score / d x_c, signed. Source: facebookresearch/TorchRay@6a198ee
// (linear_approx.py).
#include "methods/pixel_gradient.h"
#include "rules/composites.h"

namespace limn {
namespace {

const MethodInfo& info() {
  static const MethodInfo value{
      .name = "linear-approx",
      .title = "Linear approximation",
      .family = "gradient",
      .summary = "Each place's values times their gradients, summed over channels, at any layer.",
      .formula = "S = sum over c of x_c * d score / d x_c",
      .paper =
          "Fong, Patrick, Vedaldi: Understanding Deep Networks via Extremal Perturbations and "
          "Smooth Masks, 2019 (TorchRay)",
      .aliases = {"linear-approximation", "linearapprox"},
      .signed_map = true};
  return value;
}

Fields fields(PixelOptions& o) {
  o.reduction = "sum";
  return pixel_fields(o, {}, "");
}

std::vector<Explanation> explain(const PixelOptions& options, const Call& call) {
  return explain_pixels(options, call, gradient_book(), info(), true);
}

}  // namespace

MethodEntry method_linear_approx() { return define_method<PixelOptions>(info(), fields, explain); }

}  // namespace limn
