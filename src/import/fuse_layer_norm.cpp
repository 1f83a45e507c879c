// LayerNormalization as exporters below opset 17 spell it:
//   c = x - mean(x);  y = c / sqrt(mean(c^2) + epsilon) * scale (+ bias)
// with Pow or Mul for the square, Div or Mul by the reciprocal, and Casts in between.
#include <ATen/ATen.h>

#include <algorithm>

#include "import/pattern.h"

namespace limn {
namespace {

struct Centered {
  std::string x;
  std::vector<std::int64_t> axes;
  bool operator==(const Centered&) const = default;
};

struct Normal {
  Centered centered;
  double epsilon = 0;
};

class LayerNormMatcher {
 public:
  explicit LayerNormMatcher(Pattern& pattern) : pattern_(pattern) {}
  void match(DraftNode& last);

 private:
  /// The value before Casts to a floating-point type: limn computes in one type.
  const std::string& before_cast(const std::string& value) const;
  /// The non-constant operand of a Mul or Add and the constant one.
  std::optional<std::pair<std::string, Tensor>> with_constant(const DraftNode& node) const;
  /// `like` is a value of the same rank.
  std::optional<Centered> mean(const std::string& value, const std::string& like = "") const;
  std::optional<Centered> centered(const std::string& value) const;
  std::optional<Centered> squared(const std::string& value) const;
  /// sqrt(mean(c^2) + epsilon).
  std::optional<Normal> deviation(const std::string& value) const;
  std::optional<Normal> reciprocal(const std::string& value) const;
  std::optional<Normal> normal(const std::string& value) const;
  void replace(DraftNode& last, const Normal& found, const Tensor& scale, const Tensor& bias);

