// Batch normalization is y = a x + c for each channel, a = scale / sqrt(variance + epsilon),
// c = bias - a mean. Folded where exact:
//   conv-BN        w' = a w, b' = a b + c
//   BN-conv        w' = w a, b' = b + sum w c   (no padding, or c = 0)
//   BN-Relu-conv   relu(a x + c) = a relu(x + c / a) where every a > 0: a moves into the weights
// The weights are computed in float64.
#include <ATen/ATen.h>

#include "import/passes.h"
#include "import/pattern.h"

namespace limn {
namespace {

struct Affine {
  Tensor scale, shift;  ///< float64, [channels]
  std::int64_t channels() const { return scale.size(0); }
};

/// A layer's weights in float64 with the axes that count its inputs and outputs.
class Layer {
 public:
  static std::optional<Layer> of(const Pattern& pattern, const DraftNode& node);
  /// The layer after y = scale z + shift; false where the channels do not fit.
  bool fold_behind(const Affine& affine);
  /// The layer of y = scale x + shift.
  bool fold_before(const Affine& affine);
  void store(Pattern& pattern, DraftNode& node, const std::string& name) const;

 private:
  bool transposed() const { return op_ == "ConvTranspose"; }
  bool is_gemm() const { return op_ == "Gemm"; }
  std::int64_t outputs() const;

