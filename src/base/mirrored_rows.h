// Linear interpolation of a few samples along one axis, mirrored beyond the border.
#pragma once
#include <cstdint>

#include "limn/tensor.h"

namespace limn {

/// Float64 [out, in]: row o holds how the samples make place o, by linear interpolation at
/// (o + 0.5) * ratio - 0.5; beyond the border they are mirrored, the border sample not repeated.
Tensor mirrored_rows(std::int64_t out, std::int64_t in, double ratio);

}  // namespace limn