  Pattern& pattern_;
};

const std::string& LayerNormMatcher::before_cast(const std::string& value) const {
  const std::string* at = &value;
  for (int depth = 0; depth < 4; ++depth) {
    const DraftNode* cast = pattern_.producer(*at, {"Cast"});
    if (!cast || cast->inputs.empty()) break;
    const std::int64_t to = cast->attributes.integer("to", 0);
    if (to != 1 && to != 10 && to != 11 && to != 16) break;
    at = &cast->inputs[0];
  }
  return *at;
}

std::optional<std::pair<std::string, Tensor>> LayerNormMatcher::with_constant(
    const DraftNode& node) const {
  if (node.inputs.size() != 2) return std::nullopt;
  for (const std::size_t i : {0u, 1u}) {
    const Tensor constant = pattern_.constant(node.inputs[i]);
    if (constant.defined() && !pattern_.is_constant(node.inputs[1 - i])) {
      return std::pair(node.inputs[1 - i], constant);
    }
  }
  return std::nullopt;
}

std::optional<Centered> LayerNormMatcher::mean(const std::string& value,
                                               const std::string& like) const {
  const DraftNode* node = pattern_.producer(before_cast(value), {"ReduceMean"});
  if (!node || node->inputs.empty() || node->attributes.integer("keepdims", 1) != 1) {
    return std::nullopt;
  }
  auto axes = pattern_.integers(*node, "axes", 1);
  if (!axes || axes->empty()) return std::nullopt;
  Centered found{before_cast(node->inputs[0]), *axes};
  for (auto& axis : found.axes) {
    if (axis < 0) continue;
    // From the back, where the file says how many dimensions there are.
    auto rank = pattern_.rank(found.x);
    if (!rank) rank = pattern_.rank(node->inputs[0]);
    if (!rank) rank = pattern_.rank(like);
    if (!rank) return std::nullopt;
    axis -= *rank;
  }
  std::sort(found.axes.begin(), found.axes.end());
  return found;
}

std::optional<Centered> LayerNormMatcher::centered(const std::string& value) const {
  const DraftNode* node = pattern_.producer(before_cast(value), {"Sub"});
  if (!node || node->inputs.size() != 2) return std::nullopt;
  auto found = mean(node->inputs[1]);
  if (!found || before_cast(node->inputs[0]) != found->x) return std::nullopt;
  return found;
}

std::optional<Centered> LayerNormMatcher::squared(const std::string& value) const {
  const DraftNode* node = pattern_.producer(before_cast(value), {"Pow", "Mul"});
  if (!node || node->inputs.size() != 2) return std::nullopt;
  if (node->op == "Pow") {
    if (pattern_.scalar(before_cast(node->inputs[1])) != 2.0) return std::nullopt;
  } else if (before_cast(node->inputs[0]) != before_cast(node->inputs[1])) {
    return std::nullopt;
  }
  return centered(node->inputs[0]);
}

std::optional<Normal> LayerNormMatcher::deviation(const std::string& value) const {
  const DraftNode* root = pattern_.producer(before_cast(value), {"Sqrt", "Pow"});
  if (!root || root->inputs.empty()) return std::nullopt;
  if (root->op == "Pow" && pattern_.scalar(input_of(*root, 1)) != 0.5) return std::nullopt;
  const DraftNode* sum = pattern_.producer(before_cast(root->inputs[0]), {"Add"});
  if (!sum) return std::nullopt;
  const auto terms = with_constant(*sum);
  if (!terms || terms->second.numel() != 1) return std::nullopt;
  const DraftNode* variance = pattern_.producer(before_cast(terms->first), {"ReduceMean"});
  if (!variance || variance->inputs.empty()) return std::nullopt;
  const auto found = squared(variance->inputs[0]);
  if (!found) return std::nullopt;
  const auto over = mean(terms->first, found->x);
  if (!over || over->axes != found->axes) return std::nullopt;
  return Normal{*found, terms->second.to(at::kDouble).item<double>()};
}

std::optional<Normal> LayerNormMatcher::reciprocal(const std::string& value) const {
  const DraftNode* node = pattern_.producer(before_cast(value), {"Reciprocal", "Div", "Pow"});
  if (!node || node->inputs.empty()) return std::nullopt;
  if (node->op == "Reciprocal") return deviation(node->inputs[0]);
  if (node->inputs.size() != 2) return std::nullopt;
  if (node->op == "Div") {
    if (pattern_.scalar(node->inputs[0]) != 1.0) return std::nullopt;
    return deviation(node->inputs[1]);
  }
  return std::nullopt;
}

std::optional<Normal> LayerNormMatcher::normal(const std::string& value) const {
  const DraftNode* node = pattern_.producer(before_cast(value), {"Div", "Mul"});
  if (!node || node->inputs.size() != 2) return std::nullopt;
  const auto check = [&](const std::string& left, std::optional<Normal> right) {
    if (!right || centered(left) != right->centered) right.reset();
    return right;
  };
  if (node->op == "Div") return check(node->inputs[0], deviation(node->inputs[1]));
  auto found = check(node->inputs[0], reciprocal(node->inputs[1]));
  return found ? found : check(node->inputs[1], reciprocal(node->inputs[0]));
}

/// The last `rank` dimensions of a constant whose other dimensions are 1; undefined where it is
/// no such constant.
Tensor trailing(const Tensor& constant, std::int64_t rank) {
  if (!constant.is_floating_point() || constant.dim() < rank) return {};
  for (std::int64_t i = 0; i < constant.dim() - rank; ++i) {
    if (constant.size(i) != 1) return {};
  }
  const auto sizes = constant.sizes().slice(static_cast<std::size_t>(constant.dim() - rank));
  // A size of 1 may stand for all channels, which LayerNormalization's kernels do not know.
  if (std::find(sizes.begin(), sizes.end(), 1) != sizes.end()) return {};
  return constant.reshape(sizes);
}

void LayerNormMatcher::replace(DraftNode& last, const Normal& found, const Tensor& scale,
                               const Tensor& bias) {
  const auto count = static_cast<std::int64_t>(found.centered.axes.size());
  for (std::int64_t i = 0; i < count; ++i) {
    if (found.centered.axes[static_cast<std::size_t>(i)] != i - count) return;
  }
  const Tensor weight = trailing(scale, count);
  const Tensor shift = bias.defined() ? trailing(bias, count) : Tensor();
  if (!weight.defined() || (bias.defined() && !shift.defined())) return;
  if (shift.defined() && shift.sizes() != weight.sizes()) return;
  const std::string output = last.outputs.at(0);
  last.op = "LayerNormalization";
  last.opset = std::max(last.opset, 17);
  last.attributes = {};
  last.attributes.set("axis", -count);
  last.attributes.set("epsilon", found.epsilon);
  last.inputs = {found.centered.x, pattern_.add_constant(output + "_scale", weight)};
  if (shift.defined()) last.inputs.push_back(pattern_.add_constant(output + "_bias", shift));
}

void LayerNormMatcher::match(DraftNode& last) {
  if (!last.domain.empty() || last.outputs.size() != 1) return;
  if (last.op == "Mul") {
    // The Add behind it is tried first; here the layer has no bias.
    const DraftNode* next = pattern_.only_consumer(last.outputs[0]);
    if (next && next->op == "Add" && with_constant(*next)) return;
    if (next && next->op == "Cast") return;
    const auto scaled = with_constant(last);
    if (!scaled) return;
    if (const auto found = normal(scaled->first)) replace(last, *found, scaled->second, {});
    return;
  }
  if (last.op != "Add") return;
  const auto shifted = with_constant(last);
  if (!shifted) return;
  const DraftNode* product = pattern_.producer(before_cast(shifted->first), {"Mul"});
  if (!product) return;
  const auto scaled = with_constant(*product);
  if (!scaled) return;
  if (const auto found = normal(scaled->first)) {
    replace(last, *found, scaled->second, shifted->second);
  }
}

}  // namespace

void fuse_layer_norm(Draft& draft) {
  Pattern pattern(draft);
  LayerNormMatcher matcher(pattern);
  for (auto& node : draft.nodes) matcher.match(node);
}

}  // namespace limn
