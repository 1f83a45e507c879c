// Max-sensitivity: how much a map changes, relative to itself, when the input changes by at most
// `radius`; the largest of some samples, and their mean. Source: Yeh, Hsieh, Suggala, Inouye,
// Ravikumar, "On the (in)fidelity and sensitivity of explanations", 2019; Captum's sensitivity_max.
#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>

#include "base/counter_random.h"
#include "limn/faithfulness.h"
#include "methods/noise.h"
#include "metrics/metric_base.h"
#include "metrics/picture_scores.h"

namespace limn {
namespace {

void check(const Tensor& x, const Explanation& explanation, const SensitivityOptions& options) {
  if (x.dim() < 2 || x.size(0) != 1) {
    fail(ErrorCode::InvalidArgument, "sensitivity takes one input [1, ...], not ", x.sizes());
  }
  if (!(options.radius > 0) || !std::isfinite(options.radius) || options.samples < 1) {
    fail(ErrorCode::InvalidArgument, "radius=", options.radius, ", samples=", options.samples,
         ": give a radius above 0 and at least 1 sample");
  }
  check_batch("sensitivity", options.batch);
  if (!explanation.relevance.defined()) {
    fail(ErrorCode::InvalidArgument, "sensitivity compares with the map of x, and none is given");
  }
}

/// x + r_i; the same r_i in any batch and for every method.
Tensor moved(const Tensor& x, std::int64_t first, std::int64_t count, std::uint64_t seed,
             double radius) {
  Tensors some;
  for (std::int64_t i = first; i < first + count; ++i) {
    const std::uint64_t key = mix(mix(seed) ^ static_cast<std::uint64_t>(i));
    const Tensor noise = (2 * uniform_noise(key, x.sizes()) - 1) * radius;
    some.push_back(x + noise.to(x.options()));
  }
  return at::cat(some);
}

}  // namespace

Sensitivity sensitivity(const Model& model, const Method& method, const Tensor& x,
                        std::int64_t target, const Explanation& explanation,
                        const ExplainOptions& explain, const SensitivityOptions& options) {
  check(x, explanation, options);
  const Tensor before = explanation.map().narrow(0, 0, 1).to(at::kDouble);
  const double size = before.norm().item<double>();
  if (!(size > 0)) {
    fail(ErrorCode::Numerical,
         "the map is 0 everywhere: how much it changes cannot be said relative to it");
  }
  ExplainOptions again = explain;
  again.progress = {};
  again.record.clear();
  again.trace = false;
  const std::int64_t fixed = model.fixed_batch();
  const std::int64_t batch = fixed > 0 ? fixed : options.batch;
  Sensitivity out;
  for (std::int64_t first = 0; first < options.samples; first += batch) {
    const std::int64_t count = std::min(batch, options.samples - first);
    const Tensor some = moved(x, first, fixed > 0 ? fixed : count, explain.seed, options.radius);
    const Explanation after = method.explain(model, some, Target::of_class(target), again);
    const Tensor moves = after.map().narrow(0, 0, count).to(before.options()) - before;
    const Tensor change = (moves.flatten(1).norm(2, 1) / size).cpu();
    for (std::int64_t i = 0; i < count; ++i) {
      out.change.push_back(change[i].item<double>());
      out.max = std::max(out.max, out.change.back());
      out.mean += out.change.back() / static_cast<double>(options.samples);
    }
  }
  return out;
}

namespace {

struct Options {
  double radius = SensitivityOptions{}.radius;
  std::int64_t samples = SensitivityOptions{}.samples;
};

Fields fields(Options& o) {
  return {real_field("radius", o.radius, 1e-12, 1e6,
                     "largest change of an input value, in the model's input space"),
          integer_field("samples", o.samples, 1, 1'000'000, "changed inputs that are explained")};
}

Measurement measure(const Options& o, const MetricCase& one) {
  if (!one.method) return {.skipped = "the method is not at hand to explain again"};
  if (one.explanation.map()[0].count_nonzero().item<std::int64_t>() == 0) {
    return {.skipped = "the map is 0 everywhere: a relative change has no meaning"};
  }
  const Sensitivity got =
      sensitivity(one.model, *one.method, one.x, one.target, one.explanation, one.options,
                  {.radius = o.radius, .samples = o.samples, .batch = batch_of(one, 8)});
  return {.values = {{"max", got.max}, {"mean", got.mean}}, .curves = {{"change", got.change}}};
}

std::vector<double> summarize(const Options&, const std::vector<MetricRow>& rows) {
  return {mean_of(rows, "max"), mean_of(rows, "mean")};
}

}  // namespace

MetricEntry metric_sensitivity() {
  return define_metric<Options>(
      {.name = "sensitivity",
       .title = "Max-sensitivity",
       .summary = "How much the map changes when the picture hardly does.",
       .formula = "max over r in [-radius, radius] of |map(x + r) - map(x)| / |map(x)|",
       .paper = "Yeh, Hsieh, Suggala, Inouye, Ravikumar: On the (In)fidelity and Sensitivity of "
                "Explanations, 2019",
       .aliases = {"max-sensitivity", "sensitivity-max"},
       .columns = {{.name = "max",
                    .better = Better::Lower,
                    .low = 0,
                    .high = kInfinity,
                    .help = "mean of each map's largest relative change"},
                   {.name = "mean",
                    .better = Better::Lower,
                    .low = 0,
                    .high = kInfinity,
                    .help = "mean relative change"}},
       .needs_model = true,
       .needs_method = true},
      fields, measure, summarize);
}

}  // namespace limn
