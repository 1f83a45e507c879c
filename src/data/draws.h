// Counter-based random numbers: draw n of stream (seed, index, stream) is a hash of the four, so
// that a picture is the same whatever else is generated. Mixer: SplitMix64 (Steele et al. 2014).
#pragma once
#include <cstdint>

namespace limn::shapes {

constexpr std::uint64_t mix(std::uint64_t x) {
  x += 0x9e3779b97f4a7c15ULL;
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ULL;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebULL;
  return x ^ (x >> 31);
}

/// Uniform in [0, 1) from 53 bits of a hash.
constexpr double unit(std::uint64_t hash) { return static_cast<double>(hash >> 11) * 0x1p-53; }

class Draws {
 public:
  Draws(std::uint64_t seed, std::int64_t index, std::uint64_t stream)
      : key_(mix(mix(mix(seed) ^ static_cast<std::uint64_t>(index)) ^ stream)) {}
  std::uint64_t bits() { return mix(key_ + 0x632be59bd9b4e019ULL * ++count_); }
  double uniform(double low, double high) { return low + (high - low) * unit(bits()); }
  /// 0 .. count - 1.
  int below(int count) { return static_cast<int>(unit(bits()) * count); }
  bool chance(double share) { return unit(bits()) < share; }

 private:
  std::uint64_t key_;
  std::uint64_t count_ = 0;
};

}  // namespace limn::shapes
