// Kernel SHAP against Shapley values from all orders, against its normal equations, and what is
// known exactly.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>
#include <set>

#include "methods/shap_coalitions.h"
#include "methods/superpixels.h"
#include "support/segment_games.h"
#include "support/small_detector.h"

namespace limn {
namespace {

using testing::segment_sums;

/// What a model makes of coalitions of segments (bit i of a code: segment i is shown).
class Game {
 public:
  Game(const Model& model, const Tensor& x, const Tensor& labels, std::int64_t of_class,
       double baseline = 0)
      : model_(model), x_(x), labels_(labels), class_(of_class), baseline_(baseline) {}

  double operator()(std::uint64_t code) {
    if (const auto found = known_.find(code); found != known_.end()) return found->second;
    Tensor hidden = x_.clone();
    for (std::int64_t i = 0; i <= labels_.max().item<std::int64_t>(); ++i) {
      if (!((code >> i) & 1)) hidden.masked_fill_(labels_ == i, baseline_);
    }
    const Tape tape = model_.run(hidden, Keep::Outputs);
    return known_[code] = tape[model_.logits()][0][class_].item<double>();
  }

 private:
  const Model& model_;
  Tensor x_, labels_;
  std::int64_t class_;
  double baseline_;
  std::map<std::uint64_t, double> known_;
};

/// The mean over all orders of what each segment adds when its turn comes.
std::vector<double> shapley_by_orders(Game& game, std::size_t segments) {
  std::vector<double> values(segments, 0);
  std::vector<std::size_t> order(segments);
  std::iota(order.begin(), order.end(), 0);
  double orders = 0;
  do {
    std::uint64_t code = 0;
    for (const std::size_t i : order) {
      const double before = game(code);
      code |= std::uint64_t{1} << i;
      values[i] += game(code) - before;
    }
    orders += 1;
  } while (std::next_permutation(order.begin(), order.end()));
  for (auto& value : values) value /= orders;
  return values;
}

/// The least squares fit with its constraint as one system of equations: phi and a multiplier.
std::vector<double> slow_fit(Game& game, const ShapCoalitions& pairs, std::int64_t segments) {
  const auto m = static_cast<std::size_t>(segments);
  const Tensor shown = pairs.shown(0, pairs.pairs()), weights = pairs.weights(0, pairs.pairs());
  const double rest = weights.slice(0, pairs.listed()).sum().item<double>();
  const std::uint64_t all = (std::uint64_t{1} << segments) - 1;
  testing::Rows a(m + 1, std::vector<double>(m + 1, 0));
  std::vector<double> b(m + 1, 0);
  for (std::int64_t p = 0; p < pairs.pairs(); ++p) {
    double w = weights[p].item<double>();
    if (p >= pairs.listed()) w *= pairs.rest_mass() / rest;
    std::uint64_t one = 0;
    for (std::int64_t i = 0; i < segments; ++i) {
      if (shown[p][i].item<double>() == 1) one |= std::uint64_t{1} << i;
    }
    for (const std::uint64_t code : {one, all & ~one}) {
      const double y = game(code) - game(0);
      for (std::size_t i = 0; i < m; ++i) {
        if (!((code >> i) & 1)) continue;
        b[i] += w * y;
        for (std::size_t j = 0; j < m; ++j) a[i][j] += (code >> j) & 1 ? w : 0;
      }
    }
  }
  for (std::size_t i = 0; i < m; ++i) a[i][m] = a[m][i] = 1;
  b[m] = game(all) - game(0);
  std::vector<double> phi = testing::solve(a, b);
  phi.pop_back();
  return phi;
}

void expect_near(const std::vector<double>& found, const std::vector<double>& expected,
                 double tolerance) {
  ASSERT_EQ(found.size(), expected.size());
  for (std::size_t i = 0; i < found.size(); ++i) EXPECT_NEAR(found[i], expected[i], tolerance) << i;
}

Explanation explain(const Model& model, const std::string& spec, const Tensor& x,
                    std::int64_t of_class, std::uint64_t seed = 0, const Tensor& segments = {}) {
  ExplainOptions options;
  options.seed = seed;
  options.segments = segments;
  return make_method(spec)->explain(model, x, Target::of_class(of_class), options);
}

/// Of one sample, from a map that shares each value.
std::vector<double> values_of(const Explanation& one, std::int64_t sample = 0) {
  return segment_sums(one.relevance[sample][0], one.inner.at("segments")[sample][0]);
}

TEST(KernelShap, WithAllCoalitionsIsTheMeanOverAllOrders) {
  const Model model = testing::small_classifier();
  const Tensor x = testing::small_picture();
  for (const auto& [rows, columns] : {std::pair{1, 2}, {1, 3}, {2, 3}, {2, 4}}) {
    const Tensor labels = testing::tiles(rows, columns);
    Game game(model, x, labels, 2, 0.25);
    const Explanation one = explain(model, "kernel-shap(n=256, baseline=0.25)", x, 2, 0, labels);
    expect_near(values_of(one), shapley_by_orders(game, static_cast<std::size_t>(rows * columns)),
                1e-10);
    EXPECT_EQ(one.inner.at("standard-error").abs().max().item<double>(), 0);
    EXPECT_NE(one.notes.at(0).find("exact Shapley values"), std::string::npos) << one.notes.at(0);
  }
}

TEST(KernelShap, ListsAllCoalitionsInAnyOrderWhereTheyAreMoreThanAListHolds) {
  const Model model = testing::small_classifier();
  const Tensor x = testing::small_picture(), labels = testing::tiles(3, 4);
  const Explanation one = explain(model, "kernel-shap(n=4096)", x, 1, 0, labels);
  const Explanation other = explain(model, "kernel-shap(n=4096)", x, 1, 9, labels);
  EXPECT_LT(testing::relative_error(one.relevance, other.relevance), 1e-10);
  EXPECT_EQ(one.inner.at("standard-error").abs().max().item<double>(), 0);
}

TEST(KernelShap, ALinearModelGivesWeightTimesDifferenceFromAnySample) {
  const testing::LinearScores linear;
  at::manual_seed(2);
  const Tensor x = at::randn({1, 2, 6, 8}, at::kDouble);
  const Tensor contribution = (linear.weights[3] * (x[0] + 0.5)).sum(0);
  for (const char* how : {"n=64, segments=grid, n-segments=12", "n=80, n-segments=14",
                          "n=2048, n-segments=20, compactness=1"}) {
    const Explanation one =
        explain(linear.model, concat("kernel-shap(baseline=-0.5, ", how, ")"), x, 3, 4);
    expect_near(values_of(one), segment_sums(contribution, one.inner.at("segments")[0][0]), 1e-10);
    EXPECT_LT(one.inner.at("standard-error").max().item<double>(), 1e-10);
    EXPECT_LT(one.gap.item<double>(), 1e-10);
  }
}

TEST(KernelShap, SolvesItsNormalEquationsUnderTheConstraint) {
  const Model model = testing::small_classifier();
  const Tensor x = testing::small_picture(), labels = grid_segments(24, 24, 16);
  for (const std::int64_t n : {64, 65, 300, 1024}) {
    Game game(model, x, labels, 4);
    const ShapCoalitions pairs(16, n, 3);
    const Explanation one = explain(model, concat("kernel-shap(n=", n, ")"), x, 4, 3, labels);
    expect_near(values_of(one), slow_fit(game, pairs, 16), 1e-10);
    const double change = game((1 << 16) - 1) - game(0);
    EXPECT_NEAR(one.relevance.sum().item<double>(), change, 1e-12);
    EXPECT_LT(one.gap.item<double>(), 1e-11);
  }
}

TEST(KernelShap, RunsConvergeAndTheirSpreadIsTheStandardError) {
  const Model model = testing::small_classifier();
  const Tensor x = 3 * testing::small_picture(), labels = grid_segments(24, 24, 12);
  const auto run = [&](std::int64_t n, std::uint64_t seed) {
    return explain(model, concat("kernel-shap(n=", n, ")"), x, 1, seed, labels);
  };
  const Tensor exact = run(4096, 0).relevance;
  double before = 1e9;
  for (const std::int64_t n : {96, 400, 1600}) {
    double spread = 0, said = 0;
    for (std::uint64_t seed = 0; seed < 24; ++seed) {
      const Explanation one = run(n, seed);
      spread += (one.relevance - exact).square().sum().item<double>();
      said += one.inner.at("standard-error").square().sum().item<double>();
    }
    // Few rows: HC3 errs on the safe side.
    EXPECT_NEAR(std::sqrt(said / spread), 1, n < 100 ? 0.5 : 0.15) << n;
    EXPECT_LT(spread, before / 3) << n;
    before = spread;
  }
}

TEST(ShapCoalitions, AreTheKernel) {
  for (const std::int64_t m : {2, 3, 4, 7, 12}) {
    const ShapCoalitions pairs(m, std::int64_t{1} << m, 1);
    ASSERT_TRUE(pairs.complete());
    ASSERT_EQ(pairs.pairs(), (std::int64_t{1} << (m - 1)) - 1);
    const Tensor shown = pairs.shown(0, pairs.pairs()), weights = pairs.weights(0, pairs.pairs());
    EXPECT_NEAR(weights.sum().item<double>(), 1, 1e-12);
    std::set<std::vector<double>> seen;
    double kernel_of_first = 0;
    for (std::int64_t p = 0; p < pairs.pairs(); ++p) {
      for (const Tensor& z : {shown[p], 1 - shown[p]}) {
        seen.insert({z.data_ptr<double>(), z.data_ptr<double>() + m});
      }
      const double s = shown[p].sum().item<double>(), of = static_cast<double>(m);
      const double sets =
          std::exp(std::lgamma(of + 1) - std::lgamma(s + 1) - std::lgamma(of - s + 1));
      const double kernel = (of - 1) / (sets * s * (of - s)) / weights[p].item<double>();
      if (p == 0) kernel_of_first = kernel;
      EXPECT_NEAR(kernel / kernel_of_first, 1, 1e-10);
    }
    EXPECT_EQ(seen.size(), (std::size_t{1} << m) - 2);
  }
}

TEST(ShapCoalitions, DrawSizesByTheirShareAndDependOnTheirNumberAlone) {
  const ShapCoalitions pairs(40, 40000, 7);
  EXPECT_EQ(pairs.listed(), 40);
  const Tensor shown = pairs.shown(40, 19960), sizes = shown.sum(1);
  double total = 0;
  for (int s = 2; s <= 20; ++s) total += (s == 20 ? 1.0 : 2.0) / (s * (40 - s));
  for (int s : {2, 3, 10, 20}) {
    const double share = (s == 20 ? 1.0 : 2.0) / (s * (40 - s)) / total;
    EXPECT_NEAR((sizes == s).to(at::kDouble).mean().item<double>(), share, 0.01) << s;
  }
  EXPECT_NEAR(shown.mean(0).max().item<double>() / shown.mean(0).min().item<double>(), 1, 0.15);
  EXPECT_TRUE(at::equal(pairs.shown(35, 10).slice(0, 5), shown.slice(0, 0, 5)));
  EXPECT_TRUE(at::equal(pairs.shown(1000, 3), shown.slice(0, 960, 963)));
}

TEST(KernelShap, DoesNotDependOnTheBatch) {
  const Model model = testing::small_classifier();
  const Tensor x = testing::small_picture(2);
  ExplainOptions one, other;
  one.batch = 1;
  other.batch = 50;
  const auto method = make_method("kernel-shap(n=700, n-segments=20)");
  const auto a = method->explain(model, x, Target::of_class(1), one);
  const auto b = method->explain(model, x, Target::of_class(1), other);
  EXPECT_LT(testing::relative_error(a.relevance, b.relevance), 1e-10);
  EXPECT_LT(testing::relative_error(a.inner.at("standard-error"), b.inner.at("standard-error")),
            1e-8);
}

/// Captum's feature_mask: any numbers, gaps, one map for all or one each.
TEST(KernelShap, TakesAGivenMapOfSegments) {
  const Model model = testing::small_classifier();
  const Tensor x = testing::small_picture(2), grid = grid_segments(24, 24, 6);
  const Tensor odd = (5 - grid) * 7 + 3;
  ExplainOptions options;
  options.segments = odd.to(at::kInt);
  const auto method = make_method("kernel-shap(n=64)");
  const Explanation given = method->explain(model, x, Target::of_class(1), options);
  const Explanation own = make_method("kernel-shap(n=64, segments=grid, n-segments=6)")
                              ->explain(model, x, Target::of_class(1));
  EXPECT_LT(testing::relative_error(given.relevance, own.relevance), 1e-10);
  EXPECT_TRUE(at::equal(given.inner.at("segments")[1][0], 5 - grid));
  options.segments = at::stack({grid, grid.flip({1})});
  const Explanation each = method->explain(model, x, Target::of_class(1), options);
  EXPECT_LT(testing::relative_error(each.relevance[0], own.relevance[0]), 1e-10);
  EXPECT_TRUE(at::equal(each.inner.at("segments")[1][0], grid.flip({1})));
  const Explanation copied = make_method("kernel-shap(n=64, spread=copy)")
                                 ->explain(model, x, Target::of_class(1), options);
  EXPECT_LT(testing::relative_error(copied.relevance, each.relevance * 96), 1e-10);
  EXPECT_FALSE(copied.gap.defined());
}

TEST(KernelShap, FindsTheCellThatADetectionComesFrom) {
  const Model model = testing::small_detector().to(at::kDouble);
  const Tensor x = testing::bright_cells({{0, 3, 1}, {2, 1, 0}}).to(at::kDouble);
  ExplainOptions options;
  options.segments = grid_segments(32, 32, 16);
  const Explanation one = make_method("kernel-shap(n=600)")
                              ->explain(model, x, Target::parse("label:green").front(), options);
  const std::vector<double> values = values_of(one);
  for (std::size_t i = 0; i < values.size(); ++i) {
    EXPECT_NEAR(values[i], i == 3 ? one.relevance.sum().item<double>() : 0, 1e-9) << i;
  }
  EXPECT_GT(values[3], 0.1);
}

TEST(KernelShap, ReturnsWhatItHasWhenAskedToStop) {
  const Model model = testing::small_classifier();
  const Tensor x = testing::small_picture();
  ExplainOptions options;
  int asked = 0;
  options.batch = 32;
  options.stop = [&] { return ++asked > 16; };
  const std::string spec = "kernel-shap(n=1000000, n-segments=30)";
  const Explanation one = make_method(spec)->explain(model, x, Target::of_class(1), options);
  EXPECT_TRUE(one.partial);
  EXPECT_NE(one.notes.at(0).find("stopped after 512 coalitions, before the 1000000"),
            std::string::npos)
      << one.notes.at(0);
  EXPECT_LT(one.gap.item<double>(), 1e-11);
  const Explanation same = explain(model, "kernel-shap(n=512, n-segments=30)", x, 1);
  EXPECT_LT(testing::relative_error(one.relevance, same.relevance), 1e-12);
  options.stop = [] { return true; };
  EXPECT_NE(testing::refusal(model, spec, x, options).find("give a longer --budget"),
            std::string::npos);
  // Segments that need more than one look.
  asked = 0;
  options.stop = [&] { return ++asked > 8; };
  EXPECT_NE(testing::refusal(model, "kernel-shap(n=4000, n-segments=300)", x, options)
                .find("after 256 coalitions"),
            std::string::npos);
}

TEST(KernelShap, ExplainsWhatItCannotUse) {
  const Model model = testing::small_classifier();
  const Tensor x = testing::small_picture();
  const auto expect = [&](const std::string& spec, const std::string& words,
                          const Tensor& segments = {}) {
    ExplainOptions options;
    options.segments = segments;
    const std::string text = testing::refusal(model, spec, x, options);
    EXPECT_NE(text.find(words), std::string::npos) << text;
  };
  expect("kernel-shap(n_samples=0)", "from 1 to");
  expect("kernel-shap(n=20)", "raise n or lower n-segments");
  expect("kernel-shap(n-segments=1)", "from 2 to");
  expect("kernel-shap(n-segments=577)", "give n-segments=576 or fewer");
  expect("kernel-shap(compactness=0)", "as compactness=10");
  expect("kernel-shap(compactness=-1)", "from 0 to");
  expect("kernel-shap(segments=quickshift)", "slic|grid");
  expect("kernel-shap(baseline=nothing)", "segment-mean");
  expect("kernel-shap", "give [24, 24]", at::zeros({3, 3}, at::kLong));
  expect("kernel-shap", "give [24, 24]", at::zeros({2, 24, 24}, at::kLong));
  expect("kernel-shap", "number them from 0 up", grid_segments(24, 24, 4) - 1);
  expect("kernel-shap", "give whole numbers", at::zeros({24, 24}));
  expect("kernel-shap", "two or more", at::full({24, 24}, 7, at::kLong));
  const testing::LinearScores linear;
  EXPECT_NE(testing::refusal(linear.model, "kernel-shap", at::zeros({1, 96}, at::kDouble))
                .find("segments need [N, C, H, W]"),
            std::string::npos);
}

}  // namespace
}  // namespace limn
