// Normalizations by statistics of the input itself. Their views hold the divisor of the tape
// constant, after which z = scale * (x - mean(x)) / divisor + shift is linear in x (Ali et al.,
// "XAI for Transformers", 2022).
#include "ops/linear_support.h"
#include "ops/op.h"
#include "ops/window.h"

namespace limn {
namespace {

/// Statistics over blocks of `block` neighboring numbers of x as it lies in memory order.
class BlockNormView : public PoolView {
 public:
  BlockNormView(const Tensor& x, std::int64_t block, double epsilon, const Tensor& scale,
                const Tensor& shift)
      : PoolView(x), block_(block), scale_(scale) {
    bias_ = shift;
    const Tensor blocks = x.reshape({-1, block});
    inverse_ = (blocks.var(1, false, true) + epsilon).rsqrt();
  }
  Tensor pool(const Tensor& x) const override {
    const Tensor z = centered(x).reshape(x.sizes());
    return scale_.defined() ? z * scale_ : z;
  }
  Tensor spread(const Tensor& s) const override {
    return centered(scale_.defined() ? s * scale_ : s).reshape(s.sizes());
  }

 private:
  /// Symmetric: the mean leaves, and each block is divided by its own deviation.
  Tensor centered(const Tensor& x) const {
    const Tensor blocks = x.reshape({-1, block_});
    return (blocks - blocks.mean(1, true)) * repeat_batch(inverse_, blocks.size(0));
  }

  std::int64_t block_;
  Tensor scale_, inverse_;
};

/// z = x * factor with a factor of the tape.
class FactorView : public PoolView {
 public:
  FactorView(const Tensor& x, Tensor factor) : PoolView(x), factor_(std::move(factor)) {}
  Tensor pool(const Tensor& x) const override { return x * repeat_batch(factor_, x.size(0)); }
  Tensor spread(const Tensor& s) const override { return s * repeat_batch(factor_, s.size(0)); }

