// LRP: the score is handed back layer by layer, each layer sharing what it receives among its
// inputs by a rule, so that relevance is (nearly) conserved: R_j = sum_k share_jk R_k. Which rule
// where is the composite's choice (Zennit's names); batch norm is folded into its convolution
// first. Flavors: zennit (chr5tphr/zennit@3121bb2: merges convolution-then-norm pairs only), wjnam
// (wjNam/Relative_Attributing_Propagation@7fa9682), toolbox
// (sebastian-lapuschkin/lrp_toolbox@1c9efda). Source: Bach et al., "On Pixel-Wise Explanations",
// 2015; Montavon et al., "LRP: An Overview", 2019.
#include <fstream>
#include <sstream>

#include "methods/contrast.h"
#include "methods/method_base.h"
#include "rules/composites.h"
#include "rules/reference_books.h"

namespace limn {
namespace {

struct LrpOptions {
  std::string composite = "auto";
  std::string flavor = "limn";
  std::string rules;
  std::string batch_norm = "auto";
  std::string seed = "score";
  std::vector<double> low, high;
  double epsilon = 1e-6, gamma = 0.25, stabilizer = 1e-6, alpha = 1;
  std::string gate = "none";
  std::string rule = "simple";
  std::string variant = "original";
  std::string first_conv = "auto";
  bool subtract_mean = false;
  std::string contrast = "none";
};

const MethodInfo& info() {
  static const MethodInfo value{
      .name = "lrp",
      .title = "Layer-wise relevance propagation",
      .family = "relevance",
      .summary = "Hands the score back layer by layer, so that the map sums to it.",
      .formula = "R_j = sum_k share_jk R_k, the share by each layer's rule",
      .paper =
          "Bach, Binder, Montavon, Klauschen, Mueller, Samek: On Pixel-Wise Explanations, 2015",
      .aliases = {"layer-wise-relevance-propagation"},
      .signed_map = true,
      .conserves = true,
      .needs_bounds = true};
  return value;
}

std::vector<std::string> composite_choices() {
  std::vector<std::string> names = composite_names();
  names.insert(names.begin(), "auto");
  return names;
}

Fields fields(LrpOptions& o) {
  return {
      choice_field("composite", o.composite, composite_choices(),
                   "which rule where; auto: epsilon-gamma-box where the input's bounds are known "
                   "and no batch norm precedes its convolution, else epsilon-plus"),
      choice_field("flavor", o.flavor, {"limn", "zennit", "wjnam", "toolbox"}, "whose LRP"),
      text_field("rules", o.rules,
                 "file of `SELECTOR RULE key=value` lines that overrule the composite"),
      choice_field(
          "batch-norm", o.batch_norm, {"auto", "fold", "conv", "pass"},
          "fold: wherever exact; conv: convolution-then-norm only; pass: relevance passes"),
      choice_field("seed", o.seed, {"score", "one-hot"}, "what starts at the logits"),
      reals_field("low", o.low, "lowest input values per channel for zB; default: preprocessing"),
      reals_field("high", o.high, "highest input values per channel for zB"),
      real_field("epsilon", o.epsilon, 0, kInfinity, "of the epsilon rule (toolbox: 0.01 is usual)")
          .also({"eps"}),
      real_field("gamma", o.gamma, 0, kInfinity, "of the gamma rule"),
      real_field("stabilizer", o.stabilizer, 0, kInfinity, "of all other rules' denominators"),
      real_field("alpha", o.alpha, 1, kInfinity, "of flavors wjnam and toolbox; beta = alpha - 1"),
      choice_field("gate", o.gate, {"none", "half"}, "what a sigmoid or softmax factor receives"),
      choice_field("rule", o.rule, {"simple", "epsilon", "alpha-beta", "flat", "w^2"},
                   "of flavor toolbox, in every layer"),
      choice_field("variant", o.variant, {"original", "ucag"}, "of flavor wjnam: how it divides"),
      choice_field("first-conv", o.first_conv, {"auto", "yes", "no"},
                   "of flavor wjnam: whether the first convolution gets zB; auto: if it has three "
                   "channels"),
      choice_field("contrast", o.contrast, {"none", "others", "dual"},
                   "relevance of what is subtracted, scaled to the same sum; others: the score "
                   "spread over all other classes; dual: the last linear layer negated"),
      bool_field("subtract-mean", o.subtract_mean,
                 "of flavor wjnam: remove each map's mean at the end"),
  };
}

/// Bounds of the input: the option's, else what the preprocessing tells.
CompositeOptions numbers(const LrpOptions& o, const Call& call) {
  CompositeOptions out{.epsilon = o.epsilon,
                       .gamma = o.gamma,
                       .stabilizer = o.stabilizer,
                       .low = o.low,
                       .high = o.high,
                       .gate_half = o.gate == "half"};
  const Preprocessing& preprocessing = call.model.preprocessing();
  const bool fits =
      call.x.dim() == 4 && static_cast<std::int64_t>(preprocessing.mean.size()) == call.x.size(1);
  if (preprocessing.known && fits) {
    if (out.low.empty()) out.low = preprocessing.low();
    if (out.high.empty()) out.high = preprocessing.high();
  }
  return out;
}

std::string read_text(const std::string& path) {
  std::ifstream file(path);
  std::ostringstream text;
  if (!file || !(text << file.rdbuf())) {
    fail(ErrorCode::NotFound, "cannot read the rules file \"", path, "\"");
  }
  return text.str();
}

/// Whether batch norm stands before its convolution (DenseNet): then concatenations carry values of
/// both signs whose shift the norm moves, and the gamma rule's denominators come close to zero.
bool norm_before_convolution(const Graph& graph) {
  for (const auto& node : graph.nodes()) {
    if (node.op != "BatchNormalization") continue;
    const NodeId producer = graph.value(node.inputs.front()).producer;
    if (producer && !is_weighted(graph.node(producer))) return true;
  }
  return false;
}

struct Choice {
  std::string composite, why;
};

/// The composite's name, resolved from `auto`, and the reason in words.
Choice choose(const LrpOptions& o, const CompositeOptions& values, const Graph& graph) {
  if (o.composite != "auto") return {o.composite, ""};
  if (values.low.empty() || values.high.empty()) {
    return {"epsilon-plus", "the input's bounds are not known"};
  }
  if (norm_before_convolution(graph)) {
    return {"epsilon-plus", "gamma is unstable where batch norm precedes its convolution"};
  }
  return {"epsilon-gamma-box", "the input's bounds are known"};
}

RuleBook book_for(const LrpOptions& o, const CompositeOptions& values,
                  const std::string& composite_name) {
  if (o.flavor == "wjnam") {
    return wjnam_book({.alpha = o.alpha,
                       .division = o.variant == "ucag" ? Division::Ucag : Division::Safe,
                       .first_convolution = o.first_conv});
  }
  if (o.flavor == "toolbox") {
    return toolbox_book({.rule = o.rule, .alpha = o.alpha, .epsilon = o.epsilon});
  }
  RuleBook book = composite(composite_name, values);
  if (!o.rules.empty()) add_rules(book, read_text(o.rules), o.rules, values);
  return book;
}

BatchNorm batch_norm_for(const LrpOptions& o) {
  if (o.batch_norm == "fold") return BatchNorm::Fold;
  if (o.batch_norm == "conv") return BatchNorm::FoldConvolutions;
  if (o.batch_norm == "pass") return BatchNorm::Keep;
  if (o.flavor == "limn") return BatchNorm::Fold;
  return o.flavor == "zennit" ? BatchNorm::FoldConvolutions : BatchNorm::Keep;
}

/// The same rules with z+ at the last linear layer: epsilon, which divides by z, cannot tell w from
/// -w, so that a dual through it would equal its target.
RuleBook top_book(const LrpOptions& o, const CompositeOptions& values, const RuleBook& book) {
  const bool composite_rules = o.flavor == "limn" || o.flavor == "zennit";
  return composite_rules && o.rules.empty() ? composite("excitation-backprop", values) : book;
}

/// Seeds of each target's class and of the others, which share its seed among them.
std::pair<Tensor, Tensor> target_and_others(const LrpOptions& o, const Pass& pass) {
  Tensors targets, others;
  for (const auto& objective : pass.objectives) {
    const Tensor one = target_class(objective), other = other_classes(objective);
    targets.push_back(o.seed == "score" ? objective.relevance * (one > 0) : one);
    const Tensor count = other.flatten(1).sum(1);
    const Tensor each = targets.back().flatten(1).sum(1) / count.clamp_min(1e-12);
    others.push_back(other * per_sample(each, other));
  }
  return {at::stack(targets), at::stack(others)};
}

/// Both walks of lrp(contrast=...).
ContrastWalk walk_contrast(const LrpOptions& o, const CompositeOptions& values, const Pass& pass,
                           const Call& call, const RuleBook& book) {
  if (o.contrast == "others") {
    const auto [target, others] = target_and_others(o, pass);
    return walk_others(pass, call, book, target, others);
  }
  refuse_margins(pass, "contrast=others");
  const Tensor seeds = o.seed == "score" ? pass.relevances(call) : pass.gradients(call);
  TopMessages top = walk_top(pass, call, top_book(o, values, book), seeds);
  const double difference = (top.target - top.dual).abs().max().item<double>();
  if (difference <= 1e-3 * top.target.abs().max().item<double>() && difference >= 0 &&
      top.target.abs().max().item<double>() > 0) {
    fail(ErrorCode::InvalidArgument,
         "contrast=dual: the last linear layer's rule cannot tell its weights from their negation; "
         "give it z+ or alpha-beta (`last z+` in the rules file)");
  }
  return walk_dual(pass, call, book, std::move(top));
}

std::vector<Explanation> explain(const LrpOptions& o, const Call& call) {
  const CompositeOptions values = numbers(o, call);
  const Choice choice = choose(o, values, call.model.graph());
  const RuleBook book = book_for(o, values, choice.composite);
  const Pass pass(call, batch_norm_for(o));
  book.check_names(call.model.graph(), pass.model.graph());
  const ValueId at = pass.model.input();
  const bool contrastive = o.contrast != "none" && !call.options.start.defined();
  WalkResult result;
  std::vector<std::vector<std::string>> notes(pass.objectives.size());
  if (contrastive) {
    ContrastWalk both = walk_contrast(o, values, pass, call, book);
    result = std::move(both.target);
    result.relevance[at] = contrasted(result.relevance.at(at), both.contrast, notes);
  } else {
    const Tensor seeds = o.seed == "score" ? pass.relevances(call) : pass.gradients(call);
    result = pass.walk_from(call, book, seeds, {at});
  }
  auto all = pass.explanations(call, result, at, info());
  for (std::size_t s = 0; s < all.size(); ++s) {
    Explanation& one = all[s];
    if (o.seed != "score" || call.options.start.defined() || contrastive) one.gap = Tensor();
    if (o.subtract_mean) {
      one.relevance = one.relevance - one.relevance.mean({1, 2, 3}, true);
      one.gap = Tensor();
    }
    if (o.flavor == "limn" && o.composite == "auto") {
      one.notes.push_back("composite " + choice.composite + ": " + choice.why);
    }
    if (contrastive) {
      note_unpredicted(one, o.seed == "score"
                                ? "the map starts from it, and red does not speak for the class"
                                : "the map starts from 1 and looks as if the class were seen");
    }
    if (o.contrast != "none" && !contrastive) one.notes.push_back(kNoContrastOfStart);
    one.notes.insert(one.notes.end(), notes[s].begin(), notes[s].end());
  }
  return all;
}

}  // namespace

MethodEntry method_lrp() { return define_method<LrpOptions>(info(), fields, explain, "composite"); }

}  // namespace limn
