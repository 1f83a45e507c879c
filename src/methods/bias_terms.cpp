// See bias_terms.h.
#include "methods/bias_terms.h"

#include "rules/composites.h"
#include "rules/facts.h"

namespace limn {

std::vector<BiasTerm> bias_terms(const Pass& pass) {
  const Graph& graph = pass.model.graph();
  const Facts facts(graph, pass.model.logits());
  std::vector<BiasTerm> terms;
  for (int n = 0; n < static_cast<int>(graph.nodes().size()); ++n) {
    const Node& node = graph.node({n});
    if (node.op == "Clip" && facts.depends(node.outputs.front())) {
      const Tensor& value = pass.tape[node.outputs.front()];
      const Tensor open = value == pass.tape[node.inputs.front()];
      terms.push_back({node.outputs.front(), value.masked_fill(open, 0), true});
      continue;
    }
    if (facts.kind({n}) != OpKind::Linear || !node.spec->linear_view ||
        !facts.depends(node.outputs.front())) {
      continue;
    }
    const std::vector<bool> wanted(node.inputs.size(), false);
    const Step step{pass.model, facts, pass.tape, {n}, node, wanted};
    const Tensor bias = step.view()->bias();
    if (bias.defined()) terms.push_back({node.outputs.front(), bias});
  }
  return terms;
}

WalkResult term_gradients(const Pass& pass, const Call& call, const std::vector<BiasTerm>& terms) {
  if (call.x.dim() != 4) {
    fail(ErrorCode::InvalidArgument, "the input has shape ", call.x.sizes(),
         ", and a map needs [N, C, H, W]; for other inputs take input-x-gradient or lrp");
  }
  std::vector<ValueId> at = {pass.model.input()};
  for (const auto& term : terms) at.push_back(term.at);
  return pass.walk_from(call, gradient_book(), pass.gradients(call), at);
}

Tensor sum_of_terms(const Tensors& terms, std::int64_t height, std::int64_t width) {
  Tensor map;
  for (const auto& term : terms) {
    if (term.dim() != 4) continue;
    Tensor psi = term.abs();
    psi = psi - psi.amin({1, 2, 3}, true);
    psi = psi / (psi.amax({1, 2, 3}, true) + 1e-6);
    // Resizing is linear: after the channel sum it is one map, not C.
    const Tensor part = resize_bilinear(psi.sum(1, true), height, width, true);
    map = map.defined() ? map + part : part;
  }
  return map;
}

Tensor sum_of_stretched_terms(const Tensors& terms, std::int64_t height, std::int64_t width) {
  const auto stretched = [](const Tensor& t, at::IntArrayRef over) {
    const Tensor lifted = t - t.amin(over, true);
    return lifted / (1e-7 + lifted.amax(over, true));
  };
  Tensor map;
  for (const auto& term : terms) {
    if (term.dim() != 4) continue;
    const Tensor part = resize_bilinear(stretched(term.abs(), {2, 3}).sum(1, true), height, width);
    map = map.defined() ? map + part : part;
  }
  return stretched(map.clamp_min(0), {1, 2, 3});
}

}  // namespace limn
