// See spell_out.h. Gelu(x) = x (1 + erf(x / sqrt 2)) / 2, or with tanh
// x (1 + tanh(sqrt(2/pi) (x + 0.044715 x^3))) / 2; SiLU(x) = x sigmoid(x);
// HardSwish(x) = x hardsigmoid(x) with alpha 1/6 and beta 1/2;
// LayerNormalization(x) = (x - m) / sqrt(mean((x - m)^2) + epsilon) * scale + bias.
#include "graph/spell_out.h"

#include <ATen/ATen.h>

#include <cmath>
#include <set>

#include "limn/error.h"

namespace limn {
namespace {

/// Appends the nodes that stand for `source`; the last one keeps its name and output.
class Speller {
 public:
  Speller(Draft& draft, const DraftNode& source, std::set<std::string>& taken)
      : draft_(draft), source_(source), taken_(taken) {}

  const std::string& input(std::size_t i) const { return source_.inputs[i]; }
  bool has_input(std::size_t i) const {
    return i < source_.inputs.size() && !source_.inputs[i].empty();
  }

  std::string constant(const std::string& part, Tensor value) {
    const std::string name = fresh(part);
    draft_.constants.emplace(name, std::move(value));
    return name;
  }
  std::string constant(const std::string& part, double value) {
    return constant(part, at::scalar_tensor(value, at::kFloat));
  }

  std::string node(const std::string& op, std::vector<std::string> inputs,
                   Attributes attributes = {}) {
    std::string lower;
    for (const char letter : op) {
      lower += static_cast<char>(std::tolower(static_cast<unsigned char>(letter)));
    }
    const std::string output = fresh(lower);
    return append(output, op, std::move(inputs), output, std::move(attributes));
  }
  void last(const std::string& op, std::vector<std::string> inputs, Attributes attributes = {}) {
    append(source_.name, op, std::move(inputs), source_.outputs.at(0), std::move(attributes));
  }

 private:
  std::string fresh(const std::string& part) {
    std::string name = source_.outputs.at(0) + "_" + part;
    while (!taken_.insert(name).second) name += "_";
    return name;
  }
  std::string append(const std::string& name, const std::string& op,
                     std::vector<std::string> inputs, const std::string& output,
                     Attributes attributes) {
    draft_.nodes.push_back({.name = name,
                            .op = op,
                            .domain = "",
                            .opset = draft_.opset,
                            .attributes = std::move(attributes),
                            .inputs = std::move(inputs),
                            .outputs = {output}});
    return output;
  }

  Draft& draft_;
  const DraftNode& source_;
  std::set<std::string>& taken_;
};

void spell_silu(Speller& spell) {
  const auto gate = spell.node("Sigmoid", {spell.input(0)});
  spell.last("Mul", {spell.input(0), gate});
}

void spell_hard_swish(Speller& spell) {
  Attributes attributes;
  attributes.set("alpha", static_cast<double>(1.0f / 6.0f));
  attributes.set("beta", 0.5);
  const auto gate = spell.node("HardSigmoid", {spell.input(0)}, std::move(attributes));
  spell.last("Mul", {spell.input(0), gate});
}

void spell_gelu(Speller& spell, const Attributes& attributes) {
  const std::string& x = spell.input(0);
  std::string inner;
  if (attributes.text("approximate", "none") == "tanh") {
    const auto square = spell.node("Mul", {x, x});
    const auto cube = spell.node("Mul", {square, x});
    const auto scaled = spell.node("Mul", {cube, spell.constant("cubic", 0.044715)});
    const auto sum = spell.node("Add", {x, scaled});
    inner =
        spell.node("Tanh", {spell.node("Mul", {sum, spell.constant("root", std::sqrt(2 / M_PI))})});
  } else {
    inner = spell.node("Erf", {spell.node("Div", {x, spell.constant("root", std::sqrt(2.0))})});
  }
  const auto shifted = spell.node("Add", {inner, spell.constant("one", 1.0)});
  const auto product = spell.node("Mul", {x, shifted});
  spell.last("Mul", {product, spell.constant("half", 0.5)});
}

void spell_layer_norm(Speller& spell, const DraftNode& source) {
  const std::int64_t axis = source.attributes.integer("axis", -1);
  if (axis >= 0) {
    fail(ErrorCode::InvalidArgument, "LayerNormalization with axis ", axis,
         " cannot be written below opset 17; count the axis from the back or raise the opset");
  }
  if (source.outputs.size() > 1) {
    fail(ErrorCode::InvalidArgument,
         "LayerNormalization with several outputs cannot be written below opset 17");
  }
  std::vector<std::int64_t> axes;
  for (std::int64_t i = axis; i < 0; ++i) axes.push_back(i);
  Attributes mean_attributes;
  mean_attributes.set("axes", std::move(axes));
  mean_attributes.set("keepdims", std::int64_t{1});
  const std::string& x = spell.input(0);
  const auto mean = spell.node("ReduceMean", {x}, mean_attributes);
  const auto centered = spell.node("Sub", {x, mean});
  const auto square = spell.node("Pow", {centered, spell.constant("two", 2.0)});
  const auto variance = spell.node("ReduceMean", {square}, mean_attributes);
  const double epsilon = source.attributes.real("epsilon", 1e-5);
  const auto shifted = spell.node("Add", {variance, spell.constant("epsilon", epsilon)});
  const auto deviation = spell.node("Sqrt", {shifted});
  const auto normal = spell.node("Div", {centered, deviation});
  if (!spell.has_input(2)) return spell.last("Mul", {normal, spell.input(1)});
  const auto scaled = spell.node("Mul", {normal, spell.input(1)});
  spell.last("Add", {scaled, spell.input(2)});
}

bool must_spell(const DraftNode& node, int opset) {
  if (!node.domain.empty()) return false;
  return node.op == "SiLU" || (node.op == "Gelu" && opset < 20) ||
         (node.op == "LayerNormalization" && opset < 17) || (node.op == "HardSwish" && opset < 14);
}

}  // namespace

Draft spell_out(const Draft& draft) {
  Draft result = draft;
  result.nodes.clear();
  std::set<std::string> taken;
  for (const auto& node : draft.nodes) {
    taken.insert(node.name);
    taken.insert(node.outputs.begin(), node.outputs.end());
  }
  for (const auto& [name, value] : draft.constants) taken.insert(name);
  for (const auto& input : draft.inputs) taken.insert(input.name);
  for (const auto& node : draft.nodes) {
    if (!must_spell(node, draft.opset)) {
      result.nodes.push_back(node);
      continue;
    }
    in_context([&] { return concat("node \"", node.name, "\" (", node.op, ")"); },
               [&] {
                 const std::size_t needed = node.op == "LayerNormalization" ? 2 : 1;
                 if (node.inputs.size() < needed || node.outputs.empty()) {
                   fail(ErrorCode::InvalidArgument, "has too few inputs or outputs");
                 }
                 Speller spell(result, node, taken);
                 if (node.op == "SiLU") return spell_silu(spell);
                 if (node.op == "HardSwish") return spell_hard_swish(spell);
                 if (node.op == "Gelu") return spell_gelu(spell, node.attributes);
                 spell_layer_norm(spell, node);
               });
  }
  return result;
}

}  // namespace limn
