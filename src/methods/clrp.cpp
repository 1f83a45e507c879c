// Contrastive LRP: relevance of the class minus relevance of what it is set against, brought to the
// same sum: R = max(0, M_t - M_c sum(M_t) / sum(M_c)). The contrast is all other classes with
// their scores' sizes (type1) or the class through a negated last layer (type2). Flavors: gu
// (JindongGu/Contrastive-LRP@751c263: w+ rule with 1e-9, fixed bounds, tied maxima share; the
// difference of the maps over their sums, over its largest value), wjnam
// (wjNam/Attribution-Equilibrium@b4eadf3: the score spread over the other classes, alpha-beta,
// signed). Source: Gu, Yang, Tresp, "Understanding Individual Decisions of CNNs via Contrastive
// Backpropagation", 2018.
#include "methods/contrastive_lrp.h"
#include "rules/excitation_book.h"

namespace limn {
namespace {

const MethodInfo& info() {
  static const MethodInfo value{
      .name = "clrp",
      .title = "Contrastive LRP",
      .family = "relevance",
      .summary =
          "Relevance of the class minus that of the other classes (or of its negation), at "
          "equal sums; what only this class uses stays.",
      .formula = "R = max(0, M_t - M_c * sum(M_t) / sum(M_c))",
      .paper =
          "Gu, Yang, Tresp: Understanding Individual Decisions of CNNs via Contrastive "
          "Backpropagation, 2018",
      .aliases = {"contrastive-lrp"},
      .needs_bounds = true};
  return value;
}

Fields fields(ContrastiveOptions& o) {
  return {choice_field("type", o.type, {"type1", "type2"},
                       "the contrast; type1: all other classes; type2: the last layer negated")
              .also({"kind"}),
          choice_field("flavor", o.flavor, {"limn", "gu", "wjnam"}, "whose CLRP"),
          bool_field("clamp", o.clamp, "drop what speaks against the class (limn and gu)"),
          low_field(o),
          high_field(o),
          alpha_field(o),
          bool_field("reference", o.reference, "the authors' code: flavor gu")};
}

/// Seeds of the target and of the other classes.
std::pair<Tensor, Tensor> seeds_of(const Pass& pass, bool spread) {
  const Tensor& logits = pass.tape[pass.model.logits()];
  Tensors targets, others;
  for (const auto& objective : pass.objectives) {
    const Tensor one = target_class(objective), other = other_classes(objective);
    if (!spread) {
      targets.push_back(one * logits.abs());
      others.push_back(other * logits.abs());
      continue;
    }
    targets.push_back(one * logits);
    const Tensor score = targets.back().flatten(1).sum(1);
    const Tensor each = score / other.flatten(1).sum(1).clamp_min(1e-12);
    others.push_back(other * per_sample(each, other));
  }
  return {at::stack(targets), at::stack(others)};
}

/// max(0, D / max(D)) per sample of [S, N, ...].
Tensor displayed(const Tensor& difference) {
  const Tensor largest = difference.flatten(2).amax(2);
  std::vector<std::int64_t> shape(static_cast<std::size_t>(difference.dim()), 1);
  shape[0] = difference.size(0);
  shape[1] = difference.size(1);
  return (difference / largest.masked_fill(largest <= 0, 1).reshape(shape)).clamp_min(0);
}

/// M / sum(M) per sample, as the authors' difference has it: M_t - M_c ratio over sum(M_t).
Tensor over_sum(const Tensor& difference, const Tensor& target) {
  const Tensor sum = target.to(at::kDouble).flatten(2).sum(2);
  std::vector<std::int64_t> shape(static_cast<std::size_t>(target.dim()), 1);
  shape[0] = target.size(0);
  shape[1] = target.size(1);
  const Tensor divisor = sum.masked_fill(sum == 0, 1).to(target.scalar_type()).reshape(shape);
  return difference / divisor;
}

Backbone backbone_of(const ContrastiveOptions& o, const std::string& flavor, const Call& call) {
  if (flavor == "gu") return {gu_book(), BatchNorm::Keep};
  return flavor == "wjnam" ? wjnam_backbone(o) : limn_backbone(o, call);
}

std::vector<Explanation> explain(const ContrastiveOptions& o, const Call& call) {
  const std::string flavor = o.reference ? "gu" : o.flavor;
  const Backbone backbone = backbone_of(o, flavor, call);
  const Pass pass(call, backbone.batch_norm);
  if (call.options.start.defined()) return explain_start(pass, call, backbone.book, info());
  const bool dual = o.type == "type2" && flavor != "wjnam";
  if (dual) refuse_margins(pass, "type=type1");
  const auto [targets, others] = seeds_of(pass, flavor == "wjnam");
  ContrastWalk both =
      dual ? walk_dual(pass, call, backbone.book, walk_top(pass, call, backbone.book, targets))
           : walk_others(pass, call, backbone.book, targets, others);
  std::vector<std::vector<std::string>> notes;
  Tensor& map = both.target.relevance.at(pass.model.input());
  const Tensor target = map;
  Tensor difference = contrasted(target, both.contrast, notes);
  const bool clamp = o.clamp && flavor != "wjnam";
  if (flavor == "gu") difference = over_sum(difference, target);
  if (clamp) difference = flavor == "gu" ? displayed(difference) : difference.clamp_min(0);
  map = difference;
  auto all = pass.explanations(call, both.target, pass.model.input(), info());
  const char* const shows = flavor == "wjnam"
                                ? "the map starts from y_t, and red does not speak for the class"
                                : "the map starts from |y_t| and looks as if the class were seen";
  for (std::size_t s = 0; s < all.size(); ++s) {
    all[s].is_signed = !clamp;
    keep_parts(all[s], target, both.contrast, s);
    note_unpredicted(all[s], shows);
    all[s].notes.insert(all[s].notes.end(), notes[s].begin(), notes[s].end());
  }
  return all;
}

}  // namespace

MethodEntry method_clrp() {
  return define_method<ContrastiveOptions>(info(), fields, explain, "type");
}

}  // namespace limn
