// See elementwise.h. The plain ATen expressions beside each loop are what it must equal.
#include "rules/elementwise.h"

#include <ATen/Dispatch.h>
#include <ATen/Parallel.h>

#include <atomic>

namespace limn {
namespace {

constexpr std::int64_t kGrain = 32768;

/// True where r is S copies of z's memory layout on the CPU, so that a flat loop visits both alike.
bool same_layout(const Tensor& r, const Tensor& z) {
  return r.device().is_cpu() && z.device().is_cpu() && r.scalar_type() == z.scalar_type() &&
         at::isFloatingType(r.scalar_type()) && r.dim() == z.dim() + 1 &&
         r.sizes().slice(1) == z.sizes() && r.strides().slice(1) == z.strides() &&
         z.is_non_overlapping_and_dense() && (r.size(0) == 1 || r.stride(0) == z.numel());
}

Tensor stabilized_plain(const Tensor& z, double epsilon) {
  return z +
         at::where(z >= 0, at::full({}, epsilon, z.options()), at::full({}, -epsilon, z.options()));
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

}  // namespace

Tensor divide_stabilized(const Tensor& r, const Tensor& z, double epsilon) {
  if (!same_layout(r, z)) return r / stabilized_plain(z, epsilon);
  Tensor out = at::empty_strided(r.sizes(), r.strides(), r.options());
  AT_DISPATCH_FLOATING_TYPES(r.scalar_type(), "divide_stabilized", [&] {
    const auto e = static_cast<scalar_t>(epsilon);
    for_each<scalar_t>(r, z, out, [e](scalar_t a, scalar_t b, std::int64_t) {
      return a / (b + (b >= 0 ? e : -e));
    });
  });
  return out;
}

Tensor divide_stabilized_where(const Tensor& r, const Tensor& z, const Tensor& sign, bool above,
                               double epsilon) {
  if (!same_layout(r, z) || sign.scalar_type() != z.scalar_type() ||
      sign.strides() != z.strides()) {
    const Tensor kept = above ? sign > 0 : sign < 0;
    return (r / stabilized_plain(z, epsilon)).masked_fill(kept.logical_not(), 0);
  }
  Tensor out = at::empty_strided(r.sizes(), r.strides(), r.options());
  AT_DISPATCH_FLOATING_TYPES(r.scalar_type(), "divide_stabilized_where", [&] {
    const auto e = static_cast<scalar_t>(epsilon);
    const scalar_t factor = above ? 1 : -1;
    const scalar_t* signs = sign.data_ptr<scalar_t>();
    for_each<scalar_t>(r, z, out, [e, factor, signs](scalar_t a, scalar_t b, std::int64_t i) {
      const scalar_t quotient = a / (b + (b >= 0 ? e : -e));
      return signs[i] * factor > 0 ? quotient : scalar_t(0);
    });
  });
  return out;
}

bool any_below_zero(const Tensor& r, const Tensor& z) {
  if (!same_layout(r, z)) return (r * (z < 0)).ne(0).any().item<bool>();
  std::atomic<bool> found = false;
  AT_DISPATCH_FLOATING_TYPES(r.scalar_type(), "any_below_zero", [&] {
    const scalar_t *relevance = r.data_ptr<scalar_t>(), *values = z.data_ptr<scalar_t>();
    const std::int64_t size = z.numel(), seeds = r.size(0);
    at::parallel_for(0, size, kGrain, [&](std::int64_t begin, std::int64_t end) {
      int hits = 0;
      for (std::int64_t s = 0; s < seeds; ++s) {
        for (std::int64_t i = begin; i < end; ++i) {
          hits |= (values[i] < 0) & (relevance[s * size + i] != 0);
        }
      }
      if (hits) found = true;
    });
  });
  return found;
}

}  // namespace limn
