// The questions a graph asks of the operator list; src/ops answers them.
#pragma once
#include <span>
#include <string_view>

namespace limn {
struct Node;
struct OpSpec;

/// The operator of this ONNX name (default domain), or null.
const OpSpec* find_operator(std::string_view name);
/// Throws Unsupported or BadModel where the node's opset, attributes or inputs cannot be honored.
void check_node(const Node& node);
/// `Linear`, `Join` ...: how relevance treats the node, given which inputs are constant.
std::string_view kind_text(const Node& node, std::span<const bool> constant);
}  // namespace limn
