// The messages that an ONNX graph is made of.
#pragma once
#include <map>
#include <string>
#include <string_view>
#include <utility>

#include "import/onnx_tensor.h"
#include "limn/graph.h"

namespace limn {

/// A node with its attributes; its opset is that of its domain, 0 where the file names none.
DraftNode read_node(std::string_view bytes, std::size_t index,
                    const std::map<std::string, std::int64_t>& opsets, const TensorSource& source);

/// For an input, an element type that limn lacks is an error; for other values it does not matter.
ValueInfo read_value_info(std::string_view bytes, bool is_input);

/// A key and its value.
std::pair<std::string, std::string> read_pair(std::string_view bytes);

}  // namespace limn
