// NumPy's .npy files: the raw form of maps and input tensors.
#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "limn/tensor.h"

namespace limn {

/// Reads a .npy file (format 1.0 to 3.0; C order; float16/32/64, signed and unsigned integers,
/// bool; either byte order). Unsigned 16 and 32 bits widen to int32 and int64. The header is
/// checked against the file's length before anything is allocated. Throws NotFound, Io, BadInput.
Tensor read_npy(const std::string& path);
/// The same from memory; `name` stands in error messages.
Tensor decode_npy(std::string_view bytes, const std::string& name = "npy");
/// The shape alone, with the same checks and errors; the elements stay on disk.
std::vector<std::int64_t> read_npy_shape(const std::string& path);
/// Format 1.0, little endian, C order, in the tensor's own element type.
std::string encode_npy(const Tensor& tensor);
/// Throws Io; a failed write leaves no file.
void write_npy(const std::string& path, const Tensor& tensor);

}  // namespace limn
