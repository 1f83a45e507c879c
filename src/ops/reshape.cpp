// Values keep their order and change their shape: Reshape, Flatten, Squeeze, Unsqueeze, Identity,
// Dropout (inference), Expand, Cast.
#include "ops/element_type.h"
#include "ops/linear_support.h"
#include "ops/op.h"
#include "ops/sizes.h"

namespace limn {
namespace {

Tensors reshape_forward(const Node& node, Inputs in) {
  std::vector<std::int64_t> shape = integers_of(in[1]);
  const bool allow_zero = node.attributes.integer("allowzero", 0) != 0;
  for (std::size_t d = 0; d < shape.size(); ++d) {
    if (shape[d] != 0 || allow_zero) continue;
    if (static_cast<std::int64_t>(d) >= in[0].dim()) {
      fail(ErrorCode::BadModel, "shape ", at::IntArrayRef(shape), " copies dimension ", d,
           " of an input with ", in[0].dim());
    }
    shape[d] = in[0].size(static_cast<std::int64_t>(d));
  }
  return {in[0].reshape(shape)};
}

Tensors flatten_forward(const Node& node, Inputs in) {
  std::int64_t axis = node.attributes.integer("axis", 1);
  if (axis < -in[0].dim() || axis > in[0].dim()) {
    fail(ErrorCode::BadModel, "axis ", axis, " is outside a tensor of ", in[0].dim(),
         " dimensions");
  }
  if (axis < 0) axis += in[0].dim();
  std::int64_t rows = 1;
  for (std::int64_t d = 0; d < axis; ++d) rows *= in[0].size(d);
  return {in[0].reshape({rows, rows == 0 ? in[0].numel() : in[0].numel() / rows})};
}

/// Axes from the attribute (before opset 13) or the second input.
std::vector<std::int64_t> axes_of(const Node& node, Inputs in) {
  if (optional_input(in, 1).defined()) return integers_of(in[1]);
  return node.attributes.integers("axes");
}

Tensors squeeze_forward(const Node& node, Inputs in) {
  std::vector<std::int64_t> axes = axes_of(node, in), shape;
  for (auto& axis : axes) {
    axis = normalize_axis(axis, in[0].dim());
    if (in[0].size(axis) != 1) {
      fail(ErrorCode::BadModel, "axis ", axis, " of shape ", in[0].sizes(), " is not 1");
    }
  }
  for (std::int64_t d = 0; d < in[0].dim(); ++d) {
    const bool gone =
        axes.empty() ? in[0].size(d) == 1 : std::find(axes.begin(), axes.end(), d) != axes.end();
    if (!gone) shape.push_back(in[0].size(d));
  }
  return {in[0].reshape(shape)};
}

Tensors unsqueeze_forward(const Node& node, Inputs in) {
  std::vector<std::int64_t> axes = axes_of(node, in);
  const auto rank = in[0].dim() + static_cast<std::int64_t>(axes.size());
  for (auto& axis : axes) axis = normalize_axis(axis, rank);
  std::vector<std::int64_t> shape = in[0].sizes().vec();
  std::sort(axes.begin(), axes.end());
  if (std::adjacent_find(axes.begin(), axes.end()) != axes.end()) {
    fail(ErrorCode::BadModel, "axes ", at::IntArrayRef(axes), " name one twice");
  }
  for (const auto axis : axes) shape.insert(shape.begin() + axis, 1);
  return {in[0].reshape(shape)};
}

Tensors reshape_vjp(const Node&, Inputs in, Inputs, Inputs grad_out, std::span<const bool>) {
  Tensors result(in.size());
  result[0] = grad_out[0].reshape(in[0].sizes());
  return result;
}

Tensors identity_forward(const Node&, Inputs in) { return {in[0]}; }

Tensors dropout_forward(const Node& node, Inputs in) {
  Tensors out = {in[0]};
  if (node.outputs.size() > 1) out.push_back(at::ones_like(in[0], at::kBool));
  return out;
}

void dropout_check(const Node& node) {
  if (node.opset < 7 && node.attributes.integer("is_test", 0) == 0) {
    fail(ErrorCode::Unsupported, "training dropout; export the model in evaluation mode");
  }
}

Tensors expand_forward(const Node&, Inputs in) {
  std::vector<std::int64_t> shape = integers_of(in[1]), own = in[0].sizes().vec();
  while (own.size() < shape.size()) own.insert(own.begin(), 1);
  while (shape.size() < own.size()) shape.insert(shape.begin(), 1);
  for (std::size_t d = 0; d < shape.size(); ++d) {
    if (shape[d] == 1) shape[d] = own[d];
  }
  check_size(shape);
  return {in[0].expand(shape)};
}

Tensors expand_vjp(const Node&, Inputs in, Inputs, Inputs grad_out, std::span<const bool>) {
  return {sum_to_sizes(grad_out[0], in[0].sizes()), Tensor()};
}

bool to_float(const Node& node) {
  const std::int64_t to = node.attributes.integer("to", 0);
  return to == 1 || to == 10 || to == 11 || to == 16;
}

OpKind cast_kind(const Node& node, std::span<const bool>) {
  return node.op == "CastLike" || to_float(node) ? OpKind::Route : OpKind::Constant;
}

Tensors cast_forward(const Node& node, Inputs in) {
  // A model that runs in double stays in double where its file says float.
  if (to_float(node) && in[0].is_floating_point()) return {in[0]};
  return {in[0].to(element_type(node.attributes.integer("to", 0)))};
}
Tensors cast_like_forward(const Node&, Inputs in) { return {in[0].to(in[1].scalar_type())}; }
Tensors cast_vjp(const Node&, Inputs in, Inputs, Inputs grad_out, std::span<const bool>) {
  Tensors result(in.size());
  if (in[0].is_floating_point()) result[0] = grad_out[0].to(in[0].scalar_type());
  return result;
}
void cast_check(const Node& node) { element_type(node.attributes.integer("to", 0)); }

}  // namespace

constinit const OpSpec op_Reshape{.name = "Reshape",
                                  .kind = OpKind::Route,
                                  .help = "new shape, same order",
                                  .forward = reshape_forward,
                                  .vjp = reshape_vjp,
                                  .since = 5,
                                  .inputs_min = 2};
constinit const OpSpec op_Flatten{.name = "Flatten",
                                  .kind = OpKind::Route,
                                  .help = "to two dimensions",
                                  .forward = flatten_forward,
                                  .vjp = reshape_vjp};
constinit const OpSpec op_Squeeze{.name = "Squeeze",
                                  .kind = OpKind::Route,
                                  .help = "drops axes of size 1",
                                  .forward = squeeze_forward,
                                  .vjp = reshape_vjp};
constinit const OpSpec op_Unsqueeze{.name = "Unsqueeze",
                                    .kind = OpKind::Route,
                                    .help = "adds axes of size 1",
                                    .forward = unsqueeze_forward,
                                    .vjp = reshape_vjp};
constinit const OpSpec op_Identity{.name = "Identity",
                                   .kind = OpKind::Route,
                                   .help = "the input",
                                   .forward = identity_forward,
                                   .vjp = reshape_vjp};
constinit const OpSpec op_Dropout{.name = "Dropout",
                                  .kind = OpKind::Route,
                                  .help = "the input (inference)",
                                  .forward = dropout_forward,
                                  .vjp = reshape_vjp,
                                  .check = dropout_check};
constinit const OpSpec op_Expand{.name = "Expand",
                                 .kind = OpKind::Route,
                                 .help = "repeats along axes of size 1",
                                 .forward = expand_forward,
                                 .vjp = expand_vjp,
                                 .inputs_min = 2};
constinit const OpSpec op_Cast{
    .name = "Cast",
    .kind = OpKind::Route,
    .help = "another element type; floating point keeps the model's precision",
    .forward = cast_forward,
    .kind_of = cast_kind,
    .vjp = cast_vjp,
    .check = cast_check,
    .since = 6};
constinit const OpSpec op_CastLike{.name = "CastLike",
                                   .kind = OpKind::Route,
                                   .help = "the element type of the second input",
                                   .forward = cast_like_forward,
                                   .kind_of = cast_kind,
                                   .vjp = cast_vjp,
                                   .inputs_min = 2};

}  // namespace limn
