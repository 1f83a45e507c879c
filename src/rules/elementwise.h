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
  /// r / st(z_plus) where z > 0.
  Tensor above;
  /// r / st((2 + gamma) z - z_plus) where z < 0; undefined where r is 0 at all these.
  Tensor below;
};
GammaQuotients gamma_quotients(const Tensor& r, const Tensor& z, const Tensor& z_plus, double gamma,
                               double epsilon);

}  // namespace limn
