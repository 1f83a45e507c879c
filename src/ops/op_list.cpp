// The explicit list of operators and the questions asked of it.
#include <c10/core/GradMode.h>
#include <torch/csrc/autograd/autograd.h>

#include "graph/operator_lookup.h"
#include "ops/op.h"

namespace limn {

namespace {
constexpr const OpSpec* kOperators[] = {
#define LIMN_OP(name) &op_##name,
#include "ops/op_list.inc"
#undef LIMN_OP
};
}  // namespace

std::span<const OpSpec* const> operators() { return kOperators; }

const OpSpec* find_operator(std::string_view name) {
  for (const OpSpec* op : kOperators) {
    if (op->name == name) return op;
  }
  return nullptr;
}

void check_node(const Node& node) {
  const OpSpec& spec = *node.spec;
  if (node.opset < spec.since) {
    fail(ErrorCode::Unsupported, "limn reads this operator from opset ", spec.since, " on");
  }
  if (static_cast<int>(node.inputs.size()) < spec.inputs_min) {
    fail(ErrorCode::BadModel, "has ", node.inputs.size(), " inputs, needs ", spec.inputs_min);
  }
  if (node.outputs.empty()) fail(ErrorCode::BadModel, "has no output");
  if (spec.check) spec.check(node);
}

std::string_view kind_name(OpKind kind) {
  constexpr std::string_view names[] = {"Linear", "Bilinear", "Join",      "Activation",
                                        "Select", "Route",    "Normalise", "Constant"};
  return names[static_cast<std::size_t>(kind)];
}

OpKind kind_of(const Node& node, std::span<const bool> constant) {
  return node.spec->kind_of ? node.spec->kind_of(node, constant) : node.spec->kind;
}

std::string_view kind_text(const Node& node, std::span<const bool> constant) {
  return kind_name(kind_of(node, constant));
}

std::size_t data_input(std::span<const bool> constant) {
  for (std::size_t i = 0; i < constant.size(); ++i) {
    if (!constant[i]) return i;
  }
  return 0;
}

Tensors autograd_vjp(const Node& node, Inputs in, Inputs grad_out, std::span<const bool> wanted) {
  at::AutoGradMode enable(true);
  Tensors leaves(in.begin(), in.end());
  Tensors sources;
  for (std::size_t i = 0; i < leaves.size(); ++i) {
    if (!leaves[i].defined() || !wanted[i] || !leaves[i].is_floating_point()) continue;
    leaves[i] = leaves[i].detach().requires_grad_(true);
    sources.push_back(leaves[i]);
  }
  Tensors result(in.size());
  if (sources.empty()) return result;
  const Tensors out = node.spec->forward(node, leaves);
  Tensors roots, grads;
  for (std::size_t i = 0; i < out.size() && i < grad_out.size(); ++i) {
    if (!grad_out[i].defined() || !out[i].requires_grad()) continue;
    roots.push_back(out[i]);
    grads.push_back(grad_out[i]);
  }
  if (roots.empty()) return result;
  const Tensors found = torch::autograd::grad(roots, sources, grads, c10::nullopt, false, true);
  for (std::size_t i = 0, next = 0; i < leaves.size(); ++i) {
    if (leaves[i].defined() && leaves[i].requires_grad() && wanted[i]) result[i] = found[next++];
  }
  return result;
}

std::vector<std::int64_t> integers_of(const Tensor& tensor) {
  if (!tensor.defined()) return {};
  const Tensor flat = tensor.detach().to(at::kCPU, at::kLong).contiguous();
  const auto* data = flat.data_ptr<std::int64_t>();
  return {data, data + flat.numel()};
}

std::int64_t normalize_axis(std::int64_t axis, std::int64_t rank) {
  if (axis < -rank || axis >= std::max<std::int64_t>(rank, 1)) {
    fail(ErrorCode::BadModel, "axis ", axis, " is outside a tensor of ", rank, " dimensions");
  }
  return axis < 0 ? axis + rank : axis;
}

}  // namespace limn
