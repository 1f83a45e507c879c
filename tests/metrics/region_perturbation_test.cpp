// Region perturbation against a plain second implementation (pad, perturb, cut out, one picture at
// a time), and on a linear model whose AOPC is known by hand.
#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>

#include "base/counter_random.h"
#include "faithfulness_fixture.h"
#include "limn/faithfulness.h"

namespace limn {
namespace {

using testing::expect_error;
using testing::sigmoid;

/// Pads, replaces one square of the padded picture, cuts the padding off again.
class SlowRegions {
 public:
  SlowRegions(const Tensor& map, std::int64_t patch) : patch_(patch) {
    const auto spare = [&](std::int64_t size) { return (patch - size % patch) % patch; };
    top_ = spare(map.size(0)) / 2;
    left_ = spare(map.size(1)) / 2;
    height_ = map.size(0) + spare(map.size(0));
    width_ = map.size(1) + spare(map.size(1));
    for (std::int64_t y = 0; y < height_; y += patch) {
      for (std::int64_t x = 0; x < width_; x += patch) {
        double sum = 0;
        for (std::int64_t i = y; i < y + patch; ++i) {
          for (std::int64_t j = x; j < x + patch; ++j) {
            const std::int64_t r = i - top_, c = j - left_;
            if (r >= 0 && r < map.size(0) && c >= 0 && c < map.size(1)) {
              sum += map[r][c].item<double>();
            }
          }
        }
        corners_.push_back({y, x});
        sums_.push_back(sum);
      }
    }
  }
  std::vector<std::size_t> order(bool ascending) const {
    std::vector<std::size_t> order(sums_.size());
    std::iota(order.begin(), order.end(), 0);
    std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
      return ascending ? sums_[a] < sums_[b] : sums_[a] > sums_[b];
    });
    return order;
  }
  Tensor replaced(const Tensor& x, std::size_t region, const std::string& baseline) const {
    Tensor padded = at::empty({1, x.size(1), height_, width_}, at::kDouble);
    for (std::int64_t i = 0; i < height_; ++i) {
      for (std::int64_t j = 0; j < width_; ++j) {
        const std::int64_t r = std::clamp<std::int64_t>(i - top_, 0, x.size(2) - 1);
        const std::int64_t c = std::clamp<std::int64_t>(j - left_, 0, x.size(3) - 1);
        padded.select(2, i).select(2, j).copy_(x.select(2, r).select(2, c));
      }
    }
    double value = 0;
    if (baseline == "black") value = padded.min().item<double>();
    if (baseline == "white") value = padded.max().item<double>();
    if (baseline == "mean") value = padded.mean().item<double>();
    const auto [y, left] = corners_[region];
    padded.slice(2, y, y + patch_).slice(3, left, left + patch_).fill_(value);
    return padded.slice(2, top_, top_ + x.size(2)).slice(3, left_, left_ + x.size(3)).clone();
  }

 private:
  std::int64_t patch_, top_, left_, height_, width_;
  std::vector<std::pair<std::int64_t, std::int64_t>> corners_;
  std::vector<double> sums_;
};

std::vector<double> slow_fall(const Model& model, Tensor x, const Tensor& map, bool ascending,
                              const std::string& baseline, std::int64_t patch, std::size_t most) {
  const SlowRegions regions(map, patch);
  const double before = testing::probability(model, x, 3);
  std::vector<double> fall;
  for (const std::size_t region : regions.order(ascending)) {
    if (fall.size() == most) break;
    x = regions.replaced(x, region, baseline);
    fall.push_back(before - testing::probability(model, x, 3));
  }
  return fall;
}

void expect_equal(const RegionCurve& ours, const std::vector<double>& slow) {
  ASSERT_EQ(ours.fall.size(), slow.size());
  double area = 0, sum = 0;
  for (std::size_t k = 0; k < slow.size(); ++k) {
    EXPECT_NEAR(ours.fall[k], slow[k], 1e-12) << "region " << k;
    if (k > 0) area += (slow[k] + slow[k - 1]) / 2;
    sum += slow[k];
  }
  EXPECT_NEAR(ours.area, area, 1e-11);
  EXPECT_NEAR(ours.aopc, sum / static_cast<double>(slow.size() + 1), 1e-12);
}

TEST(RegionPerturbation, IsThePlainLoop) {
  at::manual_seed(4);
  const Model model = testing::open_small_model();
  const Tensor x = at::randn({1, 3, 14, 19}, at::kDouble) + 0.3;
  const Tensor map = at::randn({14, 19}, at::kDouble);
  for (const std::string baseline : {"black", "white", "mean", "zero"}) {
    for (const bool ascending : {false, true}) {
      RegionCurveOptions options;
      options.order = ascending ? RemovalOrder::LeastRelevant : RemovalOrder::MostRelevant;
      options.baseline = baseline;
      options.patch = ascending ? 4 : 5;
      options.regions = ascending ? 100 : 7;
      options.batch = ascending ? 32 : 3;
      expect_equal(region_perturbation(model, x, map, 3, options),
                   slow_fall(model, x, map, ascending, baseline, options.patch,
                             static_cast<std::size_t>(options.regions)));
    }
  }
}

/// Four squares of which each takes its own part of the logit away: 8, 4, 2 and 1.
struct FourSquares {
  Tensor evidence = at::zeros({4, 4});
  Tensor x = at::ones({1, 1, 4, 4}, at::kDouble);
  FourSquares() {
    evidence.slice(0, 0, 2).slice(1, 0, 2).fill_(1);
    evidence.slice(0, 0, 2).slice(1, 2, 4).fill_(4);
    evidence.slice(0, 2, 4).slice(1, 0, 2).fill_(8);
    evidence.slice(0, 2, 4).slice(1, 2, 4).fill_(2);
    evidence = evidence / 4;
  }
  Model model() const { return testing::linear_model(evidence.unsqueeze(0), -3); }
  double aopc(const std::vector<double>& falls) const {
    double sum = 0, logit = 15 - 3;
    for (const double fall : falls) sum += sigmoid(12) - sigmoid(logit -= fall);
    return sum / 5;
  }
};

