// The quotients every rule needs, in one pass over memory where layouts agree. On large layers
// these passes, not the convolutions, would otherwise set the pace.
#pragma once
#include "limn/tensor.h"

namespace limn {

/// scale * r / (z + epsilon sgn(z)) with sgn(0) = 1; r is [S, shape of z] or broadcasts.
Tensor divide_stabilized(const Tensor& r, const Tensor& z, double epsilon, double scale = 1);

/// Below it the quotient of two floats would overflow.
constexpr double kLeastDivisor = 1e-30;

/// r / z where z > kLeastDivisor, else 0.
Tensor divide_positive(const Tensor& r, const Tensor& z);

/// r shared among summands (shaped like z, r is [S, z]) by their positive parts, equally where none
/// is positive; one result for each.
Tensors share_by_positive_parts(const Tensor& r, const Tensors& summands);

/// The gamma rule's quotients, each zero where z has the other sign.
struct GammaQuotients {
  Tensor above;  ///< r / st(z_plus) where z > 0
  Tensor
      below;  ///< r / st((2 + gamma) z - z_plus) where z < 0; undefined where r is 0 at all these
};
GammaQuotients gamma_quotients(const Tensor& r, const Tensor& z, const Tensor& z_plus, double gamma,
                               double epsilon);

/// Per seed and sample (the first two axes of t): the sum, and how many entries are not zero;
/// [S, N] in float64.
struct SumAndCount {
  Tensor sum, count;
};
SumAndCount sum_and_count(const Tensor& t);
/// Per seed and sample, [S, N] in float64: the sums of the positive and of the negative entries.
struct SignSums {
  Tensor above, below;
};
SignSums sign_sums(const Tensor& t);
/// scale r / z, 0 where z = 0, and per seed and sample the sum of |r| there, [S, N] in float64; r
/// is [S, shape of z].
struct QuotientAndRest {
  Tensor quotient, rest;
};
QuotientAndRest quotient_and_rest(const Tensor& r, const Tensor& z, double scale);
/// max(x, 0), and behind it along the batch 1 where x > 0, else 0: [2N, ...].
Tensor rectified_and_active(const Tensor& x);
/// Three quotients of Attribution Equilibrium, one behind the other along the seeds, [3S, N, ...]:
/// (ratio R+ / P + R- / M) / z, R+ / P / z_on and R- / M / (ones - z_on) with P and M the masses of
/// both signs, [S, N]; 0 where a denominator is 0, or nothing but rounding of `ones` [1, ...].
Tensor equilibrium_quotients(const Tensor& r, const Tensor& z, const Tensor& z_on,
                             const Tensor& ones, const SignSums& mass, double ratio);
/// t times one factor [S, N] per seed and sample, in place where t is dense.
Tensor scaled_samples(Tensor t, const Tensor& factor);
/// t + (x > 0 ? on : off), in place where layouts agree; t, on and off are [S, shape of x].
Tensor add_by_activity(Tensor t, const Tensor& x, const Tensor& on, const Tensor& off);
/// Subtracts `tax` [S, N] from t in place, in equal parts on each sample's entries that are not
/// zero; nothing where there are none (the uniform shift of RAP, RSP and AE).
Tensor tax_nonzero(Tensor t, const Tensor& tax);
/// The same with the tax that leaves `sum` [S, N].
Tensor with_sum(Tensor t, const Tensor& sum);

/// The quotients of the RAP rule, 0 where a denominator is. With R+ and R- the signs of r, z_plus
/// and z_minus the sums of positive and negative contributions and z = z_plus - z_minus:
/// plus = R+ / z_plus; minus = R- / z_minus - (R+ + R-) / z where z_minus != 0.
struct RapQuotients {
  Tensor plus, minus;
};
RapQuotients rap_quotients(const Tensor& r, const Tensor& z_plus, const Tensor& z_minus);

}  // namespace limn
