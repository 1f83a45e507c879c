// Largest and smallest of several inputs, choice by a condition, top k, remainder.
#include "ops/op.h"

namespace limn {
namespace {

Tensors max_forward(const Node& node, Inputs in) {
  Tensor best = in[0];
  for (std::size_t i = 1; i < in.size(); ++i) {
    best = node.op == "Max" ? at::maximum(best, in[i]) : at::minimum(best, in[i]);
  }
  return {best};
}

/// Max(x, 0) and the like: with one activation and constants it is an activation.
OpKind max_kind(const Node&, std::span<const bool> constant) {
  return std::count(constant.begin(), constant.end(), false) > 1 ? OpKind::Select
                                                                 : OpKind::Activation;
}

Tensors where_forward(const Node&, Inputs in) {
  return {at::where(in[0].to(in[1].device()), in[1], in[2])};
}

/// Relevance flows only if a chosen value depends on the input, whatever the condition does.
OpKind where_kind(const Node&, std::span<const bool> constant) {
  return constant[1] && constant[2] ? OpKind::Constant : OpKind::Route;
}

Tensors top_k_forward(const Node& node, Inputs in) {
  const std::int64_t axis = normalize_axis(node.attributes.integer("axis", -1), in[0].dim());
  const std::int64_t k = in.size() > 1 ? integers_of(in[1]).at(0) : node.attributes.integer("k", 0);
  if (k < 0 || k > in[0].size(axis)) {
    fail(ErrorCode::BadModel, "k is ", k, ", axis ", axis, " has ", in[0].size(axis));
  }
  // Stable, so that the first of equals comes first, as ONNX wants it.
  const bool largest = node.attributes.integer("largest", 1) != 0;
  const auto [values, indices] = at::sort(in[0], true, axis, largest);
  return {values.slice(axis, 0, k), indices.slice(axis, 0, k)};
}

Tensors mod_forward(const Node& node, Inputs in) {
  const bool c_style = node.attributes.integer("fmod", 0) != 0;
  return {c_style ? at::fmod(in[0], in[1]) : at::remainder(in[0], in[1])};
}

}  // namespace

constinit const OpSpec op_Max{.name = "Max",
                              .kind = OpKind::Select,
                              .help = "largest of the inputs",
                              .forward = max_forward,
                              .kind_of = max_kind};
constinit const OpSpec op_Min{.name = "Min",
                              .kind = OpKind::Select,
                              .help = "smallest of the inputs",
                              .forward = max_forward,
                              .kind_of = max_kind};
constinit const OpSpec op_Where{
    .name = "Where",
    .kind = OpKind::Route,
    .help = "one of two inputs by a condition; the condition gets nothing",
    .forward = where_forward,
    .kind_of = where_kind,
    .inputs_min = 3};
constinit const OpSpec op_TopK{.name = "TopK",
                               .kind = OpKind::Route,
                               .help = "the k largest or smallest",
                               .forward = top_k_forward};
constinit const OpSpec op_Mod{.name = "Mod",
                              .kind = OpKind::Constant,
                              .help = "remainder",
                              .forward = mod_forward,
                              .inputs_min = 2};

}  // namespace limn
