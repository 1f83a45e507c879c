// ONNX element types that libtorch has.
#pragma once
#include <ATen/ATen.h>

#include <cstdint>

#include "limn/error.h"

namespace limn {

/// The type behind a number of ONNX's TensorProto.DataType; unsigned ones widen to int64.
inline at::ScalarType element_type(std::int64_t onnx) {
  switch (onnx) {
    case 1:
      return at::kFloat;
    case 2:
      return at::kByte;
    case 3:
      return at::kChar;
    case 5:
      return at::kShort;
    case 6:
      return at::kInt;
    case 4:
    case 7:
    case 12:
    case 13:
      return at::kLong;
    case 9:
      return at::kBool;
    case 10:
      return at::kHalf;
    case 11:
      return at::kDouble;
    case 16:
      return at::kBFloat16;
    default:
      fail(ErrorCode::Unsupported, "element type ", onnx, " is not supported");
  }
}

}  // namespace limn
