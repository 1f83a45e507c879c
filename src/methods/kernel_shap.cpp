// Kernel SHAP over superpixels: Shapley values of the game "show these segments, hide the others
// behind a baseline" as the weighted least squares fit of the score by a sum of segment values,
// phi = argmin sum over z of k(z) (f(z) - f(none) - z phi)^2 with sum phi = f(x) - f(none), where
// k(z) = (M - 1) / (C(M, s) s (M - s)) for s of M segments. Coalitions come in pairs with their
// complements (shap_coalitions.h). The constraint is solved for: with phi = change / M + psi, psi
// sums to zero and fits half the pair's difference to z - s / M. Source: Lundberg, Lee, "A Unified
// Approach to Interpreting Model Predictions", 2017; pairs: Covert, Lee, "Improving KernelSHAP",
// 2021.
#include "methods/coalitions.h"
#include "methods/linear_fit.h"
#include "methods/shap_coalitions.h"

namespace limn {
namespace {

/// Drawn pairs below which an early stop gives nothing.
constexpr std::int64_t kLeastDrawn = 8;
constexpr std::int64_t kReviewed = 1024;

struct KernelShapOptions {
  CoalitionOptions coalitions;

  KernelShapOptions() {
    coalitions.n = 2048;
    coalitions.spread = "share";
  }
};

const MethodInfo& info() {
  static const MethodInfo value{
      .name = "kernel-shap",
      .title = "Kernel SHAP",
      .family = "perturbation",
      .summary =
          "Shapley values of superpixels: each one's mean effect over all orders of showing them, "
          "with its standard error; they sum to what the picture adds to the baseline's score.",
      .formula =
          "phi = argmin sum of k(z) (f(z) - f(none) - z phi)^2, sum phi = f(x) - f(none), "
          "k = (M - 1) / (C(M, s) s (M - s))",
      .paper = "Lundberg, Lee: A Unified Approach to Interpreting Model Predictions, 2017",
      .aliases = {"kernelshap", "shap"},
      .signed_map = true,
      .complete = true,
      .deterministic = false,
      .anytime = true,
      .extra_maps = {"standard-error"}};
  return value;
}

Fields fields(KernelShapOptions& o) { return coalition_fields(o.coalitions); }

/// Rows z - s / M for z [u, M], and half the differences of the pairs' scores [T, u] less what an
/// even share of the change explains.
struct Rows {
  Tensor design, values;

  Rows(const Tensor& shown, const Tensor& halves, const Tensor& change) {
    const Tensor share = shown.mean(1, true);
    design = shown - share;
    values = halves + change.unsqueeze(1) * (0.5 - share.t());
  }
};

/// The pairs of one sample that ran.
struct Measured {
  FitSums listed, rest;
  Tensor halves;  ///< [T, u]: half the differences of the pairs' scores
};

Measured measure(const ShapCoalitions& pairs, const Coalitions& game, const Tensor& change) {
  Measured out;
  Tensors halves;
  const std::int64_t least = std::min(pairs.pairs(), pairs.listed() + kLeastDrawn);
  game.run(pairs.pairs(), least, 2, [&](std::int64_t first, std::int64_t count) {
    const Tensor shown = pairs.shown(first, count), weights = pairs.weights(first, count);
    const Tensor scores = game.scores(at::cat({shown, 1 - shown}));
    halves.push_back((scores.slice(1, 0, count) - scores.slice(1, count)) / 2);
    const Rows rows(shown, halves.back(), change);
    const std::int64_t split = std::clamp<std::int64_t>(pairs.listed() - first, 0, count);
    const auto add = [&](FitSums& sums, std::int64_t from, std::int64_t to) {
      if (from == to) return;
      sums.add(rows.design.slice(0, from, to), weights.slice(0, from, to),
               rows.values.slice(1, from, to));
    };
    add(out.listed, 0, split);
    add(out.rest, split, count);
  });
  out.halves = at::cat(halves, 1);
  return out;
}

SegmentEstimate estimate(const KernelShapOptions& o, const Coalitions& game) {
  const std::int64_t m = game.segments(), n = o.coalitions.n, least = ShapCoalitions::least(m);
  if (n < least) {
    fail(ErrorCode::InvalidArgument, m, " segments need n=", least, " or more, and n is ", n,
         "; raise n or lower n-segments");
  }
  const ShapCoalitions pairs(m, n, game.seed());
  const Tensor change = game.all() - game.none();
  Measured measured = measure(pairs, game, change);
  const double scale = measured.rest.weight > 0 ? pairs.rest_mass() / measured.rest.weight : 0;
  measured.listed.add(measured.rest, scale);
  // Rows sum to zero: the penalty keeps psi's sum at zero and changes nothing else.
  const Tensor even = at::full({m, m}, 1 / static_cast<double>(m), at::kDouble);
  LinearFit fit(measured.listed, even, "raise n");
  SegmentEstimate out;
  const Tensor psi = fit.coefficients().t();
  out.values = psi - psi.mean(1, true) + change.unsqueeze(1) / static_cast<double>(m);
  out.change = change;
  const std::int64_t used = measured.halves.size(1);
  for (std::int64_t first = pairs.listed(); first < used; first += kReviewed) {
    const std::int64_t count = std::min(kReviewed, used - first);
    const Rows rows(pairs.shown(first, count), measured.halves.narrow(1, first, count), change);
    fit.review(rows.design, pairs.weights(first, count) * scale, rows.values);
  }
  const auto drawn = static_cast<double>(used - pairs.listed());
  const auto rest = static_cast<double>(std::max<std::int64_t>(pairs.pairs() - pairs.listed(), 1));
  out.errors = fit.standard_error(pairs.complete() ? 1 - drawn / rest : 1).t();
  out.used = 2 * used;
  out.asked = 2 * pairs.pairs();
  out.exact = pairs.complete() && used == pairs.pairs();
  for (std::int64_t t = 0; t < out.values.size(0); ++t) {
    const double largest = out.values[t].abs().max().item<double>();
    const double error = out.errors[t].square().mean().sqrt().item<double>();
    out.quality.push_back(largest > 0 ? -error / largest : 0);
  }
  return out;
}

std::string describe(const SegmentEstimate& of, std::size_t t) {
  const std::int64_t m = of.values.size(1);
  const double error = std::round(-1000 * of.quality[t]) / 10;
  if (of.exact) return concat("all coalitions of ", m, " segments: exact Shapley values");
  return concat(of.used, " coalitions of ", m, " segments; a segment's standard error is ", error,
                " % of the largest value", error > 50 ? ": mostly noise, raise n" : "");
}

std::vector<Explanation> explain(const KernelShapOptions& o, const Call& call) {
  return explain_segments(
      o.coalitions, call, [&](const Coalitions& game) { return estimate(o, game); }, describe);
}

}  // namespace

MethodEntry method_kernel_shap() {
  return define_method<KernelShapOptions>(info(), fields, explain, "n");
}

}  // namespace limn
