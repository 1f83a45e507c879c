// Transpose: the axes in another order.
#include "ops/op.h"

namespace limn {
namespace {

std::vector<std::int64_t> order_of(const Node& node, std::int64_t rank) {
  std::vector<std::int64_t> order = node.attributes.integers("perm");
  if (order.empty()) {
    for (std::int64_t d = rank; d-- > 0;) order.push_back(d);
  }
  return order;
}

Tensors transpose_forward(const Node& node, Inputs in) {
  return {in[0].permute(order_of(node, in[0].dim()))};
}

Tensors transpose_vjp(const Node& node, Inputs in, Inputs, Inputs grad_out, std::span<const bool>) {
  const std::vector<std::int64_t> order = order_of(node, in[0].dim());
  std::vector<std::int64_t> back(order.size());
  for (std::size_t d = 0; d < order.size(); ++d) {
    back[static_cast<std::size_t>(normalize_axis(order[d], in[0].dim()))] =
        static_cast<std::int64_t>(d);
  }
  return {grad_out[0].permute(back)};
}

}  // namespace

constinit const OpSpec op_Transpose{.name = "Transpose",
                                    .kind = OpKind::Route,
                                    .help = "axes in another order",
                                    .forward = transpose_forward,
                                    .vjp = transpose_vjp};

}  // namespace limn
