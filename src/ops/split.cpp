// Split: parts of an axis; sizes from the attribute, the second input, or equal (the last one
// smaller) by the number of outputs.
#include "ops/op.h"

namespace limn {
namespace {

std::vector<std::int64_t> part_sizes(const Node& node, Inputs in, std::int64_t size) {
  if (optional_input(in, 1).defined()) return integers_of(in[1]);
  std::vector<std::int64_t> parts = node.attributes.integers("split");
  if (!parts.empty()) return parts;
  const auto count =
      node.attributes.integer("num_outputs", static_cast<std::int64_t>(node.outputs.size()));
  if (count < 1) fail(ErrorCode::BadModel, "num_outputs is ", count);
  const std::int64_t each = (size + count - 1) / count;
  for (std::int64_t i = 0; i < count; ++i) {
    parts.push_back(std::max<std::int64_t>(0, std::min(each, size - i * each)));
  }
  return parts;
}

Tensors split_forward(const Node& node, Inputs in) {
  const std::int64_t axis = normalize_axis(node.attributes.integer("axis", 0), in[0].dim());
  const std::vector<std::int64_t> parts = part_sizes(node, in, in[0].size(axis));
  std::int64_t total = 0;
  for (const std::int64_t part : parts) total += part;
  if (total != in[0].size(axis) || parts.size() < node.outputs.size()) {
    fail(ErrorCode::BadModel, "parts ", at::IntArrayRef(parts), " do not make up axis ", axis,
         " of shape ", in[0].sizes());
  }
  return in[0].split_with_sizes(parts, axis);
}

Tensors split_vjp(const Node& node, Inputs in, Inputs out, Inputs grad_out, std::span<const bool>) {
  const std::int64_t axis = normalize_axis(node.attributes.integer("axis", 0), in[0].dim());
  Tensors parts;
  for (std::size_t i = 0; i < out.size(); ++i) {
    parts.push_back(grad_out[i].defined() ? grad_out[i] : at::zeros_like(out[i]));
  }
  Tensors result(in.size());
  result[0] = at::cat(parts, axis);
  return result;
}

}  // namespace

constinit const OpSpec op_Split{.name = "Split",
                                .kind = OpKind::Route,
                                .help = "parts of an axis",
                                .forward = split_forward,
                                .vjp = split_vjp,
                                .since = 2};

}  // namespace limn
