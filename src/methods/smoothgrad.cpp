// SmoothGrad: a method's maps of many noisy copies of the input, averaged: S = mean_i M(x + e_i).
// kind=squared is the mean of the squares, kind=variance (VarGrad) mean(M^2) - mean(M)^2. The
// noise is Gaussian; `sigma` is a share of each sample's range. Flavors: captum (pytorch@faac080,
// NoiseTunnel) takes sigma as it is; fullgrad-saliency (idiap@7c106b3) ends with sum_c |S|.
// Sources: Smilkov et al., "SmoothGrad", 2017; Hooker et al., 2019 (squared); Adebayo et al., 2018
// (variance).
#include "base/counter_random.h"
#include "methods/noise.h"
#include "methods/sampling.h"

namespace limn {
namespace {

struct SmoothGradOptions {
  InnerMethod method;
  std::int64_t n = 50;
  double sigma = 0.15;
  std::string kind = "mean";
  std::string flavor = "limn";
};

const MethodInfo& info() {
  static const MethodInfo value{
      .name = "smoothgrad",
      .title = "SmoothGrad",
      .family = "gradient",
      .summary = "Any method's maps of many noisy copies of the input, averaged.",
      .formula =
          "S = mean over i of M(x + sigma e_i), e_i Gaussian; or the mean of squares, or the "
          "variance",
      .paper = "Smilkov, Thorat, Kim, Viegas, Wattenberg: SmoothGrad, 2017",
      .aliases = {"smooth-grad", "noise-tunnel", "vargrad", "smoothgrad-squared"},
      .deterministic = false};
  return value;
}

Fields fields(SmoothGradOptions& o) {
  return {method_field("method", o.method, "what explains each copy"),
          integer_field("n", o.n, 1, 100000, "noisy copies").also({"nt-samples", "n-samples"}),
          real_field("sigma", o.sigma, 0, kInfinity,
                     "standard deviation of the noise, as a share of each sample's range (captum: "
                     "as it is)")
              .also({"stdevs", "std-spread", "noise"}),
          choice_field("kind", o.kind, {"mean", "squared", "variance"}, "what becomes of the maps")
              .also({"nt-type"}),
          choice_field("flavor", o.flavor, {"limn", "captum", "fullgrad-saliency"},
                       "whose noise and reduction")};
}

/// Mean and variance of one objective's maps of one sample, streaming; values count from the first
/// map, so that maps that hardly differ lose no digits.
struct Moments {
  Tensor first, sum, squares;

  void add(const Tensor& maps) {
    if (!first.defined()) {
      first = maps[0].to(at::kDouble);
      sum = at::zeros_like(first);
      squares = at::zeros_like(first);
    }
    const Tensor apart = maps.to(at::kDouble) - first;
    sum += apart.sum(0);
    squares += apart.square().sum(0);
  }
  Tensor result(const std::string& kind, double n) const {
    const Tensor mean = first + sum / n;
    if (kind == "mean") return mean;
    const Tensor variance = (squares / n - (sum / n).square()).clamp_min(0);
    return kind == "variance" ? variance : variance + mean.square();
  }
};

std::int64_t copies(const SmoothGradOptions& o, const Call& call) {
  const Tensor& noise = call.options.noise;
  if (!noise.defined()) return o.n;
  if (noise.dim() != call.x.dim() || noise.size(0) < 1 ||
      noise.sizes().slice(1) != call.x.sizes().slice(1)) {
    fail(ErrorCode::InvalidArgument, "the given noise has shape ", noise.sizes(), ", the input ",
         call.x.sizes(), "; give [copies, C, H, W]");
  }
  return noise.size(0);
}

std::vector<Explanation> explain(const SmoothGradOptions& o, const Call& call) {
  const std::int64_t n = copies(o, call);
  const Pass pass(call, BatchNorm::Free);
  const Tensor& x = pass.tape[pass.model.input()];
  const std::size_t targets = pass.objectives.size();
  const auto samples = static_cast<std::size_t>(x.size(0));
  std::vector<std::vector<Moments>> moments(targets, std::vector<Moments>(samples));
  std::vector<Explanation> all(targets);
  for_each_sample(call, pass, n, [&](const SampleBatch& batch) {
    const Tensor one = x[batch.sample];
    const double range = (one.max() - one.min()).item<double>();
    const double scale = o.flavor == "captum" ? o.sigma : o.sigma * range;
    const Tensor noisy = noisy_copies(one, scale, call.options, batch.first, batch.count);
    const auto maps = o.method.get().explain(call.model, noisy, batch.targets, batch.options);
    for (std::size_t s = 0; s < targets; ++s) {
      moments[s][static_cast<std::size_t>(batch.sample)].add(maps[s].relevance);
      if (batch.first == 0 && batch.sample == 0) all[s] = maps[s];
    }
  });
  for (std::size_t s = 0; s < targets; ++s) {
    Tensors results;
    for (const auto& of : moments[s]) results.push_back(of.result(o.kind, static_cast<double>(n)));
    Tensor map = at::stack(results);
    const Explanation inner = std::move(all[s]);
    const bool absolute = o.flavor == "fullgrad-saliency";
    if (absolute) map = map.abs().sum(1, true);
    all[s] =
        around(pass, s, map.to(x.scalar_type()), inner.is_signed && o.kind == "mean" && !absolute);
    all[s].at = inner.at;
    all[s].layer = inner.layer;
    all[s].bfloat16 = inner.bfloat16;
    all[s].reduction = absolute ? "sum" : inner.reduction;
    for (const auto& note : inner.notes) all[s].notes.push_back("the first noisy copies: " + note);
  }
  return all;
}

}  // namespace

MethodEntry method_smoothgrad() {
  MethodEntry entry = define_method<SmoothGradOptions>(info(), fields, explain, "method");
  // The names that stand for a kind.
  entry.make = [make = entry.make](const Spec& spec) {
    const std::string name = canonical_name(spec.name);
    Spec full = spec;
    if (name == "vargrad") full.arguments.push_back({"kind", {Spec::parse("variance")}});
    if (name == "smoothgrad-squared") full.arguments.push_back({"kind", {Spec::parse("squared")}});
    return make(full);
  };
  return entry;
}

}  // namespace limn
