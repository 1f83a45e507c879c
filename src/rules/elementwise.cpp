// See elementwise.h. The plain ATen expressions beside each loop are what it must equal.
#include "rules/elementwise.h"

#include <ATen/Dispatch.h>
#include <ATen/Parallel.h>

#include <algorithm>
#include <atomic>
#include <cmath>
#include <numeric>

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

namespace {

/// True where each [seed, sample] is one run of memory.
bool in_runs(const Tensor& t) {
  return t.device().is_cpu() && at::isFloatingType(t.scalar_type()) && t.dim() > 2 &&
         t.is_non_overlapping_and_dense() && t.numel() > 0 &&
         (t.size(1) == 1 || t.stride(1) == t[0][0].numel()) &&
         (t.size(0) == 1 || t.stride(0) == t[0].numel());
}

/// visit(sample, begin, end) for pieces of all samples, in parallel; pieces do not depend on the
/// number of threads.
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

}  // namespace

namespace {

/// Two sums per sample: of first(v) and second(v) over its entries v.
template <typename First, typename Second>
std::pair<Tensor, Tensor> two_sums(const Tensor& t, const First& first, const Second& second) {
  const std::int64_t samples = t.size(0) * t.size(1), size = t.numel() / samples;
  const std::int64_t pieces = (size + kGrain - 1) / kGrain;
  std::vector<double> firsts(static_cast<std::size_t>(samples * pieces)), seconds(firsts.size());
  AT_DISPATCH_FLOATING_TYPES(t.scalar_type(), "two_sums", [&] {
    const scalar_t* data = t.data_ptr<scalar_t>();
    for_pieces(samples, size,
               [&](std::int64_t p, std::int64_t sample, std::int64_t begin, std::int64_t end) {
                 // Independent sums, which the compiler can keep in vector registers.
                 constexpr int kLanes = 8;
                 double a[kLanes] = {}, b[kLanes] = {};
                 const scalar_t* values = data + sample * size;
                 const auto add = [&](std::int64_t at, int lane) {
                   const auto v = static_cast<double>(values[at]);
                   a[lane] += first(v);
                   b[lane] += second(v);
                 };
                 std::int64_t i = begin;
                 for (; i + kLanes <= end; i += kLanes) {
                   for (int lane = 0; lane < kLanes; ++lane) add(i + lane, lane);
                 }
                 for (; i < end; ++i) add(i, 0);
                 firsts[static_cast<std::size_t>(p)] = std::accumulate(a, a + kLanes, 0.0);
                 seconds[static_cast<std::size_t>(p)] = std::accumulate(b, b + kLanes, 0.0);
               });
  });
  const auto per_sample = [&](const std::vector<double>& parts) {
    return at::tensor(parts, at::kDouble).reshape({t.size(0), t.size(1), pieces}).sum(2);
  };
  return {per_sample(firsts), per_sample(seconds)};
}

/// [S, N] as [S, N, 1, ...] against t.
Tensor against_samples(const Tensor& values, const Tensor& t) {
  std::vector<std::int64_t> shape(static_cast<std::size_t>(t.dim()), 1);
  shape[0] = t.size(0);
  shape[1] = t.size(1);
  return values.to(t.options()).reshape(shape);
}

}  // namespace

SumAndCount sum_and_count(const Tensor& t) {
  if (!in_runs(t)) {
    const Tensor flat = t.reshape({t.size(0), t.size(1), -1});
    return {flat.sum(2, false, at::kDouble), flat.ne(0).sum(2).to(at::kDouble)};
  }
  const auto [sum, count] = two_sums(
      t, [](double v) { return v; }, [](double v) { return v != 0 ? 1.0 : 0.0; });
  return {sum, count};
}

SignSums sign_sums(const Tensor& t) {
  if (!in_runs(t)) {
    const Tensor flat = t.reshape({t.size(0), t.size(1), -1}).to(at::kDouble);
    return {flat.clamp_min(0).sum(2), flat.clamp_max(0).sum(2)};
  }
  const auto [above, below] = two_sums(
      t, [](double v) { return v > 0 ? v : 0.0; }, [](double v) { return v < 0 ? v : 0.0; });
  return {above, below};
}

