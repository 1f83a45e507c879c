// Guards against shapes that no machine can hold.
#pragma once
#include <algorithm>
#include <cstdint>

#include "limn/error.h"
#include "limn/tensor.h"

namespace limn {

/// 1 GiB of float32. VGG's largest weights have 1.0e8 elements, its largest activation 3.2e6.
inline constexpr double kMaxElements = 268435456;  // 2^28
/// Where libtorch's 32-bit indexing ends, whatever the batch.
inline constexpr double kMaxBatchElements = 2147483648;  // 2^31

/// Throws BadModel for a negative size, or more than kMaxElements for each of `samples`, the batch
/// of a node's input.
inline void check_size(at::IntArrayRef shape, std::int64_t samples = 1) {
  double elements = 1;
  bool negative = false;
  for (const std::int64_t size : shape) {
    elements *= static_cast<double>(size);
    negative = negative || size < 0;
  }
  const double most =
      std::min(kMaxBatchElements, kMaxElements * std::max(1.0, static_cast<double>(samples)));
  if (negative) fail(ErrorCode::BadModel, "would make a tensor of shape ", shape);
  if (elements > most) {
    fail(ErrorCode::BadModel, "would make a tensor of shape ", shape, ", ", elements,
         " elements; at most ", most, " are allowed here: use a smaller --batch or input, or fix ",
         "the node's sizes");
  }
}

}  // namespace limn