TEST(RegionPerturbation, TellsThePerfectMapFromTheWorst) {
  const FourSquares squares;
  RegionCurveOptions options = {.patch = 2, .baseline = "zero"};
  const auto run = [&](const Tensor& map) {
    return region_perturbation(squares.model(), squares.x, map, 0, options).aopc;
  };
  const double best = squares.aopc({8, 4, 2, 1}), worst = squares.aopc({1, 2, 4, 8});
  EXPECT_NEAR(run(squares.evidence), best, 1e-12);
  EXPECT_NEAR(run(-squares.evidence), worst, 1e-12);
  options.order = RemovalOrder::LeastRelevant;
  EXPECT_NEAR(run(squares.evidence), worst, 1e-12);
  at::manual_seed(5);
  options.order = RemovalOrder::MostRelevant;
  for (int i = 0; i < 10; ++i) {
    const double other = run(at::randn({4, 4}));
    EXPECT_LE(other, best + 1e-12);
    EXPECT_GE(other, worst - 1e-12);
  }
}

TEST(RegionPerturbation, AConstantMapGoesRowByRowInBothOrders) {
  const FourSquares squares;
  const testing::OneCase one = {squares.model(), squares.x, at::full({4, 4}, 0.5)};
  const Measurement got = one.measure("region-perturbation(order=both, patch=2, baseline=zero)");
  EXPECT_NEAR(got.values.at("aopc-morf"), squares.aopc({1, 4, 8, 2}), 1e-12);
  EXPECT_EQ(got.values.at("gap"), 0);
  EXPECT_EQ(got.curves.at("fall-morf"), got.curves.at("fall-lerf"));
}

TEST(RegionPerturbation, ChanceDependsOnTheSeedAlone) {
  at::manual_seed(6);
  const Model model = testing::open_small_model();
  const Tensor x = at::randn({1, 3, 13, 13}, at::kDouble);
  const auto run = [&](RegionCurveOptions options) {
    options.patch = 4;
    return region_perturbation(model, x, at::zeros({13, 13}), 1, options).fall;
  };
  const RegionCurveOptions chance = {.order = RemovalOrder::Random, .baseline = "uniform"};
  EXPECT_EQ(run(chance).size(), 16U);
  RegionCurveOptions other = chance;
  other.batch = 5;
  const auto whole = run(chance), parts = run(other);
  for (std::size_t k = 0; k < whole.size(); ++k) EXPECT_NEAR(whole[k], parts[k], 1e-12);
  other.seed = 9;
  EXPECT_NE(run(chance), run(other));
}

TEST(RegionPerturbation, UniformNoiseStaysBetweenThePicturesValues) {
  // The logit is the sum of all pixels: after the only region is gone it is that of the noise.
  const Model model = testing::linear_model(at::full({1, 3, 3}, 1.0 / 9));
  const Tensor x = at::linspace(2, 3, 9, at::kDouble).view({1, 1, 3, 3});
  const RegionCurveOptions options = {.patch = 3, .baseline = "uniform"};
  const RegionCurve got = region_perturbation(model, x, at::zeros({3, 3}), 0, options);
  ASSERT_EQ(got.fall.size(), 1U);
  EXPECT_EQ(got.area, 0);
  const double after = sigmoid(2.5) - got.fall[0];
  EXPECT_GT(after, sigmoid(2));
  EXPECT_LT(after, sigmoid(3));
  double mean = 0;
  const std::uint64_t key = mix(mix(0) ^ 0);
  for (std::uint64_t i = 0; i < 9; ++i) mean += (2 + unit(draw(key, i))) / 9;
  EXPECT_NEAR(after, sigmoid(mean), 1e-6);
}

TEST(RegionPerturbation, FillsTheColumnsOfItsOrderAlone) {
  const FourSquares squares;
  const testing::OneCase one = {squares.model(), squares.x, squares.evidence};
  const auto metric = make_metric("aopc(order=lerf, patch=2)");
  const auto summary = metric->summarize({{"a", 0, one.measure("aopc(order=lerf, patch=2)")}});
  ASSERT_EQ(summary.size(), metric->info().columns.size());
  EXPECT_TRUE(std::isnan(summary[0]));
  EXPECT_TRUE(std::isfinite(summary[1]));
  EXPECT_TRUE(std::isnan(summary[2]));
  EXPECT_TRUE(std::isnan(summary[3]));
}

TEST(RegionPerturbation, ExplainsWhatItCannotUse) {
  const FourSquares squares;
  const Model model = squares.model();
  const auto run = [&](const Tensor& map, const RegionCurveOptions& options) {
    return [&, map, options] { region_perturbation(model, squares.x, map, 0, options); };
  };
  const Tensor map = at::rand({4, 4});
  expect_error("resize the map", run(at::rand({4, 5}), {}));
  expect_error("no order", run(map / 0 * 0, {}));
  expect_error("patch=0", run(map, {.patch = 0}));
  expect_error("regions=0", run(map, {.regions = 0}));
  expect_error("batch=0", run(map, {.batch = 0}));
  expect_error("legal: black", run(map, {.baseline = "pink"}));
  expect_error("class 2 does not exist",
               [&] { region_perturbation(model, squares.x, map, 2, {}); });
  expect_error("order", [] { make_metric("region-perturbation(order=worst)"); });
}

}  // namespace
}  // namespace limn
