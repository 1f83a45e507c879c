// The graph: nodes, values and constants of one model, immutable once built.
#pragma once
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "limn/tensor.h"

namespace limn {

struct OpSpec;

/// A value (edge) of a graph; `-1` is none.
struct ValueId {
  int index = -1;
  explicit operator bool() const { return index >= 0; }
  auto operator<=>(const ValueId&) const = default;  // NOLINT(modernize-use-nullptr)
};
/// A node (call site) of a graph; `-1` is none.
struct NodeId {
  int index = -1;
  explicit operator bool() const { return index >= 0; }
  auto operator<=>(const NodeId&) const = default;  // NOLINT(modernize-use-nullptr)
};

using Attribute = std::variant<std::int64_t, double, std::string, Tensor, std::vector<std::int64_t>,
                               std::vector<double>, std::vector<std::string>>;

/// The attributes of one node by ONNX name. The getters throw BadModel if the type does not fit.
class Attributes {
 public:
  bool has(std::string_view name) const { return find(name) != nullptr; }
  std::int64_t integer(std::string_view name, std::int64_t otherwise) const;
  double real(std::string_view name, double otherwise) const;
  std::string text(std::string_view name, std::string otherwise) const;
  std::vector<std::int64_t> integers(std::string_view name,
                                     std::vector<std::int64_t> otherwise = {}) const;
  std::vector<double> reals(std::string_view name, std::vector<double> otherwise = {}) const;
  /// Undefined where absent.
  Tensor tensor(std::string_view name) const;
  void set(std::string name, Attribute value);
  void erase(std::string_view name);
  const std::vector<std::pair<std::string, Attribute>>& items() const { return items_; }

 private:
  const Attribute* find(std::string_view name) const;
  std::vector<std::pair<std::string, Attribute>> items_;
};

/// Name, element type and shape of an input or output as the file declares it; -1 is dynamic.
struct ValueInfo {
  std::string name;
  at::ScalarType dtype = at::kFloat;
  std::vector<std::int64_t> shape;
  std::vector<std::string> dim_names;  ///< same length as shape; empty where the size is fixed
  bool has_shape = false;
};

/// One node of a draft: edges are names, an empty name is an absent optional input.
struct DraftNode {
  std::string name;
  std::string op;
  std::string domain;
  int opset = 0;  ///< of the node's domain
  Attributes attributes;
  std::vector<std::string> inputs;
  std::vector<std::string> outputs;
};

/// A model as read from a file or built by hand; passes work on it, `Graph` freezes it.
struct Draft {
  std::string name = "graph";
  int opset = 17;
  std::vector<DraftNode> nodes;
  std::map<std::string, Tensor> constants;
  std::vector<ValueInfo> inputs;  ///< without the constants
  std::vector<ValueInfo> outputs;
  std::map<std::string, std::string> metadata;
  std::vector<ValueInfo> values;  ///< shapes that the file declares for inner values; for passes
};

/// One node of a graph.
struct Node {
  std::string name;
  std::string op;
  int opset = 0;
  Attributes attributes;
  std::vector<ValueId> inputs;  ///< none where an optional input is absent
  std::vector<ValueId> outputs;
  const OpSpec* spec = nullptr;
};

/// One value of a graph: an input, a constant, or an output of a node.
struct Value {
  std::string name;
  Tensor constant;                ///< undefined unless constant
  NodeId producer;                ///< none for inputs and constants
  std::vector<NodeId> consumers;  ///< once for each use
  ValueInfo info;                 ///< what the file declares, for inputs and outputs
};

/// Immutable. Nodes stand in topological order; each value has one producer; all is checked once.
class Graph {
 public:
  Graph() = default;
  /// Sorts and checks. Throws BadModel for a cycle, a missing or doubly produced value, and one
  /// Unsupported error that lists every unsupported node (name, operator, opset, count).
  explicit Graph(const Draft& draft);

  const std::string& name() const { return name_; }
  int opset() const { return opset_; }
  const std::vector<Node>& nodes() const { return nodes_; }
  const std::vector<Value>& values() const { return values_; }
  const Node& node(NodeId id) const { return nodes_[static_cast<std::size_t>(id.index)]; }
  const Value& value(ValueId id) const { return values_[static_cast<std::size_t>(id.index)]; }
  const std::vector<ValueId>& inputs() const { return inputs_; }
  const std::vector<ValueId>& outputs() const { return outputs_; }
  const std::map<std::string, std::string>& metadata() const { return metadata_; }

  /// None where no value has this name.
  ValueId find(std::string_view value_name) const;
  /// The value of this name; throws NotFound and offers the nearest names.
  ValueId at(std::string_view value_name) const;
  bool is_constant(ValueId id) const { return id && value(id).constant.defined(); }

  /// The draft this graph equals (tensors are shared).
  Draft draft() const;
  /// One line per node, for people.
  std::string text() const;
  /// Graphviz.
  std::string dot() const;

 private:
  std::string name_;
  int opset_ = 0;
  std::vector<Node> nodes_;
  std::vector<Value> values_;
  std::vector<ValueId> inputs_, outputs_;
  std::map<std::string, ValueId, std::less<>> by_name_;
  std::map<std::string, std::string> metadata_;
};

/// Reads an ONNX file (opset 7-21), with external data from its folder. The file is mapped, and
/// tensors stored raw share its pages. Throws BadModel, NotFound, Io.
Draft read_onnx(const std::string& path);
/// The same from memory; `folder` is where external data may lie ("" forbids it).
Draft read_onnx_bytes(std::string_view bytes, const std::string& folder = "");
/// Writes a draft as ONNX; a failed write leaves no file. Throws Io.
void write_onnx(const Draft& draft, const std::string& path);
std::string write_onnx_bytes(const Draft& draft);

}  // namespace limn
