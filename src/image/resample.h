// The weights of antialiased resampling along one axis.
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
/// The same with the cubic filter of a = -0.5, whose half width is twice that.
std::vector<Taps> cubic_taps(std::int64_t in, std::int64_t out, double start, double length);

/// 8-bit pictures are resampled with weights that are whole multiples of 2^-kTapBits.
constexpr int kTapBits = 32 - 8 - 2;

}  // namespace limn
