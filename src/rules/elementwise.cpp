// See elementwise.h. The plain ATen expressions beside each loop are what it must equal.
#include "rules/elementwise.h"

#include <atomic>

#include "rules/flat_loops.h"

namespace limn {
namespace {

Tensor stabilized_plain(const Tensor& z, double epsilon) {
  return z +
         at::where(z >= 0, at::full({}, epsilon, z.options()), at::full({}, -epsilon, z.options()));
}

}  // namespace

Tensor divide_stabilized(const Tensor& r, const Tensor& z, double epsilon, double scale) {
  if (!same_layout(r, z)) {
    const Tensor quotient = r / stabilized_plain(z, epsilon);
    return scale == 1 ? quotient : quotient * scale;
  }
  Tensor out = at::empty_strided(r.sizes(), r.strides(), r.options());
  AT_DISPATCH_FLOATING_TYPES(r.scalar_type(), "divide_stabilized", [&] {
    const auto e = static_cast<scalar_t>(epsilon), factor = static_cast<scalar_t>(scale);
    for_each<scalar_t>(r, z, out, [e, factor](scalar_t a, scalar_t b, std::int64_t) {
      return factor * a / (b + (b >= 0 ? e : -e));
    });
  });
  return out;
}

namespace {

Tensors shares_plain(const Tensor& r, const Tensors& summands) {
  Tensors shares;
  Tensor z;
  for (const auto& summand : summands) {
    shares.push_back(summand.clamp_min(0));
    z = z.defined() ? z + shares.back() : shares.back();
  }
  const Tensor s = divide_positive(r, z);
  const Tensor rest = (r / static_cast<double>(summands.size())).masked_fill(z > kLeastDivisor, 0);
  for (auto& share : shares) share = s * share + rest;
  return shares;
}

}  // namespace

Tensors share_by_positive_parts(const Tensor& r, const Tensors& summands) {
  const auto fits = [&](const Tensor& summand) { return same_layout(r, summand); };
  if (summands.size() != 2 || !fits(summands[0]) || !fits(summands[1])) {
    return shares_plain(r, summands);
  }
  Tensor first = at::empty_strided(r.sizes(), r.strides(), r.options());
  Tensor second = at::empty_strided(r.sizes(), r.strides(), r.options());
  AT_DISPATCH_FLOATING_TYPES(r.scalar_type(), "share_by_positive_parts", [&] {
    const auto smallest = static_cast<scalar_t>(kLeastDivisor);
    const scalar_t* b = summands[1].data_ptr<scalar_t>();
    scalar_t* to = second.data_ptr<scalar_t>();
    const std::int64_t size = summands[0].numel(), seeds = r.size(0);
    const scalar_t *a = summands[0].data_ptr<scalar_t>(), *from = r.data_ptr<scalar_t>();
    scalar_t* to_first = first.data_ptr<scalar_t>();
    at::parallel_for(0, size, kGrain, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t s = 0; s < seeds; ++s) {
        const std::int64_t offset = s * size;
        for (std::int64_t i = begin; i < end; ++i) {
          const scalar_t x = a[i] > 0 ? a[i] : scalar_t(0), y = b[i] > 0 ? b[i] : scalar_t(0);
          const scalar_t z = x + y, q = from[offset + i];
          const scalar_t quotient = z > smallest ? q / z : scalar_t(0);
          const scalar_t rest = z > smallest ? scalar_t(0) : q / 2;
          to_first[offset + i] = quotient * x + rest;
          to[offset + i] = quotient * y + rest;
        }
      }
    });
  });
  return {first, second};
}

Tensor divide_positive(const Tensor& r, const Tensor& z) {
  if (!same_layout(r, z)) {
    const Tensor none = z <= kLeastDivisor;
    return (r / z.masked_fill(none, 1)).masked_fill(none, 0);
  }
  Tensor out = at::empty_strided(r.sizes(), r.strides(), r.options());
  AT_DISPATCH_FLOATING_TYPES(r.scalar_type(), "divide_positive", [&] {
    const auto smallest = static_cast<scalar_t>(kLeastDivisor);
    for_each<scalar_t>(r, z, out, [smallest](scalar_t a, scalar_t b, std::int64_t) {
      return b > smallest ? a / b : scalar_t(0);
    });
  });
  return out;
}

GammaQuotients gamma_quotients(const Tensor& r, const Tensor& z, const Tensor& z_plus, double gamma,
                               double epsilon) {
  if (!same_layout(r, z) || z_plus.scalar_type() != z.scalar_type() ||
      z_plus.strides() != z.strides()) {
    const auto where = [&](const Tensor& kept, const Tensor& denominator) {
      return (r / stabilized_plain(denominator, epsilon)).masked_fill(kept.logical_not(), 0);
    };
    return {where(z > 0, z_plus), where(z < 0, (2 + gamma) * z - z_plus)};
  }
  GammaQuotients result;
  std::atomic<bool> any_below = false;
  result.above = at::empty_strided(r.sizes(), r.strides(), r.options());
  AT_DISPATCH_FLOATING_TYPES(r.scalar_type(), "gamma_quotients", [&] {
    const auto e = static_cast<scalar_t>(epsilon), factor = static_cast<scalar_t>(2 + gamma);
    const scalar_t* z_plus_of = z_plus.data_ptr<scalar_t>();
    const scalar_t *from = r.data_ptr<scalar_t>(), *by = z.data_ptr<scalar_t>();
    scalar_t* above = result.above.data_ptr<scalar_t>();
    const std::int64_t size = z.numel(), seeds = r.size(0);
    at::parallel_for(0, size, kGrain, [&](std::int64_t begin, std::int64_t end) {
      int hits = 0;
      for (std::int64_t s = 0; s < seeds; ++s) {
        const std::int64_t first = s * size;
        for (std::int64_t i = begin; i < end; ++i) {
          const scalar_t a = from[first + i], d = z_plus_of[i];
          const scalar_t quotient = a / (d + (d >= 0 ? e : -e));
          above[first + i] = by[i] > 0 ? quotient : scalar_t(0);
          hits |= (by[i] < 0) & (a != 0);
        }
      }
      if (hits) any_below = true;
    });
    // Behind a ReLU no relevance sits on outputs below zero; then the second half is all zero.
    if (!any_below) return;
    result.below = at::empty_strided(r.sizes(), r.strides(), r.options());
    for_each<scalar_t>(r, z, result.below,
                       [e, factor, z_plus_of](scalar_t a, scalar_t b, std::int64_t i) {
                         const scalar_t d = factor * b - z_plus_of[i];
                         const scalar_t quotient = a / (d + (d >= 0 ? e : -e));
                         return b < 0 ? quotient : scalar_t(0);
                       });
  });
  return result;
}

}  // namespace limn
