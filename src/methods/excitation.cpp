// See excitation.h.
#include "methods/excitation.h"

#include "methods/contrast.h"
#include "rules/composites.h"
#include "rules/excitation_book.h"

namespace limn {
Fields excitation_fields(ExcitationOptions& o, bool contrastive) {
  Fields fields = {
      choice_field("flavor", o.flavor, {"limn", "torchray", "zennit"}, "whose excitation backprop"),
      text_field("layer", o.layer, "the value where the message is read; empty: the input")
          .also({"saliency-layer"})};
  if (contrastive) {
    fields.push_back(text_field("contrast-layer", o.contrast_layer,
                                "the value where the contrast is subtracted; empty: the last "
                                "linear layer's input"));
  }
  return fields;
}

RuleBook excitation_flavor(const std::string& flavor) {
  if (flavor == "torchray") return torchray_book();
  return flavor == "zennit" ? composite("excitation-backprop", {}) : excitation_book();
}

BatchNorm excitation_batch_norm(const std::string& flavor) {
  if (flavor == "torchray") return BatchNorm::Keep;
  return flavor == "zennit" ? BatchNorm::FoldConvolutions : BatchNorm::Fold;
}

Tensor excitation_seeds(const Pass& pass, const Call& call) {
  if (call.options.start.defined()) return pass.gradients(call);
  Tensors all;
  for (const auto& objective : pass.objectives) all.push_back(objective.one_hot);
  return at::stack(all);
}

ValueId excitation_layer(const Pass& pass, const Call& call, const std::string& layer) {
  return layer.empty() ? pass.model.input() : pass.recorded(call, layer);
}

void note_lost_mass(Explanation& explanation, const Pass& pass, const Tensor& seed, ValueId at) {
  const Tensor given = seed.to(at::kDouble).flatten(1).sum(1);
  // The message of a margin has no mass to keep.
  if ((given.abs() < 1e-9).any().item<bool>()) return;
  const Tensor arrived = explanation.relevance.to(at::kDouble).flatten(1).sum(1) / given;
  if (goes_around(pass.model.graph(), pass.model.logits(), pass.model.input(), at)) {
    explanation.notes.push_back(concat(percent(arrived.mean().item<double>()),
                                       " of the message passes through \"", explanation.at,
                                       "\"; the rest may go around it"));
    return;
  }
  explanation.gap = (1 - arrived).abs();
  const double lost = explanation.gap.max().item<double>();
  if (lost <= 1e-4) return;
  explanation.notes.push_back(
      concat(arrived.size(0) > 1 ? "up to " : "", percent(lost),
             " of the message fell on units without any positive product and is lost"));
}

}  // namespace limn
