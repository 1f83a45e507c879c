// ROAD against a plain second implementation: the system written out whole and solved by libtorch.
#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "base/counter_random.h"
#include "faithfulness_fixture.h"
#include "limn/faithfulness.h"
#include "methods/noise.h"

namespace limn {
namespace {

using testing::expect_error;

/// Every pixel has an equation: u = x where it stays, else u = weighted mean of its neighbors.
Tensor slow_imputed(const Tensor& x, const Tensor& keep) {
  const std::int64_t height = x.size(1), width = x.size(2), n = height * width;
  Tensor system = at::zeros({n, n}, at::kDouble), right = at::zeros({n, x.size(0)}, at::kDouble);
  for (std::int64_t i = 0; i < n; ++i) {
    const std::int64_t row = i / width, column = i % width;
    if (keep[row][column].item<bool>()) {
      system[i][i] = 1;
      for (std::int64_t c = 0; c < x.size(0); ++c) right[i][c] = x[c][row][column];
      continue;
    }
    double sum = 0;
    for (std::int64_t dy = -1; dy <= 1; ++dy) {
      for (std::int64_t dx = -1; dx <= 1; ++dx) {
        const std::int64_t v = row + dy, u = column + dx;
        if ((dy == 0 && dx == 0) || v < 0 || u < 0 || v >= height || u >= width) continue;
        const double weight = dy == 0 || dx == 0 ? 1.0 / 6 : 1.0 / 12;
        system[i][v * width + u] = -weight;
        sum += weight;
      }
    }
    system[i][i] = sum;
  }
  return at::linalg_solve(system, right).t().reshape(x.sizes());
}

TEST(Road, ImputationSolvesTheWholeSystem) {
  at::manual_seed(8);
  for (const auto& [height, width] : {std::pair{1, 7}, {6, 1}, {9, 11}, {13, 8}}) {
    const Tensor x = at::randn({3, height, width}, at::kDouble);
    for (const double share : {0.1, 0.5, 0.95}) {
      Tensor keep = at::rand({height, width}) > share;
      keep[height - 1][width / 2] = true;
      EXPECT_LT((impute_linear(x, keep) - slow_imputed(x, keep)).abs().max().item<double>(), 1e-11)
          << height << " x " << width << ", " << share;
    }
  }
  // One pixel is all that is known: everything becomes it.
  const Tensor x = at::randn({2, 9, 9}, at::kDouble);
  Tensor keep = at::zeros({9, 9}, at::kBool);
  keep[2][7] = true;
  const Tensor got = impute_linear(x, keep);
  EXPECT_LT((got - x.select(1, 2).select(1, 7).view({2, 1, 1})).abs().max().item<double>(), 1e-11);
}

/// Large holes, where a solver that only nearly solves would show: each pixel is its neighbors'
/// mean.
TEST(Road, ImputationIsExactInLargeHoles) {
  at::manual_seed(9);
  const Tensor x = at::randn({1, 97, 120}, at::kDouble);
  Tensor keep = at::rand({97, 120}) > 0.97;
  keep.slice(0, 10, 80).slice(1, 20, 110).fill_(false);
  const Tensor u = impute_linear(x, keep);
  EXPECT_TRUE(at::equal(u.masked_select(keep), x.masked_select(keep)));
  const Tensor kernel =
      at::tensor({1.0, 2.0, 1.0, 2.0, 0.0, 2.0, 1.0, 2.0, 1.0}, at::kDouble).view({1, 1, 3, 3}) /
      12;
  const auto summed = [&](const Tensor& of) {
    return at::conv2d(of.unsqueeze(0), kernel, {}, at::IntArrayRef{1}, at::IntArrayRef{1})[0];
  };
  const Tensor rest = (summed(u) / summed(at::ones_like(u)) - u).masked_fill(keep, 0);
  EXPECT_LT(rest.abs().max().item<double>(), 1e-11);
}

TEST(Road, AHoleOfOnePixelIsItsNeighborsMean) {
  const Tensor x = at::arange(9, at::kDouble).view({1, 3, 3});
  Tensor keep = at::ones({3, 3}, at::kBool);
  keep[0][0] = false;
  // Beside it: 1 (right, 1/6), 3 (below, 1/6), 4 (across, 1/12).
  const double expected = (1.0 / 6 + 3.0 / 6 + 4.0 / 12) / (5.0 / 12);
  EXPECT_NEAR(impute_linear(x, keep)[0][0][0].item<double>(), expected, 1e-14);
}

TEST(Road, WithoutAKnownPixelEachChannelBecomesItsMean) {
  const Tensor x = at::arange(8, at::kDouble).view({2, 2, 2});
  const Tensor got = impute_linear(x, at::zeros({2, 2}, at::kBool));
  EXPECT_TRUE(at::equal(got[0], at::full({2, 2}, 1.5, at::kDouble)));
  EXPECT_TRUE(at::equal(got[1], at::full({2, 2}, 5.5, at::kDouble)));
}

TEST(Road, PercentilesLieBetweenValues) {
  const Tensor map = at::tensor({3.0, 0.0, 1.0, 2.0}, at::kDouble).view({2, 2});
  const auto kept = [&](double percentile, RemovalOrder order) {
    return road_keeps(map, percentile, order).flatten().to(at::kLong);
  };
  const auto expect = [](const Tensor& got, std::vector<std::int64_t> wanted) {
    EXPECT_TRUE(at::equal(got, at::tensor(wanted, at::kLong))) << got;
  };
  // Percentile 50 is 1.5; percentile 0 the lowest value, below which there is nothing.
  expect(kept(50, RemovalOrder::MostRelevant), {0, 1, 1, 0});
  expect(kept(50, RemovalOrder::LeastRelevant), {1, 0, 0, 1});
  expect(kept(0, RemovalOrder::MostRelevant), {0, 0, 0, 0});
  expect(kept(100, RemovalOrder::MostRelevant), {0, 1, 1, 1});
  expect(kept(80, RemovalOrder::LeastRelevant), {1, 0, 1, 1});
}

TEST(Road, IsThePlainLoop) {
  at::manual_seed(10);
  const Model model = testing::open_small_model();
  const Tensor x = at::randn({1, 3, 9, 8}, at::kDouble), map = at::randn({9, 8}, at::kDouble);
  RoadOptions options = {.percentiles = {15, 40, 88}, .seed = 5};
  const double before = testing::probability(model, x, 1);
  for (const RemovalOrder order : {RemovalOrder::MostRelevant, RemovalOrder::LeastRelevant}) {
    for (const double noise : {0.0, 0.3}) {
      options.noise = noise;
      options.batch = noise > 0 ? 2 : 32;
      const RoadCurve got = road(model, x, map, 1, order, options);
      ASSERT_EQ(got.change.size(), 3U);
      double sum = 0;
      for (std::size_t p = 0; p < 3; ++p) {
        const Tensor keep = road_keeps(map, options.percentiles[p], order);
        Tensor imputed = slow_imputed(x[0], keep);
        const Tensor added = noise * normal_noise(mix(mix(5) ^ p), imputed.sizes());
        for (std::int64_t i = 0; i < 9; ++i) {
          for (std::int64_t j = 0; j < 8; ++j) {
            if (keep[i][j].item<bool>()) continue;
            for (std::int64_t c = 0; c < 3; ++c) imputed[c][i][j] += added[c][i][j];
          }
        }
        const double change = testing::probability(model, imputed.unsqueeze(0), 1) - before;
        EXPECT_NEAR(got.change[p], change, 1e-11);
        sum += change;
      }
      EXPECT_NEAR(got.average, sum / 3, 1e-11);
    }
  }
}

/// A bright square on black is the evidence; imputed from around it, it is gone.
struct Square {
  Tensor square = at::zeros({12, 12});
  Tensor x;
  Square() {
    square.slice(0, 4, 7).slice(1, 4, 7).fill_(1);
    x = square.to(at::kDouble).view({1, 1, 12, 12});
  }
  Model model() const { return testing::linear_model(square.unsqueeze(0)); }
  double run(const Tensor& map, RemovalOrder order) const {
    return road(model(), x, map, 0, order, {.percentiles = {90}, .noise = 0}).average;
  }
};

TEST(Road, TellsThePerfectMapFromTheWorst) {
  const Square one;
  at::manual_seed(11);
  // The square's nine pixels lie above percentile 90 of 144 pixels, with five beside it.
  const Tensor map = one.square + 0.1 * at::rand({12, 12});
  const double whole = testing::sigmoid(9);
  EXPECT_NEAR(one.run(map, RemovalOrder::MostRelevant), testing::sigmoid(0) - whole, 1e-9);
  EXPECT_NEAR(one.run(map, RemovalOrder::LeastRelevant), 0, 1e-9);
  EXPECT_NEAR(one.run(-map, RemovalOrder::MostRelevant), 0, 1e-9);
  EXPECT_NEAR(one.run(-map, RemovalOrder::LeastRelevant), testing::sigmoid(0) - whole, 1e-9);
}

TEST(Road, AConstantMapIsWorthNothing) {
  at::manual_seed(12);
  const testing::OneCase one = {testing::open_small_model(), at::randn({1, 3, 8, 8}, at::kDouble),
                                at::full({8, 8}, 0.3)};
  const Measurement got = one.measure("road(noise=0.1)");
  EXPECT_EQ(got.values.at("combined"), 0);
  EXPECT_EQ(got.curves.at("morf"), got.curves.at("lerf"));
}

TEST(Road, IsAMetric) {
  at::manual_seed(13);
  const testing::OneCase one = {testing::open_small_model(), at::randn({1, 3, 8, 8}, at::kDouble),
                                at::rand({8, 8})};
  const Measurement both = one.measure("road(percentiles=[20,60])");
  EXPECT_NEAR(both.values.at("combined"), (both.values.at("lerf") - both.values.at("morf")) / 2,
              1e-15);
  EXPECT_EQ(both.curves.at("percentile"), (std::vector<double>{20, 60}));
  const Measurement half = one.measure("road(order=lerf, percentiles=[20,60])");
  EXPECT_EQ(half.values.at("lerf"), both.values.at("lerf"));
  const auto metric = make_metric("road(order=lerf)");
  const auto summary = metric->summarize({{"a", 0, half}});
  ASSERT_EQ(summary.size(), metric->info().columns.size());
  EXPECT_TRUE(std::isnan(summary[0]) && std::isnan(summary[1]));
  EXPECT_EQ(summary[2], half.values.at("lerf"));
}

TEST(Road, ExplainsWhatItCannotUse) {
  const Square one;
  const Model model = one.model();
  const auto run = [&](const RoadOptions& options, RemovalOrder order) {
    return [&, options, order] { road(model, one.x, one.square, 0, order, options); };
  };
  const auto most = RemovalOrder::MostRelevant;
  expect_error("follows a map", run({}, RemovalOrder::Random));
  expect_error("needs percentiles", run({.percentiles = {}}, most));
  expect_error("legal: 0 to 100", run({.percentiles = {101}}, most));
  expect_error("noise=-1", run({.noise = -1}, most));
  expect_error("batch=0", run({.batch = 0}, most));
  expect_error("resize the map", [&] { road(model, one.x, at::rand({3, 3}), 0, most); });
  expect_error("no order", [&] { road(model, one.x, one.square / 0, 0, most); });
  expect_error("class 9 does not exist", [&] { road(model, one.x, one.square, 9, most); });
  expect_error("imputation takes", [&] { impute_linear(one.x, one.square > 0); });
}

}  // namespace
}  // namespace limn
