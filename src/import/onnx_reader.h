// Inner doors of the ONNX reader, for passes and tests.
#pragma once
#include <string>

#include "limn/graph.h"

namespace limn {

/// The tensor of one TensorProto file, as ONNX's test data hold them (`input_0.pb`).
/// Throws BadModel, NotFound, Io; Unsupported for strings and the like.
Tensor read_tensor_file(const std::string& path);

/// Throws BadModel for weights of a layer that are not floating point, Numerical for a constant
/// that holds NaN, or infinity where a layer takes it as its weights. Infinity elsewhere is meant:
/// the limits of Clip, the masks of attention.
void check_weights(const Draft& draft);

}  // namespace limn
