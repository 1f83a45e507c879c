// Smooth Grad-CAM++: Grad-CAM++ with gradients averaged over noisy copies of the picture, in each
// power apart: with D_i = mean over copies of g^i, alpha = D2 / (2 D2 + sum_v A_k(v) D3),
// w_k = sum_u alpha max(D1, 0), S = max(0, sum_k w_k A_k). Noise is Gaussian with sigma times each
// picture's range as its deviation, the same for every picture of a batch. Source: Omeiza,
// Speakman, Cintas, Weldermariam, "Smooth Grad-CAM++", 2019.
#include "methods/cam_base.h"
#include "methods/noise.h"
#include "methods/sampling.h"
#include "rules/basic_rules.h"
#include "rules/composites.h"

namespace limn {
namespace {

struct SmoothOptions : CamOptions {
  std::int64_t n = 25;
  double sigma = 0.15;
};

const MethodInfo& info() {
  static const MethodInfo value{
      .name = "smooth-grad-cam++",
      .title = "Smooth Grad-CAM++",
      .family = "cam",
      .summary = "Grad-CAM++ with gradients averaged over noisy copies: steadier maps.",
      .formula = "w_k = sum_u D2 / (2 D2 + sum_v A_k(v) D3) max(D1, 0), D_i = mean of g^i",
      .paper = "Omeiza, Speakman, Cintas, Weldermariam: Smooth Grad-CAM++, 2019",
      .aliases = {"smooth-gradcam++", "smooth-grad-cam-plusplus"},
      .deterministic = false,
      .needs_layer = true};
  return value;
}

Fields fields(SmoothOptions& o) {
  Fields all = cam_fields(o);
  all.push_back(integer_field("n", o.n, 1, 100000, "noisy copies").also({"n-samples"}));
  all.push_back(real_field("sigma", o.sigma, 0, 10,
                           "the noise's deviation as a share of the picture's range"));
  return all;
}

/// Sums over copies of g, g^2 and g^3 per sample, [S, K, h, w] each.
std::vector<Tensors> powers(const SmoothOptions& o, const Call& call, const Pass& pass,
                            ValueId layer) {
  const Tensor& x = pass.tape[pass.model.input()];
  const std::string name = pass.model.graph().value(layer).name;
  std::vector<Tensors> all(static_cast<std::size_t>(x.size(0)), Tensors(3));
  for_each_sample(call, pass, o.n, [&](const SampleBatch& batch) {
    const Tensor one = x[batch.sample];
    const double deviation = o.sigma * (one.max() - one.min()).item<double>();
    const Tensor copies = noisy_copies(one, deviation, call.options, batch.first, batch.count);
    const Call noisy{call.model, copies, batch.targets, batch.options};
    const Pass inner(noisy, BatchNorm::Free, {name});
    const ValueId at = inner.model.graph().at(name);
    const WalkResult walked = inner.walk_from(noisy, gradient_book(), inner.gradients(noisy), {at});
    const Tensor& g = walked.relevance.at(at);
    Tensors& sums = all[static_cast<std::size_t>(batch.sample)];
    for (std::size_t power = 0; power < 3; ++power) {
      const Tensor sum = g.pow(static_cast<double>(power + 1)).sum(1);
      sums[power] = sums[power].defined() ? sums[power] + sum : sum;
    }
  });
  return all;
}

std::vector<Explanation> explain(const SmoothOptions& o, const Call& call) {
  if (o.layer.size() > 1) fail(ErrorCode::InvalidArgument, "smooth-grad-cam++ reads one layer");
  std::vector<Tensors> samples;
  return explain_cam(
      o, call,
      [&](const Pass& pass, const CamLayer& at, std::size_t objective) {
        if (samples.empty()) samples = powers(o, call, pass, at.id);
        Tensors d;
        for (std::size_t power = 0; power < 3; ++power) {
          Tensors all;
          for (const auto& sums : samples) {
            all.push_back(sums[power][static_cast<std::int64_t>(objective)]);
          }
          d.push_back(at::stack(all) / static_cast<double>(o.n));
        }
        const Tensor below = 2 * d[1] + at.a.sum({2, 3}, true) * d[2];
        const Tensor w = (safe_divide(d[1], below) * d[0].clamp_min(0)).sum({2, 3}, true);
        return (w * at.a).sum(1, true);
      },
      false);
}

}  // namespace

MethodEntry method_smooth_grad_cam_plus_plus() {
  return define_method<SmoothOptions>(info(), fields, explain, "layer");
}

}  // namespace limn
