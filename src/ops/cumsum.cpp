// CumSum: running sums along an axis, z_i = sum of x_j over j <= i (< where exclusive, > or >=
// where reverse). A linear operator without weights; its transpose runs the other way.
#include "ops/linear_support.h"
#include "ops/op.h"

namespace limn {
namespace {

std::int64_t axis_of(Inputs in) {
  return normalize_axis(in[1].reshape({-1})[0].item<std::int64_t>(), in[0].dim());
}
bool exclusive(const Node& node) { return node.attributes.integer("exclusive", 0) != 0; }
bool reverse(const Node& node) { return node.attributes.integer("reverse", 0) != 0; }

Tensor running_sum(const Tensor& x, std::int64_t axis, bool backwards, bool without_own) {
  const Tensor from = backwards ? x.flip({axis}) : x;
  Tensor sum = from.cumsum(axis).to(x.scalar_type());
  if (without_own) sum = sum - from;
  return backwards ? sum.flip({axis}) : sum;
}

class CumSumView : public PoolView {
 public:
  CumSumView(const Node& node, Inputs in)
      : PoolView(in[0]), axis_(axis_of(in)), exclusive_(exclusive(node)), reverse_(reverse(node)) {
    if (axis_ == 0) fail(ErrorCode::Unsupported, "sums over the batch axis mix samples");
  }
  Tensor pool(const Tensor& x) const override {
    return running_sum(x, axis_, reverse_, exclusive_);
  }
  Tensor spread(const Tensor& s) const override {
    return running_sum(s, axis_, !reverse_, exclusive_);
  }

 private:
  std::int64_t axis_;
  bool exclusive_, reverse_;
};

Tensors cumulative_forward(const Node& node, Inputs in) {
  return {running_sum(in[0], axis_of(in), reverse(node), exclusive(node))};
}

std::unique_ptr<LinearView> cumulative_view(const Node& node, Inputs in, std::span<const bool>) {
  return std::make_unique<CumSumView>(node, in);
}

}  // namespace

constinit const OpSpec op_CumSum{.name = "CumSum",
                                 .kind = OpKind::Linear,
                                 .help = "running sums",
                                 .forward = cumulative_forward,
                                 .linear_view = cumulative_view,
                                 .inputs_min = 2};

}  // namespace limn
