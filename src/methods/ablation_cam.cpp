// Ablation-CAM: a channel weighs what the score loses when it is set to zero,
// w_k = (y - y without k) / |y|, S = max(0, sum_k w_k A_k). No gradient. Only what lies behind the
// layer runs again. Flavor pytorch-grad-cam (jacobgil@084273b): divides by y itself, and where the
// layer's minimum is not zero a channel is set to 1e7 below the lowest value so far in its batch of
// 32, which falls from channel to channel. Source: Desai, Ramaswamy, "Ablation-CAM", 2020.
#include "methods/cam_base.h"
#include "methods/contrast.h"
#include "methods/sampling.h"
#include "rules/basic_rules.h"

namespace limn {
namespace {

constexpr std::int64_t kBatchOfJacobgil = 32;

const MethodInfo& info() {
  static const MethodInfo value{
      .name = "ablation-cam",
      .title = "Ablation-CAM",
      .family = "cam",
      .summary =
          "Channels weighted by what the score loses without them: no gradients, one run of the "
          "layers behind per channel.",
      .formula = "S = max(0, sum_k w_k A_k), w_k = (y - y without channel k) / |y|",
      .paper = "Desai, Ramaswamy: Ablation-CAM, 2020",
      .aliases = {"ablationcam"},
      .needs_layer = true};
  return value;
}

/// Copies of a [K, h, w], one per channel from `first`, each without its channel.
Tensor ablated(const CamOptions& o, const Tensor& a, std::int64_t first, std::int64_t count) {
  Tensor copies = a.unsqueeze(0).repeat({count, 1, 1, 1});
  double lowest = a.min().item<double>();
  for (std::int64_t i = 0; i < count; ++i) {
    if (o.jacobgil() && lowest != 0) lowest -= 1e7;
    copies[i][first + i].fill_(o.jacobgil() ? lowest : 0);
  }
  return copies;
}

/// The scores [S, N, K] of each sample without each channel of `layer`.
Tensor ablated_scores(const CamOptions& o, const Call& call, const Pass& pass,
                      const CamLayer& layer) {
  const Model& model = pass.model;
  const Tensor& x = pass.tape[model.input()];
  const bool around = goes_around(model.graph(), model.logits(), model.input(), layer.id);
  ExplainOptions options = call.options;
  if (o.jacobgil()) options.batch = kBatchOfJacobgil;
  const Call batched{call.model, call.x, call.targets, options};
  std::vector<Tensors> parts(static_cast<std::size_t>(x.size(0)));
  for_each_sample(batched, pass, layer.a.size(1), [&](const SampleBatch& batch) {
    std::vector<std::pair<ValueId, Tensor>> given = {
        {layer.id, ablated(o, layer.a[batch.sample], batch.first, batch.count)}};
    if (around) {
      given.emplace_back(model.input(),
                         x[batch.sample].unsqueeze(0).repeat({batch.count, 1, 1, 1}));
    }
    parts[static_cast<std::size_t>(batch.sample)].push_back(
        scores_of(model, given, batch.targets, call.options.score));
  });
  return joined(parts);
}

std::vector<Explanation> explain(const CamOptions& o, const Call& call) {
  // Scores per layer, made at the first objective and shared by all.
  std::map<int, Tensor> scores;
  return explain_cam(
      o, call,
      [&](const Pass& pass, const CamLayer& at, std::size_t objective) {
        Tensor& all = scores[at.id.index];
        if (!all.defined()) all = ablated_scores(o, call, pass, at);
        const Tensor y = pass.objectives[objective].score.unsqueeze(1);
        const Tensor lost = y - all[static_cast<std::int64_t>(objective)];
        const Tensor w = safe_divide(lost, o.jacobgil() ? y : y.abs());
        return (w.unsqueeze(2).unsqueeze(3) * at.a).sum(1, true);
      },
      false);
}

}  // namespace

MethodEntry method_ablation_cam() {
  return define_method<CamOptions>(info(), cam_fields, explain, "layer");
}

}  // namespace limn
