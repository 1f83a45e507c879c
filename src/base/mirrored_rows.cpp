// See mirrored_rows.h.
#include "base/mirrored_rows.h"

#include <ATen/ops/zeros.h>

#include <cmath>

namespace limn {

Tensor mirrored_rows(std::int64_t out, std::int64_t in, double ratio) {
  Tensor rows = at::zeros({out, in}, at::kDouble);
  auto row = rows.accessor<double, 2>();
  const auto mirrored = [&](std::int64_t place) {
    if (in == 1) return std::int64_t{0};
    const std::int64_t period = 2 * (in - 1);
    place = ((place % period) + period) % period;
    return place < in ? place : period - place;
  };
  for (std::int64_t o = 0; o < out; ++o) {
    const double place = (static_cast<double>(o) + 0.5) * ratio - 0.5;
    const double below = std::floor(place);
    const auto sample = static_cast<std::int64_t>(below);
    row[o][mirrored(sample)] += 1 - (place - below);
    row[o][mirrored(sample + 1)] += place - below;
  }
  return rows;
}

}  // namespace limn
