// See noise.h.
#include "methods/noise.h"

#include <ATen/ATen.h>

#include <cmath>

#include "base/counter_random.h"

namespace limn {

Tensor normal_noise(std::uint64_t key, at::IntArrayRef sizes) {
  Tensor out = at::empty(sizes, at::kDouble);
  auto* values = out.data_ptr<double>();
  const std::int64_t count = out.numel();
  for (std::int64_t i = 0; i < count; i += 2) {
    const auto at = static_cast<std::uint64_t>(i);
    // 1 - u lies in (0, 1], where the logarithm is finite.
    const double radius = std::sqrt(-2 * std::log(1 - unit(draw(key, at))));
    const double angle = 2 * M_PI * unit(draw(key, at + 1));
    values[i] = radius * std::cos(angle);
    if (i + 1 < count) values[i + 1] = radius * std::sin(angle);
  }
  return out;
}

Tensor uniform_noise(std::uint64_t key, at::IntArrayRef sizes) {
  Tensor out = at::empty(sizes, at::kDouble);
  auto* values = out.data_ptr<double>();
  for (std::int64_t i = 0; i < out.numel(); ++i) {
    values[i] = unit(draw(key, static_cast<std::uint64_t>(i)));
  }
  return out;
}

Tensor noisy_copies(const Tensor& x, double deviation, const ExplainOptions& options,
                    std::int64_t first, std::int64_t count) {
  Tensors noisy;
  for (std::int64_t i = first; i < first + count; ++i) {
    const std::uint64_t key = mix(mix(options.seed) ^ static_cast<std::uint64_t>(i));
    const Tensor noise =
        options.noise.defined() ? options.noise[i] : deviation * normal_noise(key, x.sizes());
    noisy.push_back(x + noise.to(x.options()));
  }
  return at::stack(noisy);
}

}  // namespace limn
