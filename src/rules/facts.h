// What rules may know of a graph before any number is computed.
#pragma once
#include <memory>
#include <vector>

#include "limn/graph.h"
#include "ops/op.h"

namespace limn {

/// Computed once per graph and walk; indices are node and value ids.
class Facts {
 public:
  Facts(const Graph& graph, ValueId logits);

  OpKind kind(NodeId id) const { return kinds_[static_cast<std::size_t>(id.index)]; }
  /// For each input of the node: true where it does not depend on the model's input.
  std::span<const bool> constant(NodeId id) const;
  /// True where relevance can flow to this value: it depends on the input.
  bool depends(ValueId id) const { return id && depends_[static_cast<std::size_t>(id.index)]; }
  /// True where every element is known to be >= 0 (after ReLU, Sigmoid, pools of such, ...).
  bool nonnegative(ValueId id) const {
    return id && nonnegative_[static_cast<std::size_t>(id.index)];
  }
  /// True where the value comes through Sigmoid, HardSigmoid or Softmax (Route nodes between).
  bool gate(ValueId id) const { return id && gate_[static_cast<std::size_t>(id.index)]; }
  /// Conv, Gemm or MatMul reached from the input through Route and constant affine nodes only.
  bool first_linear(NodeId id) const { return first_[static_cast<std::size_t>(id.index)]; }
  /// Conv, Gemm or MatMul that the logits are reached from through Route and pooling nodes only.
  bool last_linear(NodeId id) const { return last_[static_cast<std::size_t>(id.index)]; }

 private:
  void visit(const Graph& graph, NodeId id);

  std::vector<OpKind> kinds_;
  std::vector<std::unique_ptr<bool[]>> constant_;
  std::vector<std::size_t> inputs_;
  std::vector<bool> depends_, nonnegative_, gate_, near_input_, first_, last_;
};

/// Conv, ConvTranspose, Gemm or MatMul: what the rule books call a linear layer.
bool is_weighted(const Node& node);
/// Conv or ConvTranspose.
bool is_convolution(const Node& node);

}  // namespace limn
