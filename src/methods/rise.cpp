// RISE: random masks hide parts of the input; a place is as important as the probability is high
// while it is visible, S(u) = E[f(x * M) M(u)] / p, over masks M of random cells kept with
// probability p. Masked places are zero in the model's input space. Every target shares the passes;
// estimators and stopping: mask_estimate.h. Flavor torchray (facebookresearch/TorchRay@6a198ee):
// slightly larger cells, sigmoid outputs, no division by p. Source: Petsiuk, Das, Saenko, "RISE",
// 2018; eclique/RISE@d91ea00.
#include "methods/mask_estimate.h"
#include "methods/sampling.h"

namespace limn {
namespace {

struct RiseOptions {
  MaskSampling masks;
  std::string output = "auto", flavor = "original";
};

const MethodInfo& info() {
  static const MethodInfo value{
      .name = "rise",
      .title = "RISE",
      .family = "perturbation",
      .summary =
          "How probable the class is, on average, while a place is visible behind random "
          "masks; with its standard error.",
      .formula = "S(u) = E[f(x * M) M(u)] / p",
      .paper = "Petsiuk, Das, Saenko: RISE, 2018",
      .aliases = {},
      .deterministic = false,
      .anytime = true,
      .extra_maps = {"standard-error"}};
  return value;
}

Fields fields(RiseOptions& o) {
  Fields all = mask_fields(o.masks);
  all.push_back(choice_field("output", o.output, {"auto", "softmax", "sigmoid", "score"},
                             "f: the class's probability (auto: as the model's outputs are meant; "
                             "torchray: sigmoid) or the call's score"));
  all.push_back(
      choice_field("flavor", o.flavor, {"original", "torchray"}, "whose masks and scale"));
  return all;
}

/// The model whose probabilities f is.
Model scorer(const RiseOptions& o, const Model& model) {
  const bool sigmoid = o.output == "sigmoid" || (o.output == "auto" && o.flavor == "torchray");
  if (sigmoid) return model.with_output(OutputKind::MultiLabel);
  return o.output == "softmax" ? model.with_output(OutputKind::SingleLabel) : model;
}

std::vector<Explanation> explain(const RiseOptions& o, const Call& call) {
  need_places(call.x, "masks");
  const Pass pass(call, BatchNorm::Free);
  const Model model = scorer(o, pass.model);
  const ValueId input = pass.model.input();
  const Tensor& x = pass.tape[input];
  const ScoreKind kind = o.output == "score" ? call.options.score : ScoreKind::Probability;
  const std::int64_t batch = inner_batch(pass.model, pass.tape, call.options);
  const std::int64_t samples = x.size(0);
  std::vector<MaskEstimate> estimates;
  for (std::int64_t n = 0; n < samples; ++n) {
    const std::vector<Target> targets = fixed_targets(pass.objectives, n);
    ExplainOptions options = call.options;
    options.progress = progress_of_sample(call.options, n, samples);
    estimates.push_back(estimate_with_masks(o.masks, o.flavor, x.size(2), x.size(3), x.options(),
                                            batch, options, [&](const Tensor& masks) {
                                              return scores_of(
                                                  model, {{input, x[n] * masks.unsqueeze(1)}},
                                                  targets, kind, call.options.bfloat16);
                                            }));
  }
  const double scale = o.flavor == "torchray" ? o.masks.p : 1;
  std::vector<Explanation> all;
  for (std::size_t s = 0; s < pass.objectives.size(); ++s) {
    Explanation one = around(pass, s, Tensor(), false);
    put_estimates(one, estimates, o.masks, s, scale);
    one.bfloat16 = call.options.bfloat16;
    note_degenerate(one);
    all.push_back(std::move(one));
  }
  return all;
}

}  // namespace

MethodEntry method_rise() {
  return with_bare_until(define_method<RiseOptions>(info(), fields, explain));
}

}  // namespace limn
