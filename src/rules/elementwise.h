// The quotients every rule needs, in one pass over memory where layouts agree. On large layers
// these passes, not the convolutions, would otherwise set the pace.
#pragma once
#include "limn/tensor.h"

namespace limn {

/// r / (z + epsilon sgn(z)) with sgn(0) = 1; r is [S, shape of z] or broadcasts.
Tensor divide_stabilized(const Tensor& r, const Tensor& z, double epsilon);
/// The same where `sign` > 0 (above) or < 0 (not above), elsewhere 0; `sign` is shaped like z.
Tensor divide_stabilized_where(const Tensor& r, const Tensor& z, const Tensor& sign, bool above,
                               double epsilon);
/// Whether any relevance sits where z < 0.
bool any_below_zero(const Tensor& r, const Tensor& z);

}  // namespace limn
