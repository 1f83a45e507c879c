// Computes at load what does not depend on the input: shape arithmetic, transposed or filled
// weights. What a node would give is bounded before it is run, so that a small file cannot fill
// the memory (ConstantOfShape, Expand, Tile, Range ...).
#include <ATen/ATen.h>
#include <c10/core/GradMode.h>

#include <algorithm>
#include <array>
#include <limits>

#include "graph/operator_lookup.h"
#include "import/fold_shapes.h"
#include "import/passes.h"
#include "import/pattern.h"
#include "limn/error.h"
#include "ops/op.h"

namespace limn {
namespace {

constexpr double kNever = std::numeric_limits<double>::infinity();

bool is_one_of(std::string_view op, std::span<const std::string_view> list) {
  return std::find(list.begin(), list.end(), op) != list.end();
}

/// Operators whose result is no larger than all inputs broadcast together.
constexpr std::string_view kBroadcast[] = {"Abs",
                                           "Add",
                                           "And",
                                           "ArgMax",
                                           "ArgMin",
                                           "Cast",
                                           "Ceil",
                                           "Clip",
                                           "CumSum",
                                           "Div",
                                           "Elu",
                                           "Equal",
                                           "Erf",
                                           "Exp",
                                           "Flatten",
                                           "Floor",
                                           "Gelu",
                                           "Greater",
                                           "GreaterOrEqual",
                                           "HardSigmoid",
                                           "HardSwish",
                                           "Identity",
                                           "Less",
                                           "LessOrEqual",
                                           "LeakyRelu",
                                           "Log",
                                           "Max",
                                           "Mean",
                                           "Min",
                                           "Mish",
                                           "Mod",
                                           "Mul",
                                           "Neg",
                                           "Not",
                                           "Or",
                                           "PRelu",
                                           "Pow",
                                           "Reciprocal",
                                           "ReduceL1",
                                           "ReduceL2",
                                           "ReduceMax",
                                           "ReduceMean",
                                           "ReduceMin",
                                           "ReduceProd",
                                           "ReduceSum",
                                           "ReduceSumSquare",
                                           "Relu",
                                           "Reshape",
                                           "Round",
                                           "ScatterElements",
                                           "ScatterND",
                                           "Selu",
                                           "Shape",
                                           "SiLU",
                                           "Sigmoid",
                                           "Sign",
                                           "Size",
                                           "Slice",
                                           "Softmax",
                                           "Softplus",
                                           "Split",
                                           "Sqrt",
                                           "Squeeze",
                                           "Sub",
                                           "Sum",
                                           "Tanh",
                                           "Transpose",
                                           "Trilu",
                                           "Unsqueeze",
                                           "Where",
                                           "Xor",
                                           "LogSoftmax",
                                           "DepthToSpace",
                                           "SpaceToDepth",
                                           "BatchNormalization",
                                           "LayerNormalization",
                                           "GatherElements",
                                           "IsInf",
                                           "IsNaN"};

double product_of(const Tensor& sizes) {
  if (!sizes.defined()) return kNever;
  double product = 1;
  for (const std::int64_t size : integers_of(sizes)) product *= std::abs(double(size));
  return product;
}

double broadcast_elements(Inputs in) {
  double product = 1;
  std::int64_t rank = 0;
  for (const auto& input : in) rank = std::max(rank, input.defined() ? input.dim() : 0);
  for (std::int64_t i = 1; i <= rank; ++i) {
    std::int64_t size = 1;
    for (const auto& input : in) {
      if (input.defined() && i <= input.dim()) size = std::max(size, input.size(-i));
    }
    product *= static_cast<double>(size);
  }
  return product;
}

double range_elements(Inputs in) {
  double bound[3];
  for (std::size_t i = 0; i < 3; ++i) {
    if (i >= in.size() || !in[i].defined() || in[i].numel() != 1) return kNever;
    bound[i] = in[i].to(at::kDouble).item<double>();
  }
  const double count = (bound[1] - bound[0]) / bound[2];
  return std::isfinite(count) ? std::max(count, 0.0) : kNever;
}

double pad_elements(const DraftNode& node, Inputs in) {
  const Tensor sizes = optional_input(in, 1);
  const auto pads =
      node.attributes.has("pads") ? node.attributes.integers("pads") : integers_of(sizes);
  double most = 0;
  for (const std::int64_t pad : pads) most = std::max(most, std::abs(double(pad)));
  double product = 1;
  for (std::int64_t i = 0; i < in[0].dim(); ++i) product *= double(in[0].size(i)) + 2 * most;
  return product;
}

/// At most as many elements as the node's outputs have together; infinite where it is not known.
double elements_bound(const DraftNode& node, Inputs in) {
  const auto count = [&](std::size_t i) {
    return i < in.size() && in[i].defined() ? static_cast<double>(in[i].numel()) : 0.0;
  };
  if (is_one_of(node.op, kBroadcast)) return broadcast_elements(in);
  if (node.op == "ConstantOfShape") return product_of(optional_input(in, 0));
  if (node.op == "Expand") return count(0) * product_of(optional_input(in, 1));
  if (node.op == "Tile") return count(0) * product_of(optional_input(in, 1));
  if (node.op == "Range") return range_elements(in);
  if (node.op == "Concat") {
    double sum = 0;
    for (std::size_t i = 0; i < in.size(); ++i) sum += count(i);
    return sum;
  }
  if (!in[0].defined() || in.size() < 2) return node.op == "Pad" ? pad_elements(node, in) : kNever;
  if (node.op == "Pad") return pad_elements(node, in);
  if (node.op == "Gather" && in[0].dim() > 0) {
    const std::int64_t axis = normalize_axis(node.attributes.integer("axis", 0), in[0].dim());
    return count(1) * count(0) / std::max<double>(1, double(in[0].size(axis)));
  }
  if (node.op == "GatherND") return count(0) * count(1);
  if (node.op == "MatMul" && in[0].dim() > 0) {
    const double inner = std::max<double>(1, double(in[0].size(-1)));
    // Bounded by work, so that a file cannot keep the importer busy either.
    const double result = count(0) / inner * (count(1) / inner);
    return result * inner > 1e10 ? kNever : result;
  }
  return kNever;
}

class Folder {
 public:
  Folder(Draft& draft, std::int64_t budget)
      : draft_(draft), pattern_(draft), budget_(static_cast<double>(budget)) {}
  void run();