  std::string op_;
  std::int64_t groups_ = 1;
  bool padded_ = false, transposed_b_ = false;
  double alpha_ = 1;
  Tensor weight_, bias_;  ///< the bias may be undefined
  at::ScalarType dtype_ = at::kFloat;
  std::int64_t spatial_ = 0;
};

std::int64_t Layer::outputs() const {
  if (is_gemm()) return weight_.size(transposed_b_ ? 0 : 1);
  return transposed() ? weight_.size(1) * groups_ : weight_.size(0);
}

std::optional<Layer> Layer::of(const Pattern& pattern, const DraftNode& node) {
  if (!node.domain.empty() || node.outputs.size() != 1) return std::nullopt;
  if (node.op != "Conv" && node.op != "ConvTranspose" && node.op != "Gemm") return std::nullopt;
  const Tensor weight = pattern.constant(input_of(node, 1));
  if (!weight.defined() || !weight.is_floating_point() || input_of(node, 0).empty()) {
    return std::nullopt;
  }
  Layer layer;
  layer.op_ = node.op;
  layer.dtype_ = weight.scalar_type();
  layer.weight_ = weight.to(at::kDouble);
  const Attributes& given = node.attributes;
  if (layer.is_gemm()) {
    if (weight.dim() != 2 || given.integer("transA", 0) != 0) return std::nullopt;
    layer.transposed_b_ = given.integer("transB", 0) != 0;
    layer.alpha_ = given.real("alpha", 1);
  } else {
    if (weight.dim() < 3) return std::nullopt;
    layer.spatial_ = weight.dim() - 2;
    layer.groups_ = given.integer("group", 1);
    const std::int64_t divided = weight.size(0);
    if (layer.groups_ < 1 || divided % layer.groups_ != 0) return std::nullopt;
    const std::string automatic = given.text("auto_pad", "NOTSET");
    layer.padded_ = automatic != "NOTSET" && automatic != "VALID";
    for (const std::int64_t pad : given.integers("pads")) layer.padded_ |= pad != 0;
  }
  if (input_of(node, 2).empty()) return layer;
  const Tensor bias = pattern.constant(node.inputs[2]);
  if (!bias.defined() || !bias.is_floating_point()) return std::nullopt;
  const std::int64_t outputs = layer.outputs();
  if (bias.numel() != 1 && (bias.numel() != outputs || bias.size(-1) != outputs)) {
    return std::nullopt;
  }
  layer.bias_ = bias.to(at::kDouble).reshape({-1}).expand({outputs});
  if (layer.is_gemm()) layer.bias_ = layer.bias_ * given.real("beta", 1);
  return layer;
}

bool Layer::fold_behind(const Affine& affine) {
  if (outputs() != affine.channels()) return false;
  std::vector<std::int64_t> ones(static_cast<std::size_t>(spatial_), 1);
  if (is_gemm()) {
    weight_ = weight_ * (transposed_b_ ? affine.scale.unsqueeze(1) : affine.scale.unsqueeze(0));
  } else if (transposed()) {
    // [in, out / groups, ...]: block g of the inputs makes block g of the outputs.
    std::vector<std::int64_t> sizes = weight_.sizes().vec();
    std::vector<std::int64_t> split = {groups_, sizes[0] / groups_};
    split.insert(split.end(), sizes.begin() + 1, sizes.end());
    std::vector<std::int64_t> factor = {groups_, 1, sizes[1]};
    factor.insert(factor.end(), ones.begin(), ones.end());
    weight_ = (weight_.reshape(split) * affine.scale.reshape(factor)).reshape(sizes);
  } else {
    std::vector<std::int64_t> factor = {-1, 1};
    factor.insert(factor.end(), ones.begin(), ones.end());
    weight_ = weight_ * affine.scale.reshape(factor);
  }
  bias_ = bias_.defined() ? bias_ * affine.scale + affine.shift : affine.shift;
  return true;
}

bool Layer::fold_before(const Affine& affine) {
  const bool shifts = affine.shift.ne(0).any().item<bool>();
  if (shifts && (padded_ || transposed())) return false;
  Tensor extra;
  if (is_gemm()) {
    const std::int64_t inputs = weight_.size(transposed_b_ ? 1 : 0);
    if (inputs != affine.channels()) return false;
    const Tensor matrix = transposed_b_ ? weight_ : weight_.t();  // [out, in]
    if (shifts) extra = at::mv(matrix, affine.shift) * alpha_;
    weight_ = weight_ * (transposed_b_ ? affine.scale.unsqueeze(0) : affine.scale.unsqueeze(1));
  } else if (transposed()) {
    if (weight_.size(0) != affine.channels()) return false;
    std::vector<std::int64_t> factor(static_cast<std::size_t>(weight_.dim()), 1);
    factor[0] = -1;
    weight_ = weight_ * affine.scale.reshape(factor);
  } else {
    // [out, in / groups, ...]: block g of the outputs sees block g of the inputs.
    std::vector<std::int64_t> sizes = weight_.sizes().vec();
    if (sizes[1] * groups_ != affine.channels()) return false;
    std::vector<std::int64_t> split = {groups_, sizes[0] / groups_};
    split.insert(split.end(), sizes.begin() + 1, sizes.end());
    std::vector<std::int64_t> factor(split.size(), 1);
    factor[0] = groups_;
    factor[2] = sizes[1];
    const Tensor blocks = weight_.reshape(split);
    if (shifts) extra = (blocks * affine.shift.reshape(factor)).reshape({sizes[0], -1}).sum(1);
    weight_ = (blocks * affine.scale.reshape(factor)).reshape(sizes);
  }
  if (extra.defined()) bias_ = bias_.defined() ? bias_ + extra : extra;
  return true;
}

void Layer::store(Pattern& pattern, DraftNode& node, const std::string& name) const {
  node.inputs.resize(2);
  node.inputs[1] = pattern.add_constant(name + "_weight", weight_.to(dtype_).contiguous());
  if (!bias_.defined()) return;
  node.inputs.push_back(pattern.add_constant(name + "_bias", bias_.to(dtype_).contiguous()));
  if (is_gemm()) node.attributes.erase("beta");
}

std::optional<Affine> affine_of(const Pattern& pattern, const DraftNode& node) {
  if (node.op != "BatchNormalization" || !node.domain.empty()) return std::nullopt;
  if (node.inputs.size() != 5 || node.outputs.empty() || node.outputs[0].empty()) {
    return std::nullopt;
  }
  for (std::size_t i = 1; i < node.outputs.size(); ++i) {
    if (!node.outputs[i].empty()) return std::nullopt;
  }
  if (node.attributes.integer("training_mode", 0) != 0) return std::nullopt;
  if (node.attributes.integer("spatial", 1) != 1) return std::nullopt;
  Tensors parameters;
  for (std::size_t i = 1; i < 5; ++i) {
    const Tensor constant = pattern.constant(node.inputs[i]);
    if (!constant.defined() || constant.dim() != 1 || !constant.is_floating_point()) {
      return std::nullopt;
    }
    parameters.push_back(constant.to(at::kDouble));
    if (constant.numel() != parameters[0].numel()) return std::nullopt;
  }
  const double epsilon = node.attributes.real("epsilon", 1e-5);
  Affine affine;
  affine.scale = parameters[0] / at::sqrt(parameters[3] + epsilon);
  affine.shift = parameters[1] - parameters[2] * affine.scale;
  const Tensor sum = affine.scale.sum() + affine.shift.sum();
  if (affine.scale.numel() == 0 || !at::isfinite(sum).item<bool>()) return std::nullopt;
  return affine;
}

class BatchNormFolder {
 public:
  explicit BatchNormFolder(Draft& draft)
      : draft_(draft), pattern_(draft), removed_(draft.nodes.size(), false) {}
  void run(bool everywhere);

