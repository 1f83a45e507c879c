// CumSum: running sums along an axis.
#include "ops/op.h"

namespace limn {
namespace {

Tensors cumulative_forward(const Node& node, Inputs in) {
  const std::int64_t axis =
      normalize_axis(in[1].reshape({-1})[0].item<std::int64_t>(), in[0].dim());
  const bool reverse = node.attributes.integer("reverse", 0) != 0;
  const Tensor x = reverse ? in[0].flip({axis}) : in[0];
  Tensor sum = x.cumsum(axis).to(in[0].scalar_type());
  if (node.attributes.integer("exclusive", 0) != 0) sum = sum - x;
  return {reverse ? sum.flip({axis}) : sum};
}

}  // namespace

constinit const OpSpec op_CumSum{.name = "CumSum",
                                 .kind = OpKind::Route,
                                 .help = "running sums",
                                 .forward = cumulative_forward,
                                 .inputs_min = 2};

}  // namespace limn
