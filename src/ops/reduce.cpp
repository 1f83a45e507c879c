// The reductions. Axes come as an attribute (opset < 13 for ReduceSum, < 18 for the others) or as
// the second input; none means all, or with noop_with_empty_axes no reduction.
#include "ops/linear_support.h"
#include "ops/op.h"

namespace limn {
namespace {

using Axes = std::vector<std::int64_t>;

struct Reduction {
  Axes axes;  ///< in [0, rank), ascending
  bool keep = true;
};

Reduction reduction_of(const Node& node, Inputs in) {
  const Tensor given = optional_input(in, 1);
  Axes axes = given.defined() ? integers_of(given) : node.attributes.integers("axes");
  const std::int64_t rank = in[0].dim();
  for (auto& axis : axes) axis = normalize_axis(axis, rank);
  std::ranges::sort(axes);
  if (axes.empty() && node.attributes.integer("noop_with_empty_axes", 0) == 0) {
    for (std::int64_t axis = 0; axis < rank; ++axis) axes.push_back(axis);
  }
  return {axes, node.attributes.integer("keepdims", 1) != 0};
}

/// Runs `body(x, axes, keep)`; integers are reduced as doubles where `as_real`, and keep their
/// type.
template <typename Body>
Tensors reduced(const Node& node, Inputs in, bool as_real, Body&& body) {
  const Reduction reduction = reduction_of(node, in);
  const bool convert = as_real && !in[0].is_floating_point();
  const Tensor x = convert ? in[0].to(at::kDouble) : in[0];
  // libtorch takes an empty list of axes for all of them.
  const Tensor z = reduction.axes.empty() ? body(x.unsqueeze(0), Axes{0}, false)
                                          : body(x, reduction.axes, reduction.keep);
  return {z.to(in[0].scalar_type())};
}

/// Mean or sum; the batch is dimension 0 unless that is reduced.
class ReduceView : public PoolView {
 public:
  ReduceView(const Node& node, Inputs in, bool mean)
      : PoolView(in[0]), reduction_(reduction_of(node, in)), sizes_(in[0].sizes().vec()) {
    if (!mean) return;
    for (const auto axis : reduction_.axes) {
      share_ /= static_cast<double>(sizes_[static_cast<std::size_t>(axis)]);
    }
  }
  Tensor pool(const Tensor& x) const override {
    if (reduction_.axes.empty()) return x;
    const Tensor z = x.sum(reduction_.axes, reduction_.keep);
    return share_ == 1 ? z : z * share_;
  }
  Tensor spread(const Tensor& s) const override {
    Tensor shares = share_ == 1 ? s : s * share_;
    if (!reduction_.keep) {
      for (const auto axis : reduction_.axes) shares = shares.unsqueeze(axis);
    }
    Axes sizes = sizes_;
    const bool batch_reduced = !reduction_.axes.empty() && reduction_.axes.front() == 0;
    if (!batch_reduced && !sizes.empty()) sizes[0] = s.size(0);
    return shares.expand(sizes);
  }