 private:
  bool fold_conv_norm(DraftNode& norm);
  bool fold_norm_conv(DraftNode& norm);
  bool fold_norm_relu_conv(DraftNode& norm);

  Draft& draft_;
  Pattern pattern_;
  std::vector<bool> removed_;
};

bool BatchNormFolder::fold_conv_norm(DraftNode& norm) {
  const auto affine = affine_of(pattern_, norm);
  if (!affine) return false;
  const std::string middle = norm.inputs[0];
  DraftNode* conv = pattern_.producer(middle, {"Conv", "ConvTranspose", "Gemm"});
  if (!conv || pattern_.only_consumer(middle) != &norm) return false;
  auto layer = Layer::of(pattern_, *conv);
  if (!layer || !layer->fold_behind(*affine)) return false;
  const std::string output = norm.outputs[0];
  layer->store(pattern_, *conv, output);
  conv->outputs[0] = output;
  pattern_.set_producer(output, conv);
  return true;
}

bool BatchNormFolder::fold_norm_conv(DraftNode& norm) {
  const auto affine = affine_of(pattern_, norm);
  DraftNode* conv = affine ? pattern_.only_consumer(norm.outputs[0]) : nullptr;
  if (!conv || input_of(*conv, 0) != norm.outputs[0]) return false;
  auto layer = Layer::of(pattern_, *conv);
  if (!layer || !layer->fold_before(*affine)) return false;
  layer->store(pattern_, *conv, conv->outputs[0]);
  conv->inputs[0] = norm.inputs[0];
  pattern_.replace_consumer(norm.inputs[0], &norm, conv);
  return true;
}

bool BatchNormFolder::fold_norm_relu_conv(DraftNode& norm) {
  const auto affine = affine_of(pattern_, norm);
  DraftNode* relu = affine ? pattern_.only_consumer(norm.outputs[0]) : nullptr;
  if (!relu || relu->op != "Relu" || !relu->domain.empty() || relu->outputs.size() != 1) {
    return false;
  }
  DraftNode* conv = pattern_.only_consumer(relu->outputs[0]);
  if (!conv || input_of(*conv, 0) != relu->outputs[0]) return false;
  if (!affine->scale.gt(0).all().item<bool>()) return false;
  const Tensor shift = affine->shift / affine->scale;
  if (!at::isfinite(shift.sum()).item<bool>()) return false;
  auto layer = Layer::of(pattern_, *conv);
  const Affine scale_only{affine->scale, at::zeros_like(affine->shift)};
  if (!layer || !layer->fold_before(scale_only)) return false;
  const Tensor weight = pattern_.constant(conv->inputs[1]);
  layer->store(pattern_, *conv, conv->outputs[0]);
  // These values are no longer those of the file, so they must not keep its names.
  const std::string shifted = pattern_.fresh_name(norm.outputs[0] + "_shifted");
  const std::string rectified = pattern_.fresh_name(relu->outputs[0] + "_unscaled");
  std::vector<std::int64_t> sizes(static_cast<std::size_t>(weight.dim()), 1);
  sizes[1] = -1;
  const std::string constant = pattern_.add_constant(norm.outputs[0] + "_shift",
                                                     shift.reshape(sizes).to(weight.scalar_type()));
  norm.op = "Add";
  norm.attributes = {};
  norm.inputs = {norm.inputs[0], constant};
  norm.outputs = {shifted};
  relu->inputs[0] = shifted;
  relu->outputs[0] = rectified;
  conv->inputs[0] = rectified;
  return true;
}

void BatchNormFolder::run(bool everywhere) {
  for (std::size_t i = 0; i < draft_.nodes.size(); ++i) {
    removed_[i] = fold_conv_norm(draft_.nodes[i]);
  }
  for (std::size_t i = 0; everywhere && i < draft_.nodes.size(); ++i) {
    if (!removed_[i]) removed_[i] = fold_norm_conv(draft_.nodes[i]);
  }
  for (std::size_t i = 0; everywhere && i < draft_.nodes.size(); ++i) {
    if (!removed_[i]) fold_norm_relu_conv(draft_.nodes[i]);
  }
  std::vector<DraftNode> nodes;
  for (std::size_t i = 0; i < draft_.nodes.size(); ++i) {
    if (!removed_[i]) nodes.push_back(std::move(draft_.nodes[i]));
  }
  draft_.nodes = std::move(nodes);
}

}  // namespace

Draft fold_batch_norm(Draft draft, bool everywhere) {
  BatchNormFolder(draft).run(everywhere);
  if (everywhere) fuse_pad_conv(draft);
  remove_dead(draft);
  return draft;
}

}  // namespace limn
