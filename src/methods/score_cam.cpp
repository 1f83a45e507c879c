// Score-CAM: each channel of a layer, stretched to 0..1 and enlarged to the input's size, masks the
// input; the scores of the masked inputs, through a softmax over channels, weight the channels,
// S = max(0, sum_k w_k A_k). No gradient. The channels' masks of one picture go through in batches,
// which all targets share. Flavor pytorch-grad-cam (jacobgil@084273b): aligned corners, 1e-8 in the
// stretch. Source: Wang et al., "Score-CAM", 2020.
#include "methods/cam_base.h"
#include "methods/sampling.h"

namespace limn {
namespace {

const MethodInfo& info() {
  static const MethodInfo value{
      .name = "score-cam",
      .title = "Score-CAM",
      .family = "cam",
      .summary =
          "Channels weighted by the score that the picture keeps when only what the channel sees "
          "is shown: no gradients, one forward pass per channel.",
      .formula = "S = max(0, sum_k w_k A_k), w = softmax_k of the score of x * mask_k",
      .paper = "Wang, Wang, Du, Yang, Zhang, Ding, Mardziel, Hu: Score-CAM, 2020",
      .aliases = {"scorecam"},
      .needs_layer = true};
  return value;
}

/// One mask [K, 1, H, W] per channel of a [K, h, w], from 0 to 1; constant channels hide all.
Tensor masks_of(const CamOptions& o, const Tensor& channels, std::int64_t height,
                std::int64_t width) {
  const Tensor large = resize_bilinear(channels.unsqueeze(1), height, width, o.jacobgil());
  const Tensor lifted = large - large.amin({2, 3}, true);
  const Tensor highest = lifted.amax({2, 3}, true);
  if (o.jacobgil()) return lifted / (highest + 1e-8);
  return lifted / highest.masked_fill(highest == 0, 1);
}

/// The scores [S, N, K] of each sample behind each channel's mask.
Tensor masked_scores(const CamOptions& o, const Call& call, const Pass& pass, const Tensor& a) {
  const Tensor& x = pass.tape[pass.model.input()];
  std::vector<Tensors> parts(static_cast<std::size_t>(x.size(0)));
  for_each_sample(call, pass, a.size(1), [&](const SampleBatch& batch) {
    const Tensor channels = a[batch.sample].narrow(0, batch.first, batch.count);
    const Tensor masked = masks_of(o, channels, x.size(2), x.size(3)) * x[batch.sample];
    parts[static_cast<std::size_t>(batch.sample)].push_back(
        scores_of(pass.model, {{pass.model.input(), masked}}, batch.targets, call.options.score,
                  call.options.bfloat16));
  });
  return joined(parts);
}

std::vector<Explanation> explain(const CamOptions& o, const Call& call) {
  // Scores per layer, made at the first objective and shared by all.
  std::map<int, Tensor> scores;
  auto all = explain_cam(
      o, call,
      [&](const Pass& pass, const CamLayer& at, std::size_t objective) {
        Tensor& masked = scores[at.id.index];
        if (!masked.defined()) masked = masked_scores(o, call, pass, at.a);
        const Tensor w = at::softmax(masked[static_cast<std::int64_t>(objective)], 1);
        return (w.unsqueeze(2).unsqueeze(3) * at.a).sum(1, true);
      },
      false);
  for (auto& one : all) one.bfloat16 = call.options.bfloat16;
  return all;
}

}  // namespace

MethodEntry method_score_cam() {
  return define_method<CamOptions>(info(), cam_fields, explain, "layer");
}

}  // namespace limn
