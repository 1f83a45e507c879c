// LIME over superpixels: hide random halves of the segments and fit the score by a linear function
// of which are shown, beta = argmin sum of w (f(z) - b - z beta)^2 + alpha |beta|^2; pictures more
// like the whole weigh more, w = exp(-d^2 / (2 width^2)) with the cosine distance d = 1 -
// sqrt(s / M) of s shown among M. Source: Ribeiro, Singh, Guestrin, "Why Should I Trust You?",
// 2016; defaults and the first sample, the whole picture, as marcotcr/lime (LimeImageExplainer).
#include "base/counter_random.h"
#include "methods/coalitions.h"
#include "methods/linear_fit.h"

namespace limn {
namespace {

constexpr std::int64_t kReviewed = 1024;

struct LimeOptions {
  CoalitionOptions coalitions;
  double kernel_width = 0.25, alpha = 1;

  LimeOptions() { coalitions.baseline = "segment-mean"; }
};

const MethodInfo& info() {
  static const MethodInfo value{
      .name = "lime",
      .title = "LIME",
      .family = "perturbation",
      .summary =
          "A linear model of the score near the picture: what showing each superpixel adds, with "
          "its standard error and how well the linear model fits.",
      .formula =
          "beta = argmin sum of w (f(z) - b - z beta)^2 + alpha |beta|^2, "
          "w = exp(-(1 - sqrt(s / M))^2 / (2 width^2))",
      .paper =
          "Ribeiro, Singh, Guestrin: \"Why Should I Trust You?\": Explaining the Predictions of "
          "Any Classifier, 2016",
      .aliases = {},
      .signed_map = true,
      .deterministic = false,
      .anytime = true,
      .extra_maps = {"standard-error"}};
  return value;
}

Fields fields(LimeOptions& o) {
  Fields all = coalition_fields(o.coalitions);
  all.push_back(real_field("kernel-width", o.kernel_width, 0, kInfinity,
                           "above 0: how far from the whole picture samples still count"));
  all.push_back(real_field("alpha", o.alpha, 0, kInfinity, "strength of the ridge penalty")
                    .also({"regularization"}));
  return all;
}

/// Sample i, a function of the seed and i alone: sample 0 shows all, later ones each segment with
/// probability 1/2.
Tensor drawn(std::uint64_t seed, std::int64_t first, std::int64_t count, std::int64_t segments) {
  Tensor out = at::ones({count, segments}, at::kDouble);
  auto row = out.accessor<double, 2>();
  for (std::int64_t i = first == 0 ? 1 : 0; i < count; ++i) {
    const std::uint64_t key = mix(mix(seed) ^ static_cast<std::uint64_t>(first + i));
    for (std::int64_t m = 0; m < segments; ++m) {
      row[i][m] = unit(draw(key, static_cast<std::uint64_t>(m))) < 0.5 ? 1 : 0;
    }
  }
  return out;
}

Tensor weights_of(const LimeOptions& o, const Tensor& shown) {
  const Tensor distance = 1 - shown.mean(1).sqrt();
  return (-distance.square() / (2 * o.kernel_width * o.kernel_width)).exp();
}

/// Rows of the fit: z and a one for the intercept.
Tensor rows_of(const Tensor& shown) {
  return at::cat({shown, at::ones({shown.size(0), 1}, at::kDouble)}, 1);
}

SegmentEstimate estimate(const LimeOptions& o, const Coalitions& game) {
  const std::int64_t m = game.segments(), n = o.coalitions.n;
  if (n < m + 2) {
    fail(ErrorCode::InvalidArgument, m, " segments need n=", m + 2, " or more, and n is ", n,
         "; raise n or lower n-segments");
  }
  FitSums sums;
  Tensors values;
  const std::int64_t used = game.run(n, m + 2, 1, [&](std::int64_t first, std::int64_t count) {
    const Tensor shown = drawn(game.seed(), first, count, m);
    values.push_back(game.scores(shown) - game.all().unsqueeze(1));
    sums.add(rows_of(shown), weights_of(o, shown), values.back());
  });
  const Tensor penalty = at::zeros({m + 1, m + 1}, at::kDouble);
  penalty.diagonal().narrow(0, 0, m).fill_(o.alpha);
  LinearFit fit(sums, penalty, "raise n, alpha or kernel-width");
  const Tensor measured = at::cat(values, 1);
  for (std::int64_t first = 0; first < used; first += kReviewed) {
    const std::int64_t count = std::min(kReviewed, used - first);
    const Tensor shown = drawn(game.seed(), first, count, m);
    fit.review(rows_of(shown), weights_of(o, shown), measured.narrow(1, first, count));
  }
  SegmentEstimate out;
  out.values = fit.coefficients().t().narrow(1, 0, m);
  out.errors = fit.standard_error().t().narrow(1, 0, m);
  out.used = used;
  out.asked = n;
  const Tensor r_squared = fit.r_squared();
  for (std::int64_t t = 0; t < out.values.size(0); ++t) {
    out.quality.push_back(r_squared[t].item<double>());
  }
  return out;
}

std::string describe(const SegmentEstimate& of, std::size_t t) {
  const double r_squared = std::round(1000 * of.quality[t]) / 1000;
  return concat(of.used, " samples of ", of.values.size(1),
                " segments; the linear model explains R^2 = ", r_squared,
                " of the score's variance",
                r_squared < 0.5 ? ": the score is far from linear in them" : "");
}

std::vector<Explanation> explain(const LimeOptions& o, const Call& call) {
  if (!(o.kernel_width > 0)) {
    fail(ErrorCode::InvalidArgument, "kernel-width is ", o.kernel_width,
         "; give a number above 0, as kernel-width=0.25");
  }
  if (std::isinf(o.alpha)) {
    fail(ErrorCode::InvalidArgument, "alpha is infinite; give a number, as alpha=1");
  }
  return explain_segments(
      o.coalitions, call, [&](const Coalitions& game) { return estimate(o, game); }, describe);
}

}  // namespace

MethodEntry method_lime() { return define_method<LimeOptions>(info(), fields, explain, "n"); }

}  // namespace limn