 private:
  bool foldable(const DraftNode& node) const;
  bool fold(const DraftNode& node);

  Draft& draft_;
  Pattern pattern_;
  double budget_;
};

bool Folder::foldable(const DraftNode& node) const {
  if (!node.domain.empty() || node.inputs.empty() || !find_operator(node.op)) return false;
  for (const auto& input : node.inputs) {
    if (!input.empty() && !pattern_.is_constant(input)) return false;
  }
  for (const auto& output : node.outputs) {
    // A value made twice stays, so that Graph reports it.
    if (output.empty()) continue;
    if (pattern_.producer(output) != &node || pattern_.is_constant(output)) return false;
    if (pattern_.is_input(output)) return false;
  }
  return true;
}

bool Folder::fold(const DraftNode& node) {
  Node frozen{.name = node.name,
              .op = node.op,
              .opset = node.opset,
              .attributes = node.attributes,
              .inputs = {},
              .outputs = {},
              .spec = find_operator(node.op)};
  Tensors in;
  for (const auto& input : node.inputs) {
    frozen.inputs.push_back(input.empty() ? ValueId{} : ValueId{static_cast<int>(in.size())});
    in.push_back(pattern_.constant(input));
  }
  for (const auto& output : node.outputs) {
    frozen.outputs.push_back(output.empty() ? ValueId{} : ValueId{static_cast<int>(in.size())});
  }
  check_node(frozen);
  const double bound = elements_bound(node, in);
  if (!(bound <= budget_)) return false;
  const Tensors out = frozen.spec->forward(frozen, in);
  if (out.size() < node.outputs.size()) return false;
  for (std::size_t i = 0; i < node.outputs.size(); ++i) {
    if (node.outputs[i].empty()) continue;
    if (!out[i].defined()) return false;
  }
  budget_ -= bound;
  for (std::size_t i = 0; i < node.outputs.size(); ++i) {
    if (node.outputs[i].empty()) continue;
    draft_.constants[node.outputs[i]] = out[i].contiguous();
  }
  return true;
}

void Folder::run() {
  const at::NoGradGuard no_grad;
  // Each node is looked at once all its inputs are constant, whatever the order of the file.
  std::map<std::string, std::vector<std::size_t>> users;
  std::vector<std::size_t> open(draft_.nodes.size(), 0), ready;
  for (std::size_t i = 0; i < draft_.nodes.size(); ++i) {
    for (const auto& input : draft_.nodes[i].inputs) {
      if (input.empty() || pattern_.is_constant(input)) continue;
      users[input].push_back(i);
      ++open[i];
    }
    if (open[i] == 0) ready.push_back(i);
  }
  std::vector<bool> folded(draft_.nodes.size(), false);
  while (!ready.empty()) {
    const std::size_t i = ready.back();
    ready.pop_back();
    const DraftNode& node = draft_.nodes[i];
    if (!foldable(node)) continue;
    folded[i] = in_context(
        [&] { return concat("node \"", node.name, "\" (", node.op, ", opset ", node.opset, ")"); },
        [&] { return fold(node); });
    if (!folded[i]) continue;
    for (const auto& output : node.outputs) {
      const auto found = users.find(output);
      if (found == users.end()) continue;
      for (const std::size_t user : found->second) {
        if (--open[user] == 0) ready.push_back(user);
      }
    }
  }
  std::vector<DraftNode> nodes;
  for (std::size_t i = 0; i < draft_.nodes.size(); ++i) {
    if (!folded[i]) nodes.push_back(std::move(draft_.nodes[i]));
  }
  draft_.nodes = std::move(nodes);
}

}  // namespace

Draft fold_constants(Draft draft, std::int64_t budget) {
  remove_dead(draft);
  fold_shapes(draft);
  Folder(draft, budget).run();
  remove_dead(draft);
  return draft;
}

}  // namespace limn
