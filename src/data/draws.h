// Counter-based random numbers: draw n of stream (seed, index, stream) is a hash of the four, so
// that a picture is the same whatever else is generated.
#pragma once
#include <cstdint>

#include "base/counter_random.h"

namespace limn::shapes {

class Draws {
 public:
  Draws(std::uint64_t seed, std::int64_t index, std::uint64_t stream)
      : key_(mix(mix(mix(seed) ^ static_cast<std::uint64_t>(index)) ^ stream)) {}
  std::uint64_t bits() { return draw(key_, ++count_); }
  double uniform(double low, double high) { return low + (high - low) * unit(bits()); }
  /// 0 .. count - 1.
  int below(int count) { return static_cast<int>(unit(bits()) * count); }
  bool chance(double share) { return unit(bits()) < share; }

 private:
  std::uint64_t key_;
  std::uint64_t count_ = 0;
};

}  // namespace limn::shapes
