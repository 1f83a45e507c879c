// Loops over flat memory for quotients of relevance, and the tests that say where they may be used.
#pragma once
#include <ATen/Dispatch.h>
#include <ATen/Parallel.h>

#include <algorithm>

#include "limn/tensor.h"

namespace limn {

/// Entries that one task of a loop takes.
constexpr std::int64_t kGrain = 32768;

/// True where r is S copies of z's memory layout on the CPU, so that a flat loop visits both alike.
inline bool same_layout(const Tensor& r, const Tensor& z) {
  return r.device().is_cpu() && z.device().is_cpu() && r.scalar_type() == z.scalar_type() &&
         at::isFloatingType(r.scalar_type()) && r.dim() == z.dim() + 1 &&
         r.sizes().slice(1) == z.sizes() && r.strides().slice(1) == z.strides() &&
         z.is_non_overlapping_and_dense() && (r.size(0) == 1 || r.stride(0) == z.numel());
}

/// out[i] = value(r[i], z[i mod size of z], ...) for all i, in parallel.
template <typename T, typename Value>
void for_each(const Tensor& r, const Tensor& z, Tensor& out, const Value& value) {
  const T *from = r.data_ptr<T>(), *by = z.data_ptr<T>();
  T* to = out.data_ptr<T>();
  const std::int64_t size = z.numel(), seeds = r.size(0);
  at::parallel_for(0, size, kGrain, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t s = 0; s < seeds; ++s) {
      const T* from_s = from + s * size;
      T* to_s = to + s * size;
      for (std::int64_t i = begin; i < end; ++i) to_s[i] = value(from_s[i], by[i], i);
    }
  });
}

/// True where each [seed, sample] is one run of memory.
inline bool in_runs(const Tensor& t) {
  return t.device().is_cpu() && at::isFloatingType(t.scalar_type()) && t.dim() > 2 &&
         t.is_non_overlapping_and_dense() && t.numel() > 0 &&
         (t.size(1) == 1 || t.stride(1) == t[0][0].numel()) &&
         (t.size(0) == 1 || t.stride(0) == t[0].numel());
}

/// visit(piece, sample, begin, end) for pieces of all samples, in parallel; pieces do not depend on
/// the number of threads.
template <typename Visit>
void for_pieces(std::int64_t samples, std::int64_t size, const Visit& visit) {
  const std::int64_t pieces = (size + kGrain - 1) / kGrain;
  at::parallel_for(0, samples * pieces, 1, [&](std::int64_t first, std::int64_t last) {
    for (std::int64_t p = first; p < last; ++p) {
      const std::int64_t begin = p % pieces * kGrain;
      visit(p, p / pieces, begin, std::min(begin + kGrain, size));
    }
  });
}

}  // namespace limn
