// The .npy files that numpy writes for float32 tensors, for tests of the core alone.
#pragma once
#include <fstream>
#include <sstream>
#include <string>

#include "limn/error.h"
#include "limn/tensor.h"

namespace limn::testing {

/// A float32, C-order, version 1 .npy file.
inline Tensor read_float_npy(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  const std::string bytes{std::istreambuf_iterator<char>(file), {}};
  if (bytes.size() < 10) fail(ErrorCode::NotFound, "cannot read \"", path, "\"");
  const std::size_t header = static_cast<unsigned char>(bytes[8]) +
                             256 * static_cast<std::size_t>(static_cast<unsigned char>(bytes[9]));
  const std::string text = bytes.substr(10, header);
  std::string numbers = text.substr(text.find('(') + 1);
  numbers = numbers.substr(0, numbers.find(')'));
  std::vector<std::int64_t> shape;
  std::istringstream stream(numbers);
  for (std::string part; std::getline(stream, part, ',');) {
    if (part.find_first_of("0123456789") != std::string::npos) shape.push_back(std::stoll(part));
  }
  return at::from_blob(const_cast<char*>(bytes.data()) + 10 + header, shape, at::kFloat).clone();
}

}  // namespace limn::testing
