// Static facts: kinds, signs, gates, first and last linear layers.
#include "rules/facts.h"

#include <algorithm>
#include <string_view>

namespace limn {
namespace {

bool any_of(std::string_view op, std::initializer_list<std::string_view> names) {
  return std::find(names.begin(), names.end(), op) != names.end();
}

/// Whether the node's first output is >= 0 everywhere, given which inputs are.
bool output_nonnegative(const Node& node, OpKind kind, const std::vector<bool>& input) {
  if (any_of(node.op, {"Relu", "Sigmoid", "HardSigmoid", "Softmax", "Abs", "Exp", "Softplus",
                       "Sqrt", "ReduceL1", "ReduceL2"})) {
    return true;
  }
  const bool all =
      !input.empty() && std::all_of(input.begin(), input.end(), [](bool b) { return b; });
  // Pad adds a constant, which is checked as an input where it is one; attributes are rarely
  // negative.
  if (node.op == "Pad") return input.front() && node.attributes.real("value", 0) >= 0;
  if (any_of(node.op, {"MaxPool", "AveragePool", "GlobalAveragePool", "GlobalMaxPool", "ReduceMean",
                       "ReduceSum", "ReduceMax", "Identity", "Dropout"})) {
    return input.front();
  }
  // Shape inputs (indices, axes, sizes) do not count: only the data that is moved does.
  if (any_of(node.op, {"Reshape", "Flatten", "Transpose", "Squeeze", "Unsqueeze", "Slice", "Split",
                       "Gather", "Expand", "Tile", "DepthToSpace", "SpaceToDepth", "Cast"})) {
    return input.front();
  }
  if (any_of(node.op, {"Concat", "Add", "Sum", "Mul", "Max", "Min"})) return all;
  (void)kind;
  return false;
}

}  // namespace

bool is_convolution(const Node& node) { return node.op == "Conv" || node.op == "ConvTranspose"; }
bool is_weighted(const Node& node) {
  return is_convolution(node) || node.op == "Gemm" || node.op == "MatMul";
}

std::span<const bool> Facts::constant(NodeId id) const {
  const auto n = static_cast<std::size_t>(id.index);
  return {constant_[n].get(), inputs_[n]};
}

Facts::Facts(const Graph& graph, ValueId logits) {
  const std::size_t values = graph.values().size(), nodes = graph.nodes().size();
  depends_.assign(values, false);
  nonnegative_.assign(values, false);
  gate_.assign(values, false);
  near_input_.assign(values, false);
  first_.assign(nodes, false);
  last_.assign(nodes, false);
  for (std::size_t v = 0; v < values; ++v) {
    const Tensor& constant = graph.values()[v].constant;
    // Large weights are never the data of a nonnegative sum: only small constants are looked at.
    if (constant.defined() && constant.is_floating_point() && constant.numel() > 0 &&
        constant.numel() <= 65536) {
      nonnegative_[v] = constant.min().item<double>() >= 0;
    }
  }
  const auto input = static_cast<std::size_t>(graph.inputs().front().index);
  depends_[input] = near_input_[input] = true;
  for (std::size_t n = 0; n < nodes; ++n) visit(graph, {static_cast<int>(n)});

  std::vector<bool> near_output(values, false);
  near_output[static_cast<std::size_t>(logits.index)] = true;
  for (std::size_t n = nodes; n-- > 0;) {
    const Node& node = graph.nodes()[n];
    const bool near = std::any_of(node.outputs.begin(), node.outputs.end(), [&](ValueId id) {
      return id && near_output[static_cast<std::size_t>(id.index)];
    });
    if (!near) continue;
    if (is_weighted(node) && kinds_[n] == OpKind::Linear) {
      last_[n] = true;
    } else if (kinds_[n] == OpKind::Route || kinds_[n] == OpKind::Linear) {
      for (ValueId id : node.inputs) {
        if (id) near_output[static_cast<std::size_t>(id.index)] = true;
      }
    }
  }
}

void Facts::visit(const Graph& graph, NodeId id) {
  const Node& node = graph.node(id);
  const std::size_t count = node.inputs.size();
  constant_.push_back(std::make_unique<bool[]>(std::max<std::size_t>(count, 1)));
  inputs_.push_back(count);
  bool any = false, near = false;
  std::vector<bool> signs;
  bool gated = node.op == "Sigmoid" || node.op == "HardSigmoid" || node.op == "Softmax";
  for (std::size_t i = 0; i < count; ++i) {
    const ValueId value = node.inputs[i];
    const bool flows = depends(value);
    constant_.back()[i] = !flows;
    any = any || flows;
    if (flows && near_input_[static_cast<std::size_t>(value.index)]) near = true;
    if (value) signs.push_back(nonnegative_[static_cast<std::size_t>(value.index)]);
  }
  const OpKind kind = any ? kind_of(node, constant(id)) : OpKind::Constant;
  kinds_.push_back(kind);
  if (kind == OpKind::Route && count > 0 && gate(node.inputs.front())) gated = true;
  // YOLO-style exporters put a constant factor behind the gate; it stays one.
  if (kind == OpKind::Linear && !is_weighted(node) && count > 0) {
    gated = gated || gate(node.inputs[data_input(constant(id))]);
  }
  const bool weighted = is_weighted(node) && kind == OpKind::Linear;
  first_[static_cast<std::size_t>(id.index)] = weighted && near;
  const bool affine = kind == OpKind::Route || (kind == OpKind::Linear && !weighted);
  bool sign = kind != OpKind::Constant && output_nonnegative(node, kind, signs);
  if (node.op == "Clip") {
    const double low = node.attributes.real("min", -1);
    sign = low >= 0 || (count > 1 && node.inputs[1] && nonnegative(node.inputs[1]));
  }
  for (ValueId output : node.outputs) {
    if (!output) continue;
    const auto v = static_cast<std::size_t>(output.index);
    depends_[v] = any && kind != OpKind::Constant;
    nonnegative_[v] = sign;
    gate_[v] = gated;
    near_input_[v] = near && affine;
  }
}

}  // namespace limn