QuotientAndRest quotient_and_rest(const Tensor& r, const Tensor& z, double scale) {
  if (!same_layout(r, z) || !in_runs(r)) {
    const Tensor none = z == 0;
    return {(scale * r / z.masked_fill(none, 1)).masked_fill(none, 0),
            r.abs().masked_fill(none.logical_not(), 0).flatten(2).sum(2, false, at::kDouble)};
  }
  Tensor out = at::empty_strided(r.sizes(), r.strides(), r.options());
  const std::int64_t batch = r.size(1), samples = r.size(0) * batch, size = r.numel() / samples;
  Tensor parts = at::empty({r.size(0), batch, (size + kGrain - 1) / kGrain}, at::kDouble);
  double* sums = parts.data_ptr<double>();
  AT_DISPATCH_FLOATING_TYPES(r.scalar_type(), "quotient_and_rest", [&] {
    const auto factor = static_cast<scalar_t>(scale);
    const scalar_t *from = r.data_ptr<scalar_t>(), *by = z.data_ptr<scalar_t>();
    scalar_t* to = out.data_ptr<scalar_t>();
    for_pieces(samples, size,
               [&](std::int64_t p, std::int64_t sample, std::int64_t begin, std::int64_t end) {
                 const scalar_t *values = from + sample * size, *zs = by + sample % batch * size;
                 scalar_t* results = to + sample * size;
                 int stranded = 0;
                 for (std::int64_t i = begin; i < end; ++i) {
                   results[i] = zs[i] != 0 ? factor * values[i] / zs[i] : scalar_t(0);
                   stranded |= (zs[i] == 0) & (values[i] != 0);
                 }
                 // Rare, so that the loop above stays one that vector registers can do.
                 double sum = 0;
                 for (std::int64_t i = begin; stranded && i < end; ++i) {
                   if (zs[i] == 0) sum += std::abs(static_cast<double>(values[i]));
                 }
                 sums[p] = sum;
               });
  });
  return {out, parts.sum(2)};
}

Tensor rectified_and_active(const Tensor& x) {
  if (!in_runs(x.unsqueeze(0))) return at::cat({x.clamp_min(0), x.gt(0).to(x.scalar_type())});
  std::vector<std::int64_t> sizes = x.sizes().vec();
  sizes[0] *= 2;
  Tensor out = at::empty_strided(sizes, x.strides(), x.options());
  AT_DISPATCH_FLOATING_TYPES(x.scalar_type(), "rectified_and_active", [&] {
    const scalar_t* values = x.data_ptr<scalar_t>();
    scalar_t *rectified = out.data_ptr<scalar_t>(), *active = rectified + x.numel();
    at::parallel_for(0, x.numel(), kGrain, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t i = begin; i < end; ++i) {
        const bool on = values[i] > 0;
        rectified[i] = on ? values[i] : scalar_t(0);
        active[i] = on ? scalar_t(1) : scalar_t(0);
      }
    });
  });
  return out;
}

Tensor equilibrium_quotients(const Tensor& r, const Tensor& z, const Tensor& z_on,
                             const Tensor& ones, const SignSums& mass, double ratio) {
  const auto inverse = [](const Tensor& t) {
    return at::where(t != 0, 1 / t, at::zeros({}, t.options()));
  };
  const Tensor up = inverse(mass.above), down = inverse(-mass.below);
  const Tensor one = ones.squeeze(0);
  if (!same_layout(r, z) || !in_runs(r) || z_on.strides() != z.strides() ||
      one.strides() != z.strides().slice(1)) {
    const Tensor none = at::zeros_like(up);
    Tensor z_off = ones - z_on;
    z_off = z_off.masked_fill(z_off <= 1e-6 * ones, 0);
    const auto over = [&](const Tensor& by, const Tensor& above, const Tensor& below) {
      const Tensor scaled =
          r.clamp_min(0) * against_samples(above, r) + r.clamp_max(0) * against_samples(below, r);
      return (scaled / by.masked_fill(by == 0, 1)).masked_fill(by == 0, 0);
    };
    return at::cat({over(z, up * ratio, down), over(z_on, up, none), over(z_off, none, down)});
  }
  std::vector<std::int64_t> sizes = r.sizes().vec();
  sizes[0] *= 3;
  std::vector<std::int64_t> strides = r.strides().vec();
  strides[0] = r.numel() / r.size(0);
  Tensor out = at::empty_strided(sizes, strides, r.options());
  const Tensor factors = at::stack({up, down}).contiguous();
  const std::int64_t batch = r.size(1), samples = r.size(0) * batch, size = r.numel() / samples;
  AT_DISPATCH_FLOATING_TYPES(r.scalar_type(), "equilibrium_quotients", [&] {
    const scalar_t *all_r = r.data_ptr<scalar_t>(), *all_z = z.data_ptr<scalar_t>();
    const scalar_t *all_on = z_on.data_ptr<scalar_t>(), *whole = one.data_ptr<scalar_t>();
    const double* factor = factors.data_ptr<double>();
    scalar_t* to = out.data_ptr<scalar_t>();
    const auto share = static_cast<scalar_t>(ratio);
    for_pieces(samples, size,
               [&](std::int64_t, std::int64_t sample, std::int64_t begin, std::int64_t end) {
                 const auto p = static_cast<scalar_t>(factor[sample]);
                 const auto m = static_cast<scalar_t>(factor[samples + sample]);
                 const scalar_t* rs = all_r + sample * size;
                 const scalar_t* zs = all_z + sample % batch * size;
                 const scalar_t* ons = all_on + sample % batch * size;
                 scalar_t* active = to + sample * size;
                 scalar_t *on = active + r.numel(), *off = on + r.numel();
                 for (std::int64_t i = begin; i < end; ++i) {
                   const scalar_t above = rs[i] > 0 ? rs[i] * p : scalar_t(0);
                   const scalar_t below = rs[i] < 0 ? rs[i] * m : scalar_t(0);
                   const scalar_t rest = whole[i] - ons[i];
                   active[i] = zs[i] != 0 ? (share * above + below) / zs[i] : scalar_t(0);
                   on[i] = ons[i] != 0 ? above / ons[i] : scalar_t(0);
                   off[i] = rest > scalar_t(1e-6) * whole[i] ? below / rest : scalar_t(0);
                 }
               });
  });
  return out;
}

