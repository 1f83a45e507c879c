// Softmax-gradient LRP: contrastive LRP whose two walks start from the gradient of the softmax: the
// class gets p_t (1 - p_t), every other class p_t p_k (what would take probability from it);
// R = M_t - M_o sum(M_t) / sum(M_o), signed. limn starts both divided by p_t (1 - p_t), which only
// scales the map, so that a sure prediction does not fade away. Flavor wjnam:
// wjNam/Attribution-Equilibrium@b4eadf3 (alpha-beta, 1e-8 added to the class's seed). Source:
// Iwana, Kuroki, Uchida, "Explaining Convolutional Neural Networks using Softmax Gradient
// Layer-wise Relevance Propagation", 2019.
#include "methods/contrastive_lrp.h"

namespace limn {
namespace {

const MethodInfo& info() {
  static const MethodInfo value{
      .name = "sglrp",
      .title = "Softmax-gradient LRP",
      .family = "relevance",
      .summary = "Contrastive LRP against the other classes weighted by their probability.",
      .formula = "R = M_t - M_o * sum(M_t) / sum(M_o), seeds p_t (1 - p_t) and p_t p_k",
      .paper =
          "Iwana, Kuroki, Uchida: Explaining Convolutional Neural Networks using Softmax "
          "Gradient Layer-wise Relevance Propagation, 2019",
      .aliases = {"softmax-gradient-lrp", "sg-lrp"},
      .signed_map = true,
      .needs_bounds = true};
  return value;
}

Fields fields(ContrastiveOptions& o) {
  return {choice_field("flavor", o.flavor, {"limn", "wjnam"}, "whose SGLRP"), low_field(o),
          high_field(o), alpha_field(o),
          bool_field("reference", o.reference, "the authors' code: flavor wjnam")};
}

/// Softmax over the classes and places where `mask` is not zero.
Tensor softmax_over(const Tensor& logits, const Tensor& mask) {
  const Tensor masked = logits.masked_fill(mask == 0, -kInfinity).flatten(1);
  // A row without any class left is all zero, not NaN.
  return at::softmax(masked, 1).nan_to_num(0).reshape(logits.sizes());
}

std::pair<Tensor, Tensor> seeds_of(const Pass& pass, bool reference) {
  const Tensor& logits = pass.tape[pass.model.logits()];
  Tensors targets, others;
  for (const auto& objective : pass.objectives) {
    const Tensor one = target_class(objective), other = other_classes(objective);
    if (reference) {
      const Tensor p = at::softmax(logits, 1), of_class = (p * (one > 0)).sum(1, true);
      targets.push_back(one * (of_class * (1 - of_class) + 1e-8));
      others.push_back(other * of_class * p);
    } else {
      targets.push_back(one);
      others.push_back(softmax_over(logits, other));
    }
  }
  return {at::stack(targets), at::stack(others)};
}

std::vector<Explanation> explain(const ContrastiveOptions& o, const Call& call) {
  const bool reference = o.reference || o.flavor == "wjnam";
  const Backbone backbone = reference ? wjnam_backbone(o) : limn_backbone(o, call);
  const Pass pass(call, backbone.batch_norm);
  if (call.options.start.defined()) return explain_start(pass, call, backbone.book, info());
  const auto [targets, others] = seeds_of(pass, reference);
  ContrastWalk both = walk_others(pass, call, backbone.book, targets, others);
  std::vector<std::vector<std::string>> notes;
  Tensor& map = both.target.relevance.at(pass.model.input());
  const Tensor target = map;
  map = contrasted(target, both.contrast, notes);
  auto all = pass.explanations(call, both.target, pass.model.input(), info());
  for (std::size_t s = 0; s < all.size(); ++s) {
    keep_parts(all[s], target, both.contrast, s);
    all[s].notes.insert(all[s].notes.end(), notes[s].begin(), notes[s].end());
    note_unpredicted(all[s], "the map starts from 1 and looks as if the class were seen");
    if (pass.model.output_kind() == OutputKind::MultiLabel) {
      all[s].notes.emplace_back(
          "the model is multi-label (sigmoid); SGLRP starts from the softmax of its logits all the "
          "same");
    }
  }
  return all;
}

}  // namespace

MethodEntry method_sglrp() { return define_method<ContrastiveOptions>(info(), fields, explain); }

}  // namespace limn