 private:
  Tensor factor_;
};

std::int64_t layer_axis(const Node& node, const Tensor& x) {
  return normalize_axis(node.attributes.integer("axis", -1), x.dim());
}

Tensors layer_normalization_forward(const Node& node, Inputs in) {
  const at::IntArrayRef shape =
      in[0].sizes().slice(static_cast<std::size_t>(layer_axis(node, in[0])));
  const Tensor& scale = in[1];
  const Tensor shift = optional_input(in, 2);
  // ONNX lets scale and shift broadcast; libtorch wants them of the normalized shape.
  const bool plain = scale.sizes() == shape && (!shift.defined() || shift.sizes() == shape);
  auto [z, mean, inverse] = at::native_layer_norm(in[0], shape, plain ? scale : Tensor(),
                                                  plain ? shift : Tensor(), epsilon_of(node));
  if (!plain) {
    z = z * scale;
    if (shift.defined()) z = z + shift;
  }
  Tensors out{z, mean, inverse};
  out.resize(std::min<std::size_t>(node.outputs.size(), 3));
  return out;
}

std::unique_ptr<LinearView> layer_normalization_view(const Node& node, Inputs in,
                                                     std::span<const bool>) {
  const auto axis = static_cast<std::size_t>(layer_axis(node, in[0]));
  return std::make_unique<BlockNormView>(in[0], c10::multiply_integers(in[0].sizes().slice(axis)),
                                         epsilon_of(node), in[1], optional_input(in, 2));
}

/// Channels per group, and the parameters per channel.
struct Groups {
  std::int64_t count;
  Tensor scale, shift;
};

Groups groups_of(const Node& node, Inputs in) {
  const std::int64_t channels = in[0].size(1);
  if (node.op == "InstanceNormalization") return {channels, in[1], in[2]};
  const std::int64_t count = node.attributes.integer("num_groups", 0);
  if (count < 1 || channels % count != 0) {
    fail(ErrorCode::BadModel, channels, " channels do not split into ", count, " groups");
  }
  // Opset 18 has one parameter a group, 21 one a channel.
  const auto expanded = [&](const Tensor& values) {
    return values.numel() == channels ? values : values.repeat_interleave(channels / count);
  };
  return {count, expanded(in[1]), expanded(in[2])};
}

Tensors group_normalization_forward(const Node& node, Inputs in) {
  const Groups groups = groups_of(node, in);
  return {at::group_norm(in[0], groups.count, groups.scale, groups.shift, epsilon_of(node))};
}

std::unique_ptr<LinearView> group_normalization_view(const Node& node, Inputs in,
                                                     std::span<const bool>) {
  const Groups groups = groups_of(node, in);
  const std::int64_t block = c10::multiply_integers(in[0].sizes().slice(1)) / groups.count;
  return std::make_unique<BlockNormView>(in[0], block, epsilon_of(node),
                                         channel_shaped(groups.scale, in[0].dim()),
                                         channel_shaped(groups.shift, in[0].dim()));
}

/// (bias + alpha / size * sum of squares of `size` neighboring channels)^-beta.
Tensor lrn_factor(const Node& node, const Tensor& x) {
  const std::int64_t size = node.attributes.integer("size", 1);
  Sizes pads(static_cast<std::size_t>(2 * (x.dim() - 1)), 0);
  pads[pads.size() - 2] = (size - 1) / 2;
  pads[pads.size() - 1] = size - 1 - (size - 1) / 2;
  const Tensor sums = at::constant_pad_nd(x.square(), pads).unfold(1, size, 1).sum(-1);
  const double share = node.attributes.real("alpha", 1e-4) / static_cast<double>(size);
  return (sums * share + node.attributes.real("bias", 1)).pow(-node.attributes.real("beta", 0.75));
}

Tensors lrn_forward(const Node& node, Inputs in) { return {in[0] * lrn_factor(node, in[0])}; }

std::unique_ptr<LinearView> lrn_view(const Node& node, Inputs in, std::span<const bool>) {
  return std::make_unique<FactorView>(in[0], lrn_factor(node, in[0]));
}

void check_lrn(const Node& node) {
  if (node.attributes.integer("size", 0) < 1) {
    fail(ErrorCode::BadModel, "attribute \"size\" is missing or below 1");
  }
}

/// 1 / norm, and 1 for lines of zeros.
Tensor lp_factor(const Node& node, const Tensor& x) {
  const std::int64_t axis = normalize_axis(node.attributes.integer("axis", -1), x.dim());
  const Tensor norm =
      at::linalg_vector_norm(x, static_cast<double>(node.attributes.integer("p", 2)), axis, true);
  return at::where(norm == 0, at::ones({}, x.options()), norm).reciprocal();
}

Tensors lp_forward(const Node& node, Inputs in) { return {in[0] * lp_factor(node, in[0])}; }

std::unique_ptr<LinearView> lp_view(const Node& node, Inputs in, std::span<const bool>) {
  return std::make_unique<FactorView>(in[0], lp_factor(node, in[0]));
}

void check_lp(const Node& node) {
  const std::int64_t p = node.attributes.integer("p", 2);
  if (p != 1 && p != 2) fail(ErrorCode::BadModel, "p is ", p, ", ONNX has 1 and 2");
}

Tensors mean_variance_forward(const Node& node, Inputs in) {
  Sizes axes = node.attributes.integers("axes", {0, 2, 3});
  for (auto& axis : axes) axis = normalize_axis(axis, in[0].dim());
  const Tensor centered = in[0] - in[0].mean(axes, true);
  // The small number of ONNX's own definition, against a division by 0.
  return {centered / (centered.square().mean(axes, true).sqrt() + 1e-9)};
}

}  // namespace

constinit const OpSpec op_LayerNormalization{.name = "LayerNormalization",
                                             .kind = OpKind::Normalise,
                                             .help = "mean 0 and variance 1 over the last axes",
                                             .forward = layer_normalization_forward,
                                             .linear_view = layer_normalization_view,
                                             .inputs_min = 2};
constinit const OpSpec op_InstanceNormalization{.name = "InstanceNormalization",
                                                .kind = OpKind::Normalise,
                                                .help = "mean 0 and variance 1 per channel",
                                                .forward = group_normalization_forward,
                                                .linear_view = group_normalization_view,
                                                .inputs_min = 3};
constinit const OpSpec op_GroupNormalization{.name = "GroupNormalization",
                                             .kind = OpKind::Normalise,
                                             .help = "mean 0 and variance 1 per channel group",
                                             .forward = group_normalization_forward,
                                             .linear_view = group_normalization_view,
                                             .inputs_min = 3};
constinit const OpSpec op_LRN{.name = "LRN",
                              .kind = OpKind::Normalise,
                              .help = "division by the squares of neighboring channels",
                              .forward = lrn_forward,
                              .linear_view = lrn_view,
                              .check = check_lrn};
constinit const OpSpec op_LpNormalization{.name = "LpNormalization",
                                          .kind = OpKind::Normalise,
                                          .help = "norm 1 along an axis",
                                          .forward = lp_forward,
                                          .linear_view = lp_view,
                                          .check = check_lp};
constinit const OpSpec op_MeanVarianceNormalization{
    .name = "MeanVarianceNormalization",
    .kind = OpKind::Normalise,
    .help = "mean 0 and variance 1 over chosen axes",
    .forward = mean_variance_forward};

}  // namespace limn
