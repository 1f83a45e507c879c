// Guards against shapes that no machine can hold.
#pragma once
#include <cstdint>

#include "limn/error.h"
#include "limn/tensor.h"

namespace limn {

/// Throws BadModel for a negative size or more than 2^31 elements.
inline void check_size(at::IntArrayRef shape) {
  double elements = 1;
  for (const std::int64_t size : shape) {
    elements *= static_cast<double>(size);
    if (size < 0 || elements > 2147483648.0) {
      fail(ErrorCode::BadModel, "would make a tensor of shape ", shape,
           "; at most 2^31 elements are allowed");
    }
  }
}

}  // namespace limn
