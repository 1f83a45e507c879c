// See spray_spot.h.
#include "cli/spray_spot.h"

#include <ATen/ATen.h>
#include <fmt/format.h>

namespace limn::cli {

Spot spot_of(const Tensor& mean, std::int64_t side) {
  const Tensor strength = mean.abs();
  const Tensor order = strength.argsort(0, true);
  const double half = strength.sum().item<double>() / 2;
  double sum = 0, x = 0, y = 0;
  std::int64_t cells = 0;
  for (; cells < order.numel() && sum < half; ++cells) {
    const auto cell = order[cells].item<std::int64_t>();
    const double value = strength[cell].item<double>();
    sum += value;
    x += value * (static_cast<double>(cell % side) + 0.5) / static_cast<double>(side);
    y += value * (static_cast<double>(cell / side) + 0.5) / static_cast<double>(side);
  }
  return {static_cast<double>(cells) / static_cast<double>(order.numel()), x / sum, y / sum};
}

std::string spot_words(const Spot& spot) {
  return fmt::format(
      "half of the mean map in {:.1f} % of the area, around {:.0f} % across and "
      "{:.0f} % down",
      100 * spot.share, 100 * spot.x, 100 * spot.y);
}

}  // namespace limn::cli
