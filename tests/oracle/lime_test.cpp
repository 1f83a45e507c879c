// LIME against its definition in plain loops, and what is known exactly.
#include <gtest/gtest.h>

#include <cmath>

#include "base/counter_random.h"
#include "methods/superpixels.h"
#include "support/segment_games.h"

namespace limn {
namespace {

struct Slow {
  std::vector<double> values;
  double r_squared = 0;
};

/// Draws, masks, runs, weighs and solves, one sample at a time; the intercept is the last unknown.
Slow slow_lime(const Model& model, const Tensor& x, const Tensor& labels, std::int64_t of_class,
               std::int64_t n, double width, double alpha, const Tensor& hidden) {
  const auto m = static_cast<std::size_t>(labels.max().item<std::int64_t>()) + 1;
  testing::Rows a(m + 1, std::vector<double>(m + 1, 0)), rows;
  std::vector<double> b(m + 1, 0), y, weights;
  for (std::int64_t i = 0; i < n; ++i) {
    std::vector<double> z(m + 1, 1);
    Tensor masked = x.clone();
    double dot = 0, norm = 0;
    for (std::size_t s = 0; s < m; ++s) {
      const std::uint64_t key = mix(mix(std::uint64_t{0}) ^ static_cast<std::uint64_t>(i));
      if (i > 0 && unit(draw(key, s)) >= 0.5) {
        z[s] = 0;
        const Tensor here = (labels == static_cast<std::int64_t>(s)).expand_as(x);
        masked = at::where(here, hidden, masked);
      }
      dot += z[s];
      norm += z[s] * z[s];
    }
    const double cosine =
        norm == 0 ? 0 : dot / (std::sqrt(norm) * std::sqrt(static_cast<double>(m)));
    // As in lime: the root of exp(-d^2 / width^2).
    const double w = std::sqrt(std::exp(-(1 - cosine) * (1 - cosine) / (width * width)));
    const Tape tape = model.run(masked, Keep::Outputs);
    const double score = tape[model.logits()][0][of_class].item<double>();
    for (std::size_t j = 0; j <= m; ++j) {
      b[j] += w * z[j] * score;
      for (std::size_t k = 0; k <= m; ++k) a[j][k] += w * z[j] * z[k];
    }
    rows.push_back(z);
    y.push_back(score);
    weights.push_back(w);
  }
  for (std::size_t j = 0; j < m; ++j) a[j][j] += alpha;
  Slow out;
  out.values = testing::solve(a, b);
  double rest = 0, total = 0, mean = 0, weight = 0;
  for (std::size_t i = 0; i < y.size(); ++i) {
    mean += weights[i] * y[i];
    weight += weights[i];
  }
  mean /= weight;
  for (std::size_t i = 0; i < y.size(); ++i) {
    double fitted = 0;
    for (std::size_t j = 0; j <= m; ++j) fitted += rows[i][j] * out.values[j];
    rest += weights[i] * (y[i] - fitted) * (y[i] - fitted);
    total += weights[i] * (y[i] - mean) * (y[i] - mean);
  }
  out.r_squared = 1 - rest / total;
  out.values.pop_back();
  return out;
}

/// The value of each segment, from a map that copies it to every pixel.
std::vector<double> values_of(const Explanation& one, std::int64_t sample = 0) {
  const Tensor labels = one.inner.at("segments")[sample][0];
  auto sums = testing::segment_sums(one.relevance[sample][0], labels);
  const auto areas = testing::segment_sums(at::ones(labels.sizes(), at::kDouble), labels);
  for (std::size_t i = 0; i < sums.size(); ++i) sums[i] /= areas[i];
  return sums;
}

void expect_near(const std::vector<double>& found, const std::vector<double>& expected,
                 double tolerance) {
  ASSERT_EQ(found.size(), expected.size());
  for (std::size_t i = 0; i < found.size(); ++i) EXPECT_NEAR(found[i], expected[i], tolerance) << i;
}

Tensor means_of_segments(const Tensor& x, const Tensor& labels) {
  Tensor out = x.clone();
  for (std::int64_t s = 0; s <= labels.max().item<std::int64_t>(); ++s) {
    for (std::int64_t c = 0; c < x.size(1); ++c) {
      const Tensor channel = x[0][c];
      out[0][c].masked_fill_(labels == s, channel.masked_select(labels == s).mean().item<double>());
    }
  }
  return out;
}

TEST(Lime, IsTheWeightedRidgeRegression) {
  const Model model = testing::small_classifier();
  const Tensor x = testing::small_picture(2);
  const auto maps = make_method("lime(n=150, n-segments=12)")
                        ->explain(model, x, {Target::of_class(0), Target::of_class(3)}, {});
  for (std::int64_t n = 0; n < 2; ++n) {
    const Tensor labels = slic_segments(x[n], 12, 10), one = x.slice(0, n, n + 1);
    for (std::size_t t = 0; t < 2; ++t) {
      const Slow slow = slow_lime(model, one, labels, t == 0 ? 0 : 3, 150, 0.25, 1,
                                  means_of_segments(one, labels));
      expect_near(values_of(maps[t], n), slow.values, 1e-10);
    }
  }
}

TEST(Lime, OptionsAreThoseOfTheDefinition) {
  const Model model = testing::small_classifier();
  const Tensor x = testing::small_picture(), labels = grid_segments(24, 24, 9);
  const Explanation one =
      make_method(
          "lime(num_samples=90, kernel_width=0.8, alpha=0.05, hide_color=0.5, segments=grid, "
          "n_segments=9)")
          ->explain(model, x, Target::of_class(1));
  const Slow slow = slow_lime(model, x, labels, 1, 90, 0.8, 0.05, at::full_like(x, 0.5));
  expect_near(values_of(one), slow.values, 1e-10);
  const std::string said = concat("R^2 = ", std::round(1000 * slow.r_squared) / 1000);
  EXPECT_NE(one.notes.at(0).find(said), std::string::npos) << one.notes.at(0) << said;
}

TEST(Lime, ALinearModelGivesWeightTimesDifference) {
  const testing::LinearScores linear;
  at::manual_seed(2);
  const Tensor x = at::randn({1, 2, 6, 8}, at::kDouble);
  const Explanation one = make_method("lime(n=60, n-segments=12, alpha=0, baseline=-0.5)")
                              ->explain(linear.model, x, Target::of_class(3));
  const Tensor contribution = (linear.weights[3] * (x[0] + 0.5)).sum(0);
  expect_near(values_of(one), testing::segment_sums(contribution, one.inner.at("segments")[0][0]),
              1e-9);
  EXPECT_NE(one.notes.at(0).find("R^2 = 1 "), std::string::npos) << one.notes.at(0);
  EXPECT_LT(one.inner.at("standard-error").max().item<double>(), 1e-9);
}

TEST(Lime, TheStandardErrorIsTheSpreadOfRepeatedRuns) {
  const Model model = testing::small_classifier();
  const Tensor x = 3 * testing::small_picture();
  constexpr int kRuns = 40;
  ExplainOptions options;
  options.segments = grid_segments(24, 24, 12);
  Tensor sum = at::zeros({24, 24}, at::kDouble), squares = sum.clone(), said = sum.clone();
  for (int run = 0; run < kRuns; ++run) {
    options.seed = static_cast<std::uint64_t>(run);
    const Explanation one =
        make_method("lime(n=200)")->explain(model, x, Target::of_class(1), options);
    sum += one.relevance[0][0];
    squares += one.relevance[0][0].square();
    said += one.inner.at("standard-error")[0][0].square();
  }
  const Tensor spread = squares / kRuns - (sum / kRuns).square();
  EXPECT_NEAR(std::sqrt((said.sum() / (kRuns * spread.sum())).item<double>()), 1, 0.15);
}

TEST(Lime, DoesNotDependOnTheBatchAndStopsWhenAsked) {
  const Model model = testing::small_classifier();
  const Tensor x = testing::small_picture();
  ExplainOptions options;
  options.batch = 7;
  const auto run = [&](const std::string& spec) {
    return make_method(spec)->explain(model, x, Target::of_class(1), options);
  };
  const Explanation small = run("lime(n=256, n-segments=20)");
  options.batch = 64;
  EXPECT_LT(testing::relative_error(run("lime(n=256, n-segments=20)").relevance, small.relevance),
            1e-10);
  int asked = 0;
  options.stop = [&] { return ++asked > 4; };
  const Explanation part = run("lime(n=100000, n-segments=20)");
  EXPECT_TRUE(part.partial);
  EXPECT_LT(testing::relative_error(part.relevance, small.relevance), 1e-10);
  EXPECT_NE(part.notes.at(0).find("stopped after 256"), std::string::npos) << part.notes.at(0);
  options.stop = [] { return true; };
  EXPECT_NE(testing::refusal(model, "lime", x, options).find("give a longer --budget"),
            std::string::npos);
}

TEST(Lime, ExplainsWhatItCannotUse) {
  const Model model = testing::small_classifier();
  const Tensor x = testing::small_picture();
  const auto expect = [&](const std::string& spec, const std::string& words) {
    const std::string text = testing::refusal(model, spec, x);
    EXPECT_NE(text.find(words), std::string::npos) << text;
  };
  expect("lime(num_samples=0)", "from 1 to");
  expect("lime(n=20)", "raise n or lower n-segments");
  expect("lime(kernel-width=0)", "as kernel-width=0.25");
  expect("lime(kernel-width=-1)", "from 0 to");
  expect("lime(alpha=-1)", "from 0 to");
  expect("lime(kernel-width=0.001, alpha=0, n=100)", "raise n, alpha or kernel-width");
  expect("lime(n-segments=1)", "from 2 to");
}

}  // namespace
}  // namespace limn
