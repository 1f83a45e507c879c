// How much chosen channels of a value fire, and where their pictures should change.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "concepts/inner_value.h"

namespace limn {

/// How many channels a value [N, C, h, w], [N, T, C] or [N, C] has. Throws Unsupported for others.
std::int64_t channel_count(const Tensor& value, const std::string& name);
/// What each element counts in the activation of channel channels[n] of sample n: the mean over
/// places or tokens; `place` center: the place in the middle of [N, C, h, w] alone.
Tensor unit_weights(const Tensor& value, const std::vector<std::int64_t>& channels,
                    const std::string& place);

struct UnitSlope {
  Tensor activation;  ///< [N] float64, on the CPU
  Tensor gradient;    ///< shaped like x
  Tensor opened;      ///< [N] bool, on the CPU: zero, until ReLUs let it pass
  Tensor flat;        ///< [N] bool, on the CPU: zero all the same
};
/// Sample n of x [N, C, H, W] belongs to channels[n]. `opens`: whether ReLUs may let gradients pass
/// where they are zero throughout.
UnitSlope unit_slope(const InnerValue& value, const Tensor& x,
                     const std::vector<std::int64_t>& channels, const std::string& place,
                     bool opens);

}  // namespace limn
