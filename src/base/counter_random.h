// Counter-based random numbers: each draw is a hash of its key and its place, so that numbers do
// not depend on what else was drawn, on batches, threads or device. Mixer: SplitMix64 (Steele et
// al. 2014).
#pragma once
#include <cstdint>

namespace limn {

constexpr std::uint64_t mix(std::uint64_t x) {
  x += 0x9e3779b97f4a7c15ULL;
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ULL;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebULL;
  return x ^ (x >> 31);
}

/// Uniform in [0, 1) from 53 bits of a hash.
constexpr double unit(std::uint64_t hash) { return static_cast<double>(hash >> 11) * 0x1p-53; }

/// Draw `count` of a stream.
constexpr std::uint64_t draw(std::uint64_t key, std::uint64_t count) {
  return mix(key + 0x632be59bd9b4e019ULL * count);
}

}  // namespace limn
