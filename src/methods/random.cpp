// Random: uniform noise in place of a map, the control that any method must beat. A map depends on
// the seed, the picture and the class, and on nothing else: not on the model, the batch or the
// device.
#include <bit>

#include "base/counter_random.h"
#include "methods/noise.h"
#include "methods/sampling.h"

namespace limn {
namespace {

struct RandomOptions {};

const MethodInfo& info() {
  static const MethodInfo value{.name = "random",
                                .title = "Random",
                                .family = "control",
                                .summary = "Uniform noise: the control that any method must beat.",
                                .formula = "S(u) uniform in 0..1",
                                .paper = "none: a control",
                                .aliases = {"random-map"},
                                .deterministic = false};
  return value;
}

Fields fields(RandomOptions&) { return {}; }

/// A hash of the picture's values as float32.
std::uint64_t picture_key(const Tensor& picture) {
  const Tensor values = picture.to(at::kCPU, at::kFloat).contiguous();
  const auto* data = values.data_ptr<float>();
  std::uint64_t key = 0;
  for (std::int64_t i = 0; i < values.numel(); ++i) {
    key = mix(key ^ std::bit_cast<std::uint32_t>(data[i]));
  }
  return key;
}

std::vector<Explanation> explain(const RandomOptions&, const Call& call) {
  if (call.x.dim() != 4) {
    fail(ErrorCode::InvalidArgument, "the input has shape ", call.x.sizes(),
         ", and a map needs [N, C, H, W]");
  }
  const Pass pass(call, BatchNorm::Free);
  const Tensor& x = pass.tape[pass.model.input()];
  std::vector<Explanation> all;
  for (std::size_t s = 0; s < pass.objectives.size(); ++s) {
    Tensors maps;
    for (std::int64_t n = 0; n < x.size(0); ++n) {
      const auto kind =
          static_cast<std::uint64_t>(pass.objectives[s].classes[static_cast<std::size_t>(n)]);
      const std::uint64_t key = mix(mix(call.options.seed) ^ picture_key(x[n])) ^ mix(kind);
      maps.push_back(uniform_noise(key, {1, x.size(2), x.size(3)}));
    }
    all.push_back(around(pass, s, at::stack(maps).to(x.options()), false));
  }
  return all;
}

}  // namespace

MethodEntry method_random() { return define_method<RandomOptions>(info(), fields, explain); }

}  // namespace limn
