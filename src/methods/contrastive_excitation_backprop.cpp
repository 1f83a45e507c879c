// Contrastive excitation backprop: two messages of mass 1, P+ through the last linear layer and P-
// through its negation (what inhibits the class), walk down to the contrast layer; their difference
// goes on, and S = max(0, channel sum). Rules only share, so what both messages have in common
// cancels. Flavors as excitation-backprop. Source: Zhang et al., "Top-down Neural Attention by
// Excitation Backprop", 2016; facebookresearch/TorchRay@6a198ee.
#include "methods/contrast.h"
#include "methods/excitation.h"

namespace limn {
namespace {

const MethodInfo& info() {
  static const MethodInfo value{
      .name = "contrastive-excitation-backprop",
      .title = "Contrastive excitation backprop",
      .family = "relevance",
      .summary =
          "Excitation backprop of the class minus that of its negation: only what tells the "
          "class from others stays.",
      .formula =
          "S = max(0, sum over channels of the message that starts as P+ - P- at the "
          "contrast layer)",
      .paper =
          "Zhang, Lin, Brandt, Shen, Sclaroff: Top-down Neural Attention by Excitation Backprop, "
          "2016",
      .aliases = {"cmwp", "cebp"}};
  return value;
}

Fields fields(ExcitationOptions& o) { return excitation_fields(o, true); }

/// What one of the two messages lacks, in words.
void note_masses(Explanation& one, const Tensor& plus, const Tensor& minus) {
  const auto empty = [](const Tensor& message) {
    return (message.flatten(1).abs().sum(1) == 0).any().item<bool>();
  };
  if (empty(plus)) one.notes.emplace_back("nothing in the last layer excites the target");
  if (empty(minus)) {
    one.notes.emplace_back(
        "nothing in the last layer inhibits the target: this is plain excitation backprop");
  }
}

std::vector<Explanation> explain(const ExcitationOptions& o, const Call& call) {
  const Pass pass(call, excitation_batch_norm(o.flavor));
  const RuleBook book = excitation_flavor(o.flavor);
  const Graph& graph = pass.model.graph();
  const ValueId at = excitation_layer(pass, call, o.layer);
  TopMessages top = walk_top(pass, call, book, excitation_seeds(pass, call));
  const ValueId from = top.last.input;
  const ValueId contrast = o.contrast_layer.empty() ? from : pass.recorded(call, o.contrast_layer);
  if (!reaches(graph, contrast, from) || !reaches(graph, at, contrast)) {
    fail(ErrorCode::InvalidArgument, "contrast-layer \"", graph.value(contrast).name,
         "\" must lie between the last linear layer's input \"", graph.value(from).name,
         "\" and the layer read, \"", graph.value(at).name, "\"");
  }
  const Tensor minus = contrast == from ? top.dual
                                        : walk(pass.model, pass.tape, book,
                                               request_for(call, {{from, top.dual}}, {contrast}))
                                              .relevance.at(contrast);
  // Where parts of the message go around the contrast layer they keep P+ alone.
  std::vector<ValueId> wanted = top.recorded;
  wanted.push_back(at);
  WalkResult result = walk(pass.model, pass.tape, book,
                           request_for(call, {{from, top.target}, {contrast, -minus}}, wanted));
  for (const auto& [id, relevance] : top.above.relevance) result.relevance.emplace(id, relevance);
  result.trace.insert(result.trace.begin(), top.above.trace.begin(), top.above.trace.end());
  Tensor& map = result.relevance.at(at);
  map = (map.dim() == 5 ? map.sum(2, true) : map).clamp_min(0);
  auto all = pass.explanations(call, result, at, info());
  for (std::size_t s = 0; s < all.size(); ++s) {
    const auto seed = static_cast<std::int64_t>(s);
    note_masses(all[s], top.target[seed], top.dual[seed]);
    note_unpredicted(all[s], "the map tells where it is least unlike the class");
  }
  return all;
}

}  // namespace

MethodEntry method_contrastive_excitation_backprop() {
  return define_method<ExcitationOptions>(info(), fields, explain, "layer");
}

}  // namespace limn
