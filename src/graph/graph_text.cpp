// A graph as text for people and as Graphviz.
#include <ATen/ATen.h>

#include "graph/operator_lookup.h"
#include "limn/error.h"
#include "limn/graph.h"

namespace limn {
namespace {

std::string shape_text(const ValueInfo& info) {
  if (!info.has_shape) return "[?]";
  std::string text = "[";
  for (std::size_t i = 0; i < info.shape.size(); ++i) {
    if (i > 0) text += ",";
    if (info.shape[i] >= 0) {
      text += std::to_string(info.shape[i]);
    } else {
      const bool named = i < info.dim_names.size() && !info.dim_names[i].empty();
      text += named ? info.dim_names[i] : "?";
    }
  }
  return text + "]";
}

std::string constant_text(const Tensor& constant) {
  std::string text = "[";
  for (std::int64_t i = 0; i < constant.dim(); ++i) {
    text += concat(i > 0 ? "," : "", constant.size(i));
  }
  return text + "]";
}

/// Kind of a node given the constants among its inputs.
std::string_view kind_of(const Graph& graph, const Node& node) {
  // std::vector<bool> has no contiguous storage for a span.
  const std::size_t count = node.inputs.size();
  const auto constant = std::make_unique<bool[]>(count);
  for (std::size_t i = 0; i < count; ++i) constant[i] = graph.is_constant(node.inputs[i]);
  return kind_text(node, {constant.get(), count});
}

std::string value_list(const Graph& graph, const std::vector<ValueId>& values) {
  std::string text;
  for (const ValueId id : values) {
    if (!text.empty()) text += ", ";
    if (!id) {
      text += "-";
      continue;
    }
    const Value& value = graph.value(id);
    text += value.name;
    if (value.constant.defined()) text += constant_text(value.constant);
  }
  return text;
}

std::string dot_string(std::string_view text) {
  std::string out = "\"";
  for (const char letter : text) {
    if (letter == '"' || letter == '\\') out += '\\';
    if (letter == '\n') {
      out += "\\n";
    } else {
      out += letter;
    }
  }
  return out + "\"";
}

}  // namespace

std::string Graph::text() const {
  std::string out = concat("graph ", name_, ", opset ", opset_, ", ", nodes_.size(), " nodes\n");
  for (const ValueId id : inputs_) {
    out += concat("input ", value(id).name, shape_text(value(id).info), "\n");
  }
  for (const Node& node : nodes_) {
    out += concat(node.name, ": ", node.op, " (opset ", node.opset, ", ", kind_of(*this, node),
                  "): ", value_list(*this, node.inputs), " -> ", value_list(*this, node.outputs),
                  "\n");
  }
  for (const ValueId id : outputs_) {
    out += concat("output ", value(id).name, shape_text(value(id).info), "\n");
  }
  return out;
}

std::string Graph::dot() const {
  std::string out = "digraph " + dot_string(name_) + " {\n  node [shape=box];\n";
  for (const ValueId id : inputs_) {
    out += concat("  v", id.index, " [shape=ellipse, label=",
                  dot_string(value(id).name + " " + shape_text(value(id).info)), "];\n");
  }
  for (std::size_t i = 0; i < nodes_.size(); ++i) {
    const Node& node = nodes_[i];
    out += concat("  n", i, " [label=",
                  dot_string(concat(node.name, "\n", node.op, ", ", kind_of(*this, node))), "];\n");
    for (const ValueId id : node.inputs) {
      if (!id || is_constant(id)) continue;
      const Value& source = value(id);
      out += source.producer ? concat("  n", source.producer.index) : concat("  v", id.index);
      out += concat(" -> n", i, " [label=", dot_string(source.name), "];\n");
    }
  }
  for (std::size_t i = 0; i < outputs_.size(); ++i) {
    const Value& result = value(outputs_[i]);
    out += concat("  o", i, " [shape=ellipse, label=", dot_string(result.name), "];\n");
    if (result.producer) out += concat("  n", result.producer.index, " -> o", i, ";\n");
  }
  return out + "}\n";
}

}  // namespace limn