 private:
  Reduction reduction_;
  Axes sizes_;
  double share_ = 1;
};

Tensors reduce_mean_forward(const Node& node, Inputs in) {
  return reduced(node, in, true,
                 [](const Tensor& x, const Axes& axes, bool keep) { return x.mean(axes, keep); });
}
std::unique_ptr<LinearView> reduce_mean_view(const Node& node, Inputs in, std::span<const bool>) {
  return std::make_unique<ReduceView>(node, in, true);
}

Tensors reduce_sum_forward(const Node& node, Inputs in) {
  return reduced(node, in, false,
                 [](const Tensor& x, const Axes& axes, bool keep) { return x.sum(axes, keep); });
}
std::unique_ptr<LinearView> reduce_sum_view(const Node& node, Inputs in, std::span<const bool>) {
  return std::make_unique<ReduceView>(node, in, false);
}

Tensors reduce_max_forward(const Node& node, Inputs in) {
  return reduced(node, in, false,
                 [](const Tensor& x, const Axes& axes, bool keep) { return x.amax(axes, keep); });
}

Tensors reduce_min_forward(const Node& node, Inputs in) {
  return reduced(node, in, false,
                 [](const Tensor& x, const Axes& axes, bool keep) { return x.amin(axes, keep); });
}

Tensors product_forward(const Node& node, Inputs in) {
  return reduced(node, in, false, [](Tensor x, const Axes& axes, bool keep) {
    for (std::size_t i = axes.size(); i-- > 0;) x = x.prod(axes[i], keep);
    return x;
  });
}

Tensors l1_forward(const Node& node, Inputs in) {
  return reduced(node, in, false, [](const Tensor& x, const Axes& axes, bool keep) {
    return x.abs().sum(axes, keep);
  });
}

Tensors l2_forward(const Node& node, Inputs in) {
  return reduced(node, in, true, [](const Tensor& x, const Axes& axes, bool keep) {
    return at::linalg_vector_norm(x, 2, axes, keep);
  });
}

Tensors log_sum_forward(const Node& node, Inputs in) {
  return reduced(node, in, true, [](const Tensor& x, const Axes& axes, bool keep) {
    return x.sum(axes, keep).log();
  });
}

Tensors log_sum_exp_forward(const Node& node, Inputs in) {
  return reduced(node, in, true, [](const Tensor& x, const Axes& axes, bool keep) {
    return at::logsumexp(x, axes, keep);
  });
}

Tensors sum_square_forward(const Node& node, Inputs in) {
  return reduced(node, in, false, [](const Tensor& x, const Axes& axes, bool keep) {
    return x.square().sum(axes, keep);
  });
}

}  // namespace

constinit const OpSpec op_ReduceMean{.name = "ReduceMean",
                                     .kind = OpKind::Linear,
                                     .help = "mean over axes",
                                     .forward = reduce_mean_forward,
                                     .linear_view = reduce_mean_view,
                                     .vjp = pool_vjp};
constinit const OpSpec op_ReduceSum{.name = "ReduceSum",
                                    .kind = OpKind::Linear,
                                    .help = "sum over axes",
                                    .forward = reduce_sum_forward,
                                    .linear_view = reduce_sum_view,
                                    .vjp = pool_vjp};
constinit const OpSpec op_ReduceMax{.name = "ReduceMax",
                                    .kind = OpKind::Select,
                                    .help = "largest value over axes",
                                    .forward = reduce_max_forward};
constinit const OpSpec op_ReduceMin{.name = "ReduceMin",
                                    .kind = OpKind::Select,
                                    .help = "smallest value over axes",
                                    .forward = reduce_min_forward};
constinit const OpSpec op_ReduceProd{.name = "ReduceProd",
                                     .kind = OpKind::Bilinear,
                                     .help = "product over axes",
                                     .forward = product_forward};
constinit const OpSpec op_ReduceL1{.name = "ReduceL1",
                                   .kind = OpKind::Normalise,
                                   .help = "sum of absolute values over axes",
                                   .forward = l1_forward};
constinit const OpSpec op_ReduceL2{.name = "ReduceL2",
                                   .kind = OpKind::Normalise,
                                   .help = "Euclidean norm over axes",
                                   .forward = l2_forward};
constinit const OpSpec op_ReduceLogSum{.name = "ReduceLogSum",
                                       .kind = OpKind::Normalise,
                                       .help = "logarithm of the sum over axes",
                                       .forward = log_sum_forward};
constinit const OpSpec op_ReduceLogSumExp{.name = "ReduceLogSumExp",
                                          .kind = OpKind::Normalise,
                                          .help = "logarithm of the sum of exponentials over axes",
                                          .forward = log_sum_exp_forward};
constinit const OpSpec op_ReduceSumSquare{.name = "ReduceSumSquare",
                                          .kind = OpKind::Normalise,
                                          .help = "sum of squares over axes",
                                          .forward = sum_square_forward};

}  // namespace limn
