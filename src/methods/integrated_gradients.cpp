// Integrated gradients: the gradient averaged along the straight way from a baseline x' to x, times
// the way: S = (x - x') * integral over a in 0..1 of grad f(x' + a (x - x')). The map sums to
// f(x) - f(x'), up to the quadrature's error, which is the stored gap. Source: Sundararajan, Taly,
// Yan, "Axiomatic Attribution for Deep Networks", 2017; quadratures as pytorch/captum@faac080,
// whose Riemann trapezoid (`reference=true`) has weights that sum to (n - 1) / n.
#include <cmath>

#include "methods/baseline.h"
#include "methods/sampling.h"
#include "rules/composites.h"

namespace limn {
namespace {

struct IntegratedGradientsOptions {
  std::int64_t n = 50;
  std::string quadrature = "gausslegendre";
  std::string baseline = "zero";
  bool multiply_by_inputs = true;
  bool reference = false;
};

const MethodInfo& info() {
  static const MethodInfo value{
      .name = "integrated-gradients",
      .title = "Integrated gradients",
      .family = "gradient",
      .summary = "The gradient averaged on the way from a baseline to the input, times the way.",
      .formula = "S = (x - x') * mean over a in 0..1 of the gradient at x' + a (x - x')",
      .paper = "Sundararajan, Taly, Yan: Axiomatic Attribution for Deep Networks, 2017",
      .aliases = {"ig", "integratedgradients", "integrated-gradient"},
      .signed_map = true,
      .complete = true};
  return value;
}

Fields fields(IntegratedGradientsOptions& o) {
  return {integer_field("n", o.n, 1, 10000, "points on the way").also({"n-steps", "steps"}),
          choice_field("quadrature", o.quadrature,
                       {"gausslegendre", "riemann-trapezoid", "riemann-left", "riemann-right",
                        "riemann-middle"},
                       "which points, with which weights")
              .also({"method"}),
          baseline_field(o.baseline).also({"baselines"}),
          bool_field("multiply-by-inputs", o.multiply_by_inputs,
                     "times x - x'; else the averaged gradient alone"),
          bool_field("reference", o.reference, "Captum's weights of the Riemann trapezoid")};
}

struct Quadrature {
  std::vector<double> nodes, weights;  ///< on 0..1
};

/// Roots of the Legendre polynomial P_n by Newton's method; weights 2 / ((1 - t^2) P_n'(t)^2).
Quadrature gauss_legendre(std::int64_t n) {
  Quadrature rule;
  const auto count = static_cast<double>(n);
  for (std::int64_t i = 0; i < n; ++i) {
    double t = -std::cos(M_PI * (static_cast<double>(i) + 0.75) / (count + 0.5)), slope = 1;
    for (int step = 0; step < 100; ++step) {
      double before = 1, value = t;
      for (std::int64_t k = 2; k <= n; ++k) {
        const auto degree = static_cast<double>(k);
        const double next = ((2 * degree - 1) * t * value - (degree - 1) * before) / degree;
        before = value;
        value = next;
      }
      slope = count * (t * value - before) / (t * t - 1);
      const double change = value / slope;
      t -= change;
      if (std::abs(change) < 1e-15) break;
    }
    rule.nodes.push_back((1 + t) / 2);
    rule.weights.push_back(1 / ((1 - t * t) * slope * slope));
  }
  return rule;
}

Quadrature quadrature(const IntegratedGradientsOptions& o) {
  if (o.quadrature == "gausslegendre") return gauss_legendre(o.n);
  const bool trapezoid = o.quadrature == "riemann-trapezoid";
  if (trapezoid && o.n < 2) {
    fail(ErrorCode::InvalidArgument,
         "quadrature=riemann-trapezoid needs both ends; take n=2 or more, or riemann-middle");
  }
  const auto n = static_cast<double>(o.n);
  const double steps = trapezoid ? n - 1 : n;
  const double shift = o.quadrature == "riemann-right"    ? 1
                       : o.quadrature == "riemann-middle" ? 0.5
                                                          : 0;
  Quadrature rule;
  rule.weights.assign(static_cast<std::size_t>(o.n), 1 / (trapezoid && !o.reference ? steps : n));
  for (std::int64_t i = 0; i < o.n; ++i) {
    rule.nodes.push_back((static_cast<double>(i) + shift) / steps);
  }
  if (trapezoid) {
    rule.weights.front() /= 2;
    rule.weights.back() /= 2;
  }
  return rule;
}

std::vector<Explanation> explain(const IntegratedGradientsOptions& o, const Call& call) {
  const Quadrature rule = quadrature(o);
  const Pass pass(call, BatchNorm::Free);
  const Tensor& x = pass.tape[pass.model.input()];
  const Tensor baseline = baseline_of(o.baseline, call, x);
  const auto targets = static_cast<std::int64_t>(pass.objectives.size());
  std::vector<std::int64_t> sizes = x.sizes().vec();
  sizes.insert(sizes.begin(), targets);
  Tensor mean = at::zeros(sizes, x.options());
  const Tensor nodes = at::tensor(rule.nodes, at::kDouble).to(x.options());
  const Tensor weights = at::tensor(rule.weights, at::kDouble).to(x.options());
  WalkResult last;
  for_each_sample(call, pass, o.n, [&](const SampleBatch& batch) {
    const Tensor from = baseline.slice(0, batch.sample, batch.sample + 1);
    const Tensor way = x.slice(0, batch.sample, batch.sample + 1) - from;
    std::vector<std::int64_t> each(static_cast<std::size_t>(x.dim()), 1);
    each[0] = batch.count;
    const auto part = [&](const Tensor& all) {
      return all.slice(0, batch.first, batch.first + batch.count);
    };
    const Tensor points = from + part(nodes).reshape(each) * way;
    const Call inner{call.model, points, batch.targets, batch.options};
    const Pass along(inner, BatchNorm::Free);
    const ValueId input = along.model.input();
    last = along.walk_from(inner, gradient_book(), along.gradients(inner), {input});
    const Tensor gradients = last.relevance.at(input).reshape({targets, batch.count, -1});
    Tensor sum = mean.select(1, batch.sample);
    sum += at::matmul(part(weights), gradients).reshape(sum.sizes());
  });
  std::vector<Explanation> all;
  for (std::size_t s = 0; s < pass.objectives.size(); ++s) {
    Tensor map = mean[static_cast<std::int64_t>(s)];
    if (o.multiply_by_inputs) map = map * (x - baseline);
    all.push_back(around(pass, s, map, true));
    note_fallbacks(all.back(), last);
  }
  if (!o.multiply_by_inputs) return all;
  for (std::int64_t n = 0; n < x.size(0); ++n) {
    const Tensor nothing =
        scores_of(pass.model, {{pass.model.input(), baseline.slice(0, n, n + 1)}},
                  fixed_targets(pass.objectives, n), call.options.score);
    for (std::size_t s = 0; s < all.size(); ++s) {
      if (n == 0) all[s].gap = at::zeros({x.size(0)}, at::kDouble);
      const Tensor change =
          (all[s].score[n] - nothing[static_cast<std::int64_t>(s)][0]).to(at::kDouble);
      const Tensor sum = all[s].relevance[n].to(at::kDouble).sum();
      all[s].gap[n] = (sum - change).abs() / change.abs().clamp_min(1e-12);
    }
  }
  return all;
}

}  // namespace

MethodEntry method_integrated_gradients() {
  return define_method<IntegratedGradientsOptions>(info(), fields, explain);
}

}  // namespace limn
