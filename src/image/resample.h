// The weights of antialiased linear resampling along one axis.
#pragma once
#include <cstdint>
#include <vector>

namespace limn {

/// Output i is the sum of weights[j] * input[first + j].
struct Taps {
  std::int64_t first = 0;
  std::vector<double> weights;
};

/// Triangle filter: `out` samples spread evenly over [start, start + length) of an axis with `in`
/// samples; its half width is max(1, length / out) input samples. Weights sum to 1.
std::vector<Taps> triangle_taps(std::int64_t in, std::int64_t out, double start, double length);

}  // namespace limn
