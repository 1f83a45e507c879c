// Concat: inputs one behind the other along an axis.
#include "ops/op.h"

namespace limn {
namespace {

Tensors concat_forward(const Node& node, Inputs in) {
  return {at::cat({in.data(), in.size()},
                  normalize_axis(node.attributes.integer("axis", 1), in[0].dim()))};
}

Tensors concat_vjp(const Node& node, Inputs in, Inputs, Inputs grad_out,
                   std::span<const bool> wanted) {
  const std::int64_t axis = normalize_axis(node.attributes.integer("axis", 1), in[0].dim());
  Tensors result(in.size());
  std::int64_t at = 0;
  for (std::size_t i = 0; i < in.size(); ++i) {
    if (wanted[i]) result[i] = grad_out[0].narrow(axis, at, in[i].size(axis));
    at += in[i].size(axis);
  }
  return result;
}

}  // namespace

constinit const OpSpec op_Concat{.name = "Concat",
                                 .kind = OpKind::Route,
                                 .help = "inputs one behind the other",
                                 .forward = concat_forward,
                                 .vjp = concat_vjp};

}  // namespace limn
