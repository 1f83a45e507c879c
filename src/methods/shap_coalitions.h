// The coalitions that Kernel SHAP asks the model about, in pairs of one and its complement.
#pragma once
#include <cstdint>
#include <vector>

#include "limn/tensor.h"

namespace limn {

/// Pairs weighted by the Shapley kernel, (M - 1) / (C(M, s) s (M - s)) for s of M segments, scaled
/// to a sum of 1. First come all pairs of the smallest sizes, the heaviest: of one segment always,
/// of more while they are at most 256 and no more than would be drawn. The rest is drawn by the
/// kernel, or where n coalitions are enough for all 2^M, listed in random order. Pair i is a
/// function of M, n, the seed and i alone.
class ShapCoalitions {
 public:
  /// n: coalitions besides none and all, at least `least(M)`. M from 2 up.
  ShapCoalitions(std::int64_t segments, std::int64_t n, std::uint64_t seed);

  /// 2^M or 4 M, what is less: every size above one is then seen.
  static std::int64_t least(std::int64_t segments);
  std::int64_t pairs() const { return pairs_; }
  std::int64_t listed() const { return static_cast<std::int64_t>(listed_.size()); }
  bool complete() const { return complete_; }      ///< pairs are all there are
  double rest_mass() const { return rest_mass_; }  ///< of the kernel, behind the listed sizes
  /// One of each pair, [count, M] of zeros and ones, float64.
  Tensor shown(std::int64_t first, std::int64_t count) const;
  /// [count]: of listed pairs their kernel; of others their weight among the others.
  Tensor weights(std::int64_t first, std::int64_t count) const;

 private:
  double pairs_of(std::int64_t size) const;
  double mass(std::int64_t size) const;
  void list(std::int64_t size);
  std::int64_t drawn_size(std::uint64_t key) const;

  std::int64_t segments_, pairs_;
  std::uint64_t seed_;
  bool complete_;
  double total_ = 1, rest_mass_ = 1;
  std::int64_t rest_from_ = 1;                     ///< the smallest size not listed
  std::vector<std::vector<std::int64_t>> listed_;  ///< members
  std::vector<std::uint32_t> codes_;  ///< of the rest where complete: bit i is segment i
};

}  // namespace limn
