// Simple FullGrad: FullGrad's map with the gradients at the layers' outputs in place of the bias
// terms, S = sum_c psi(x dx) + sum_l sum_c Up(psi(dz_l)) over the layers that add a bias; nothing
// sums to the score. Source: idiap/fullgrad-saliency@7c106b3 (Srinivas, Fleuret, 2019).
#include "methods/bias_terms.h"
#include "methods/sampling.h"

namespace limn {
namespace {

struct SimpleFullGradOptions {};

const MethodInfo& info() {
  static const MethodInfo value{
      .name = "simple-fullgrad",
      .title = "Simple FullGrad",
      .family = "gradient",
      .summary = "FullGrad with plain gradients at every layer in place of its bias terms.",
      .formula = "S = psi(x dx) + sum over layers of psi(dz), resized",
      .paper =
          "Srinivas, Fleuret: Full-Gradient Representation for Neural Network Visualization, "
          "2019",
      .aliases = {"simplefullgrad", "simple-full-grad"}};
  return value;
}

Fields fields(SimpleFullGradOptions&) { return {}; }

std::vector<Explanation> explain(const SimpleFullGradOptions&, const Call& call) {
  const Pass pass(call, BatchNorm::Keep);
  std::vector<BiasTerm> biases = bias_terms(pass);
  std::erase_if(biases, [](const BiasTerm& term) { return term.is_bound; });
  const WalkResult result = term_gradients(pass, call, biases);
  const ValueId input = pass.model.input();
  std::vector<Explanation> all;
  for (std::size_t s = 0; s < pass.objectives.size(); ++s) {
    const auto seed = static_cast<std::int64_t>(s);
    Tensors terms = {pass.tape[input] * result.relevance.at(input)[seed]};
    for (const auto& term : biases) terms.push_back(result.relevance.at(term.at)[seed]);
    all.push_back(around(pass, s, sum_of_terms(terms, call.x.size(2), call.x.size(3)), false));
    note_fallbacks(all.back(), result);
  }
  return all;
}

}  // namespace

MethodEntry method_simple_fullgrad() {
  return define_method<SimpleFullGradOptions>(info(), fields, explain);
}

}  // namespace limn
