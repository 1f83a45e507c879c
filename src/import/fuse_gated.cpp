// Activations that exporters spell out as a product of x with a function of x:
//   Gelu       x (1 + erf(x / sqrt 2)) / 2,  x (1 + tanh(sqrt(2/pi) (x + 0.044715 x^3))) / 2
//   SiLU       x sigmoid(x)
//   HardSwish  x hardsigmoid(x) with 1/6 and 1/2,  x clip(x + 3, 0, 6) / 6
// in any order and association of the factors. clip(x + 3, 0, 6) / 6 alone becomes HardSigmoid, so
// that rules see a gate.
#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>

#include "import/pattern.h"

namespace limn {
namespace {

constexpr int kDepth = 4;
/// Coefficients of x^0 .. x^3.
using Polynomial = std::array<double, 4>;

class GatedMatcher {
 public:
  explicit GatedMatcher(const Pattern& pattern) : pattern_(pattern) {}
  void match(DraftNode& last) const;

 private:
  /// Names of all values that the product may have as its x.
  void candidates(const std::string& value, int depth, std::vector<std::string>& names) const;
  /// Multiplies out down to x; factors other than x and constants go to `others`.
  struct Product {
    double factor = 1;
    int x_count = 0;
    std::vector<std::string> others;
  };
  void multiply_out(const std::string& value, const std::string& x, int depth, bool is_root,
                    Product& product) const;
  std::optional<Polynomial> polynomial(const std::string& value, const std::string& x,
                                       int depth) const;
  bool match_with(DraftNode& last, const std::string& x) const;
  std::string gelu_form(const std::string& value, const std::string& x) const;
  bool is_shifted_clip(const std::string& value, const std::string& x) const;
  bool is_hard_sigmoid(const std::string& value, const std::string& x) const;
  bool match_hard_sigmoid(DraftNode& last) const;

