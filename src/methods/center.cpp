// Center: a cone whose single maximum is the pixel (W/2, H/2), whatever model and picture. The
// baseline of the pointing game: photographers put what they show in the middle. Source:
// facebookresearch/TorchRay@6a198ee (attribution_benchmark.py).
#include "methods/sampling.h"

namespace limn {
namespace {

struct CenterOptions {};

const MethodInfo& info() {
  static const MethodInfo value{
      .name = "center",
      .title = "Center",
      .family = "control",
      .summary = "The middle of the picture: what the pointing game must be compared with.",
      .formula = "S(u) = 1 - |u - center| / largest distance",
      .paper =
          "Fong, Patrick, Vedaldi: Understanding Deep Networks via Extremal Perturbations and "
          "Smooth Masks, 2019 (TorchRay)",
      .aliases = {"centre"}};
  return value;
}

Fields fields(CenterOptions&) { return {}; }

std::vector<Explanation> explain(const CenterOptions&, const Call& call) {
  if (call.x.dim() != 4) {
    fail(ErrorCode::InvalidArgument, "the input has shape ", call.x.sizes(),
         ": only pictures [N, C, H, W] have a center");
  }
  const Pass pass(call, BatchNorm::Free);
  const Tensor& x = pass.tape[pass.model.input()];
  const auto from_middle = [&](std::int64_t size) {
    return at::arange(size, x.options()) - static_cast<double>(size / 2);
  };
  const Tensor down = from_middle(x.size(2)).reshape({-1, 1}), right = from_middle(x.size(3));
  const Tensor distance = (down.square() + right.square()).sqrt();
  const Tensor map = 1 - distance / distance.max().clamp_min(1);
  std::vector<Explanation> all;
  for (std::size_t s = 0; s < pass.objectives.size(); ++s) {
    all.push_back(
        around(pass, s, map.expand({x.size(0), 1, x.size(2), x.size(3)}).contiguous(), false));
  }
  return all;
}

}  // namespace

MethodEntry method_center() { return define_method<CenterOptions>(info(), fields, explain); }

}  // namespace limn
