// Trilu: the upper or lower triangle of matrices.
#include "ops/op.h"

namespace limn {
namespace {

Tensors trilu_forward(const Node& node, Inputs in) {
  const Tensor k = optional_input(in, 1);
  const std::int64_t diagonal = k.defined() ? k.reshape({-1})[0].item<std::int64_t>() : 0;
  return {node.attributes.integer("upper", 1) != 0 ? at::triu(in[0], diagonal)
                                                   : at::tril(in[0], diagonal)};
}

}  // namespace

constinit const OpSpec op_Trilu{.name = "Trilu",
                                .kind = OpKind::Route,
                                .help = "upper or lower triangle",
                                .forward = trilu_forward};

}  // namespace limn