  const Pattern& pattern_;
};

void GatedMatcher::candidates(const std::string& value, int depth,
                              std::vector<std::string>& names) const {
  const DraftNode* node = pattern_.producer(value, {"Mul", "Div"});
  if (!node || depth == 0) return;
  for (const auto& input : node->inputs) {
    if (input.empty() || pattern_.is_constant(input)) continue;
    if (std::find(names.begin(), names.end(), input) == names.end()) names.push_back(input);
    candidates(input, depth - 1, names);
  }
}

void GatedMatcher::multiply_out(const std::string& value, const std::string& x, int depth,
                                bool is_root, Product& product) const {
  if (value == x && !is_root) {
    ++product.x_count;
    return;
  }
  if (const auto scalar = pattern_.scalar(value)) {
    product.factor *= *scalar;
    return;
  }
  const DraftNode* node = depth > 0 ? pattern_.producer(value, {"Mul", "Div"}) : nullptr;
  if (node && node->inputs.size() == 2) {
    if (node->op == "Mul") {
      multiply_out(node->inputs[0], x, depth - 1, false, product);
      multiply_out(node->inputs[1], x, depth - 1, false, product);
      return;
    }
    if (const auto divisor = pattern_.scalar(node->inputs[1])) {
      product.factor /= *divisor;
      multiply_out(node->inputs[0], x, depth - 1, false, product);
      return;
    }
  }
  product.others.push_back(value);
}

std::optional<Polynomial> GatedMatcher::polynomial(const std::string& value, const std::string& x,
                                                   int depth) const {
  if (value == x) return Polynomial{0, 1, 0, 0};
  if (const auto scalar = pattern_.scalar(value)) return Polynomial{*scalar, 0, 0, 0};
  const DraftNode* node =
      depth > 0 ? pattern_.producer(value, {"Add", "Mul", "Div", "Pow"}) : nullptr;
  if (!node || node->inputs.size() != 2) return std::nullopt;
  const auto left = polynomial(node->inputs[0], x, depth - 1);
  if (!left) return std::nullopt;
  Polynomial result{};
  const auto times = [](const Polynomial& a, const Polynomial& b) -> std::optional<Polynomial> {
    Polynomial product{};
    for (std::size_t i = 0; i < 4; ++i) {
      for (std::size_t j = 0; j < 4; ++j) {
        if (a[i] == 0 || b[j] == 0) continue;
        if (i + j > 3) return std::nullopt;
        product[i + j] += a[i] * b[j];
      }
    }
    return product;
  };
  if (node->op == "Pow") {
    const auto exponent = pattern_.scalar(node->inputs[1]);
    if (exponent != 2.0 && exponent != 3.0) return std::nullopt;
    auto power = times(*left, *left);
    if (power && exponent == 3.0) power = times(*power, *left);
    return power;
  }
  if (node->op == "Div") {
    const auto divisor = pattern_.scalar(node->inputs[1]);
    if (!divisor) return std::nullopt;
    for (std::size_t i = 0; i < 4; ++i) result[i] = (*left)[i] / *divisor;
    return result;
  }
  const auto right = polynomial(node->inputs[1], x, depth - 1);
  if (!right) return std::nullopt;
  if (node->op == "Mul") return times(*left, *right);
  for (std::size_t i = 0; i < 4; ++i) result[i] = (*left)[i] + (*right)[i];
  return result;
}

std::string GatedMatcher::gelu_form(const std::string& value, const std::string& x) const {
  const DraftNode* sum = pattern_.producer(value, {"Add"});
  if (!sum || sum->inputs.size() != 2) return "";
  for (const std::size_t i : {0u, 1u}) {
    if (pattern_.scalar(sum->inputs[i]) != 1.0) continue;
    const DraftNode* inner = pattern_.producer(sum->inputs[1 - i], {"Erf", "Tanh"});
    if (!inner || inner->inputs.empty()) continue;
    const auto argument = polynomial(inner->inputs[0], x, 6);
    if (!argument) continue;
    const auto& [c0, c1, c2, c3] = *argument;
    if (c0 != 0 || c2 != 0) continue;
    if (inner->op == "Erf") {
      if (about(c1, std::sqrt(0.5)) && c3 == 0) return "none";
    } else if (about(c1, std::sqrt(2 / M_PI)) && about(c3, c1 * 0.044715)) {
      return "tanh";
    }
  }
  return "";
}

bool GatedMatcher::is_shifted_clip(const std::string& value, const std::string& x) const {
  const DraftNode* clip = pattern_.producer(value, {"Clip"});
  if (!clip || clip->inputs.empty()) return false;
  const auto bound = [&](const char* name, std::size_t input) -> std::optional<double> {
    if (clip->attributes.has(name)) return clip->attributes.real(name, 0);
    return pattern_.scalar(input_of(*clip, input));
  };
  if (bound("min", 1) != 0.0 || bound("max", 2) != 6.0) return false;
  return polynomial(clip->inputs[0], x, 1) == Polynomial{3, 1, 0, 0};
}

bool GatedMatcher::is_hard_sigmoid(const std::string& value, const std::string& x) const {
  const DraftNode* gate = pattern_.producer(value, {"HardSigmoid"});
  return gate && input_of(*gate, 0) == x && about(gate->attributes.real("alpha", 0.2), 1.0 / 6) &&
         gate->attributes.real("beta", 0.5) == 0.5;
}

bool GatedMatcher::match_with(DraftNode& last, const std::string& x) const {
  Product product;
  multiply_out(last.outputs[0], x, kDepth, true, product);
  if (product.x_count != 1 || product.others.size() != 1) return false;
  const std::string& gate = product.others[0];
  const auto become = [&](const char* op, int opset) {
    last.op = op;
    last.opset = std::max(last.opset, opset);
    last.attributes = {};
    last.inputs = {x};
    return true;
  };
  if (about(product.factor, 0.5)) {
    const std::string form = gelu_form(gate, x);
    if (form.empty()) return false;
    become("Gelu", 20);
    last.attributes.set("approximate", form);
    return true;
  }
  if (about(product.factor, 1.0 / 6)) {
    return is_shifted_clip(gate, x) && become("HardSwish", 14);
  }
  if (product.factor != 1) return false;
  if (is_hard_sigmoid(gate, x)) return become("HardSwish", 14);
  const DraftNode* sigmoid = pattern_.producer(gate, {"Sigmoid"});
  return sigmoid && input_of(*sigmoid, 0) == x && become("SiLU", 1);
}

bool GatedMatcher::match_hard_sigmoid(DraftNode& last) const {
  Product product;
  multiply_out(last.outputs[0], "", 1, true, product);
  if (product.others.size() != 1 || !about(product.factor, 1.0 / 6)) return false;
  const DraftNode* clip = pattern_.producer(product.others[0], {"Clip"});
  const DraftNode* sum = clip ? pattern_.producer(input_of(*clip, 0), {"Add"}) : nullptr;
  if (!sum || sum->inputs.size() != 2) return false;
  for (const std::string& x : sum->inputs) {
    if (pattern_.is_constant(x) || !is_shifted_clip(product.others[0], x)) continue;
    last.op = "HardSigmoid";
    last.attributes = {};
    last.attributes.set("alpha", 1.0 / 6);
    last.attributes.set("beta", 0.5);
    last.inputs = {x};
    return true;
  }
  return false;
}

void GatedMatcher::match(DraftNode& last) const {
  if (!last.domain.empty() || last.outputs.size() != 1 || last.outputs[0].empty()) return;
  if (last.op != "Mul" && last.op != "Div") return;
  if (pattern_.producer(last.outputs[0]) != &last) return;
  std::vector<std::string> names;
  candidates(last.outputs[0], kDepth, names);
  for (const auto& x : names) {
    if (match_with(last, x)) return;
  }
  match_hard_sigmoid(last);
}

}  // namespace

void fuse_gated(Draft& draft) {
  const Pattern pattern(draft);
  const GatedMatcher matcher(pattern);
  for (auto& node : draft.nodes) matcher.match(node);
}

}  // namespace limn
