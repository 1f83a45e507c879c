// Values that no relevance reaches: constants, shapes, ranges, indices.
#include "ops/element_type.h"
#include "ops/op.h"
#include "ops/sizes.h"

namespace limn {
namespace {

Tensor long_tensor(const std::vector<std::int64_t>& values) {
  return at::tensor(values, at::kLong);
}

Tensors constant_forward(const Node& node, Inputs) {
  const Attributes& a = node.attributes;
  if (a.has("value")) return {a.tensor("value")};
  if (a.has("value_float")) return {at::scalar_tensor(a.real("value_float", 0), at::kFloat)};
  if (a.has("value_int")) return {at::scalar_tensor(a.integer("value_int", 0), at::kLong)};
  if (a.has("value_floats")) return {at::tensor(a.reals("value_floats"), at::kFloat)};
  if (a.has("value_ints")) return {long_tensor(a.integers("value_ints"))};
  fail(ErrorCode::Unsupported, "the constant has neither value, value_float(s) nor value_int(s)");
}

Tensors constant_of_shape_forward(const Node& node, Inputs in) {
  const std::vector<std::int64_t> shape = integers_of(in[0]);
  check_size(shape);
  const Tensor value = node.attributes.tensor("value");
  if (!value.defined()) return {at::zeros(shape, at::kFloat)};
  return {at::full(shape, value.reshape({-1})[0].item(), value.options())};
}

Tensors shape_forward(const Node& node, Inputs in) {
  const std::int64_t rank = in[0].dim();
  const auto bound = [&](std::int64_t at) {
    return std::clamp<std::int64_t>(at < 0 ? at + rank : at, 0, rank);
  };
  const std::int64_t start = bound(node.attributes.integer("start", 0));
  const std::int64_t end = bound(node.attributes.integer("end", rank));
  std::vector<std::int64_t> sizes;
  for (std::int64_t d = start; d < end; ++d) sizes.push_back(in[0].size(d));
  return {long_tensor(sizes)};
}

Tensors size_forward(const Node&, Inputs in) {
  return {at::scalar_tensor(in[0].numel(), at::kLong)};
}

Tensors range_forward(const Node&, Inputs in) {
  const double start = in[0].item<double>(), limit = in[1].item<double>(),
               step = in[2].item<double>();
  if (step == 0) fail(ErrorCode::BadModel, "the step is 0");
  const double count = std::max(0.0, std::ceil((limit - start) / step));
  if (!(count <= kMaxElements)) {
    fail(ErrorCode::BadModel, "would make ", count, " numbers; at most ", kMaxElements,
         " are allowed");
  }
  const Tensor i = at::arange(static_cast<std::int64_t>(count), in[0].options());
  return {in[0].reshape({}) + i * in[2].reshape({})};
}

Tensors eye_like_forward(const Node& node, Inputs in) {
  const std::int64_t rows = in[0].size(0), columns = in[0].size(1),
                     k = node.attributes.integer("k", 0);
  const std::int64_t type = node.attributes.integer("dtype", 0);
  const at::ScalarType dtype = type == 0 ? in[0].scalar_type() : element_type(type);
  check_size({rows, columns});
  const auto index = at::TensorOptions(at::kLong).device(in[0].device());
  const Tensor i = at::arange(rows, index).unsqueeze(1), j = at::arange(columns, index);
  return {(j - i == k).to(dtype)};
}

Tensors one_hot_forward(const Node& node, Inputs in) {
  const std::int64_t depth = in[1].reshape({-1})[0].item<std::int64_t>();
  const std::int64_t axis = normalize_axis(node.attributes.integer("axis", -1), in[0].dim() + 1);
  // Integers that are constant stay on the CPU, whatever the device of the others.
  const auto device = in[0].is_cpu() ? in[2].device() : in[0].device();
  const Tensor indices = in[0].to(device, at::kLong), values = in[2].to(device);
  std::vector<std::int64_t> shape = indices.sizes().vec();
  shape.push_back(depth);
  check_size(shape);
  const Tensor inside = (indices >= -depth).logical_and(indices < depth);
  const Tensor wrapped = at::where(indices < 0, indices + depth, indices);
  const Tensor hit = (wrapped.unsqueeze(-1) == at::arange(depth, indices.options()))
                         .logical_and(inside.unsqueeze(-1));
  return {at::where(hit.movedim(-1, axis), values[1], values[0])};
}

Tensors non_zero_forward(const Node&, Inputs in) { return {at::nonzero(in[0]).t().contiguous()}; }

/// Index of the largest or smallest value; the first of equals, or the last where asked.
Tensors arg_forward(const Node& node, Inputs in) {
  const std::int64_t axis = normalize_axis(node.attributes.integer("axis", 0), in[0].dim());
  const bool keep = node.attributes.integer("keepdims", 1) != 0;
  const bool last = node.attributes.integer("select_last_index", 0) != 0;
  const Tensor x = last ? in[0].flip({axis}) : in[0];
  const Tensor best = node.op == "ArgMax" ? x.amax(axis, true) : x.amin(axis, true);
  // libtorch does not say which of equals argmax picks; the first true of a mask is certain.
  const Tensor order =
      at::arange(x.size(axis), 0, -1, at::TensorOptions(at::kLong).device(x.device()));
  std::vector<std::int64_t> shape(static_cast<std::size_t>(x.dim()), 1);
  shape[static_cast<std::size_t>(axis)] = x.size(axis);
  Tensor index = ((x == best).to(at::kLong) * order.reshape(shape)).argmax(axis, keep);
  if (last) index = x.size(axis) - 1 - index;
  return {index};
}

constexpr OpSpec constant(std::string_view name, std::string_view help,
                          Tensors (*run)(const Node&, Inputs), int inputs) {
  return {
      .name = name, .kind = OpKind::Constant, .help = help, .forward = run, .inputs_min = inputs};
}

}  // namespace

constinit const OpSpec op_Constant =
    constant("Constant", "a tensor of the file", constant_forward, 0);
constinit const OpSpec op_ConstantOfShape =
    constant("ConstantOfShape", "one value in a given shape", constant_of_shape_forward, 1);
constinit const OpSpec op_Shape = constant("Shape", "the sizes of the input", shape_forward, 1);
constinit const OpSpec op_Size = constant("Size", "the number of elements", size_forward, 1);
constinit const OpSpec op_Range =
    constant("Range", "start, start + step, ... below limit", range_forward, 3);
constinit const OpSpec op_EyeLike = constant("EyeLike", "ones on a diagonal", eye_like_forward, 1);
constinit const OpSpec op_OneHot =
    constant("OneHot", "one value at the index, another elsewhere", one_hot_forward, 3);
constinit const OpSpec op_NonZero =
    constant("NonZero", "indices of what is not zero", non_zero_forward, 1);
constinit const OpSpec op_ArgMax = constant("ArgMax", "index of the largest value", arg_forward, 1);
constinit const OpSpec op_ArgMin =
    constant("ArgMin", "index of the smallest value", arg_forward, 1);

}  // namespace limn
