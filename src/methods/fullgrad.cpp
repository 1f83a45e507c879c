// FullGrad: the score of a piecewise linear network is sum x dx + sum over layers of b dz, with b
// what the layer adds (Clip: its bound where it cuts off) and dz the gradient at its output. The
// map adds all terms as pictures: S = sum_c psi(x dx) + sum_l sum_c Up(psi(b_l dz_l)), psi(T) = |T|
// stretched to 0..1. Terms of layers without spatial extent count for the sum, not for the map. The
// gap is what the terms miss of the score. Source: Srinivas, Fleuret, "Full-Gradient
// Representation", 2019; idiap/fullgrad-saliency@7c106b3, whose pairing by module order is by node
// here; flavor pytorch-grad-cam: jacobgil@084273b.
#include <set>

#include "methods/bias_terms.h"
#include "methods/sampling.h"

namespace limn {
namespace {

constexpr double kSaidGap = 1e-3;

struct FullGradOptions {
  std::string flavor = "fullgrad-saliency";
};

const MethodInfo& info() {
  static const MethodInfo value{
      .name = "fullgrad",
      .title = "FullGrad",
      .family = "gradient",
      .summary = "Input and bias terms of the whole network, which sum to the score, as pictures.",
      .formula = "f = sum x dx + sum over layers of b dz; S = sum over terms of psi(term), resized",
      .paper =
          "Srinivas, Fleuret: Full-Gradient Representation for Neural Network Visualization, "
          "2019",
      .aliases = {"full-grad", "fullgradient"},
      .gap = GapKind::Terms};
  return value;
}

Fields fields(FullGradOptions& o) {
  return {choice_field("flavor", o.flavor, {"fullgrad-saliency", "pytorch-grad-cam"},
                       "whose stretching and resizing")};
}

/// The operators of the graph that no bias term describes: not piecewise linear.
std::string bent_operators(const Pass& pass) {
  static const std::set<std::string> straight = {"Relu", "LeakyRelu", "PRelu",
                                                 "Abs",  "Clip",      "Dropout"};
  const Graph& graph = pass.model.graph();
  const Facts facts(graph, pass.model.logits());
  std::set<std::string> names;
  for (int n = 0; n < static_cast<int>(graph.nodes().size()); ++n) {
    const Node& node = graph.node({n});
    const OpKind kind = facts.kind({n});
    const bool bends =
        kind == OpKind::Activation || kind == OpKind::Bilinear || kind == OpKind::Normalise;
    if (bends && !straight.contains(node.op) && facts.depends(node.outputs.front())) {
      names.insert(node.op);
    }
  }
  std::string text;
  for (const auto& name : names) text += (text.empty() ? "" : ", ") + name;
  return text;
}

std::vector<Explanation> explain(const FullGradOptions& o, const Call& call) {
  const Pass pass(call, BatchNorm::Keep);
  const std::vector<BiasTerm> biases = bias_terms(pass);
  const WalkResult result = term_gradients(pass, call, biases);
  const ValueId input = pass.model.input();
  std::vector<Explanation> all;
  for (std::size_t s = 0; s < pass.objectives.size(); ++s) {
    const auto gradient = [&](ValueId id) {
      return result.relevance.at(id)[static_cast<std::int64_t>(s)];
    };
    Tensors terms = {pass.tape[input] * gradient(input)};
    for (const auto& term : biases) terms.push_back(term.bias * gradient(term.at));
    Tensor sum = at::zeros({call.x.size(0)}, at::kDouble);
    for (const auto& term : terms) sum += term.to(at::kCPU, at::kDouble).flatten(1).sum(1);
    const auto combine = o.flavor == "pytorch-grad-cam" ? sum_of_stretched_terms : sum_of_terms;
    all.push_back(around(pass, s, combine(terms, call.x.size(2), call.x.size(3)), false));
    Explanation& one = all.back();
    const Tensor score = one.score.to(at::kCPU, at::kDouble);
    one.gap = (sum - score).abs() / score.abs().clamp_min(1e-12);
    if (const double gap = one.gap.max().item<double>(); gap > kSaidGap) {
      const std::string names = bent_operators(pass);
      one.notes.push_back(concat("input and bias terms miss ", 100 * gap, " % of the score",
                                 names.empty() ? "" : ": not piecewise linear are " + names));
    }
    note_fallbacks(one, result);
  }
  return all;
}

}  // namespace

MethodEntry method_fullgrad() { return define_method<FullGradOptions>(info(), fields, explain); }

}  // namespace limn
