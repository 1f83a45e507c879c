// Excitation backprop (marginal winning probability): a message of mass 1 goes from the class down,
// each unit sharing what it gets among its inputs by their positive products alone,
// P_j = sum_k (x+ w+ + x- w-)_jk P_k / sum_j (x+ w+ + x- w-)_jk; no bias, no gates. Flavors:
// torchray (facebookresearch/TorchRay@6a198ee: x w+ with x as it is, 1e-20, sums x_i / sum x, ReLU
// gates, batch norm passes), zennit (chr5tphr/zennit@3121bb2: z+ with positive bias). Source: Zhang
// et al., "Top-down Neural Attention by Excitation Backprop", 2016.
#include "methods/excitation.h"

namespace limn {
namespace {

const MethodInfo& info() {
  static const MethodInfo value{
      .name = "excitation-backprop",
      .title = "Excitation backprop",
      .family = "relevance",
      .summary =
          "A message of mass 1 that goes down along positive products alone: where the "
          "evidence for the class comes from, as a distribution.",
      .formula = "P_j = sum_k (x+ w+ + x- w-)_jk P_k / sum_j (x+ w+ + x- w-)_jk, starting at 1",
      .paper =
          "Zhang, Lin, Brandt, Shen, Sclaroff: Top-down Neural Attention by Excitation Backprop, "
          "2016",
      .aliases = {"mwp", "ebp", "excitation-back-propagation"},
      .gap = GapKind::Mass};
  return value;
}

Fields fields(ExcitationOptions& o) { return excitation_fields(o, false); }

std::vector<Explanation> explain(const ExcitationOptions& o, const Call& call) {
  const Pass pass(call, excitation_batch_norm(o.flavor));
  const ValueId at = excitation_layer(pass, call, o.layer);
  const Tensor seeds = excitation_seeds(pass, call);
  const WalkResult result = pass.walk_from(call, excitation_flavor(o.flavor), seeds, {at});
  auto all = pass.explanations(call, result, at, info());
  for (std::size_t s = 0; s < all.size(); ++s) {
    // TorchRay multiplies by inputs of any sign.
    all[s].is_signed = o.flavor == "torchray" || !pass.objectives[s].subtracted.empty();
    if (o.flavor == "limn") {
      note_lost_mass(all[s], pass, seeds[static_cast<std::int64_t>(s)], at);
    }
    note_unpredicted(all[s], "the map tells where what little excites the class lies");
  }
  return all;
}

}  // namespace

MethodEntry method_excitation_backprop() {
  return define_method<ExcitationOptions>(info(), fields, explain, "layer");
}

}  // namespace limn