Tensor scaled_samples(Tensor t, const Tensor& factor) {
  const Tensor by = against_samples(factor, t);
  return t.is_non_overlapping_and_dense() ? t.mul_(by) : t * by;
}

Tensor add_by_activity(Tensor t, const Tensor& x, const Tensor& on, const Tensor& off) {
  if (!same_layout(t, x) || on.strides() != t.strides() || off.strides() != t.strides()) {
    return t + at::where(x > 0, on, off);
  }
  AT_DISPATCH_FLOATING_TYPES(t.scalar_type(), "add_by_activity", [&] {
    const scalar_t *active = on.data_ptr<scalar_t>(), *inactive = off.data_ptr<scalar_t>();
    const scalar_t* values = x.data_ptr<scalar_t>();
    scalar_t* to = t.data_ptr<scalar_t>();
    const std::int64_t size = x.numel(), seeds = t.size(0);
    at::parallel_for(0, size, kGrain, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t s = 0; s < seeds; ++s) {
        for (std::int64_t i = begin; i < end; ++i) {
          to[s * size + i] += values[i] > 0 ? active[s * size + i] : inactive[s * size + i];
        }
      }
    });
  });
  return t;
}

namespace {

/// Subtracts `each` [S, N] from each sample's entries of t that are not zero, in place.
Tensor take_from_nonzero(Tensor t, const Tensor& each) {
  if (!in_runs(t)) {
    return t - against_samples(each, t) * t.ne(0);
  }
  const std::int64_t samples = t.size(0) * t.size(1), size = t.numel() / samples;
  AT_DISPATCH_FLOATING_TYPES(t.scalar_type(), "tax_nonzero", [&] {
    scalar_t* data = t.data_ptr<scalar_t>();
    const double* part = each.data_ptr<double>();
    for_pieces(samples, size,
               [&](std::int64_t, std::int64_t sample, std::int64_t begin, std::int64_t end) {
                 scalar_t* values = data + sample * size;
                 const auto less = static_cast<scalar_t>(part[sample]);
                 for (std::int64_t i = begin; i < end; ++i) {
                   values[i] -= values[i] != 0 ? less : scalar_t(0);
                 }
               });
  });
  return t;
}

}  // namespace

Tensor tax_nonzero(Tensor t, const Tensor& tax) {
  const Tensor count = sum_and_count(t).count.clamp_min(1);
  return take_from_nonzero(std::move(t), (tax.to(at::kDouble) / count).contiguous());
}

Tensor with_sum(Tensor t, const Tensor& sum) {
  const auto [now, count] = sum_and_count(t);
  return take_from_nonzero(std::move(t), ((now - sum) / count.clamp_min(1)).contiguous());
}

RapQuotients rap_quotients(const Tensor& r, const Tensor& z_plus, const Tensor& z_minus) {
  const auto divide = [](const Tensor& a, const Tensor& b) {
    return at::where(b != 0, a / b, at::zeros({}, b.options()));
  };
  if (!same_layout(r, z_plus) || z_minus.strides() != z_plus.strides() ||
      z_minus.scalar_type() != z_plus.scalar_type()) {
    return {divide(r.clamp_min(0), z_plus),
            divide(r.clamp_max(0), z_minus) - divide(r, z_plus - z_minus) * z_minus.ne(0)};
  }
  RapQuotients out{at::empty_strided(r.sizes(), r.strides(), r.options()),
                   at::empty_strided(r.sizes(), r.strides(), r.options())};
  AT_DISPATCH_FLOATING_TYPES(r.scalar_type(), "rap_quotients", [&] {
    scalar_t* minus = out.minus.data_ptr<scalar_t>();
    const scalar_t *first = z_plus.data_ptr<scalar_t>(), *second = z_minus.data_ptr<scalar_t>();
    const scalar_t* from = r.data_ptr<scalar_t>();
    scalar_t* plus = out.plus.data_ptr<scalar_t>();
    const std::int64_t size = z_plus.numel(), seeds = r.size(0);
    at::parallel_for(0, size, kGrain, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t s = 0; s < seeds; ++s) {
        for (std::int64_t i = begin; i < end; ++i) {
          const scalar_t value = from[s * size + i], a = first[i], b = second[i], both = a - b;
          const scalar_t above = value > 0 ? value : scalar_t(0);
          const scalar_t below = value < 0 ? value : scalar_t(0);
          const scalar_t part = both != 0 ? value / both : scalar_t(0);
          plus[s * size + i] = a != 0 ? above / a : scalar_t(0);
          minus[s * size + i] = b != 0 ? below / b - part : scalar_t(0);
        }
      }
    });
  });
  return out;
}

}  // namespace limn
