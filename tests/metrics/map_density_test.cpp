// Map density against plain loops, and on a linear model whose answers are known by hand.
#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "faithfulness_fixture.h"
#include "limn/faithfulness.h"

namespace limn {
namespace {

using testing::expect_error;
using testing::sigmoid;

/// x times m or 1 - m, place by place.
double masked(const Model& model, const Tensor& x, const Tensor& m, bool shown,
              std::int64_t target) {
  Tensor picture = x.clone();
  for (std::int64_t c = 0; c < x.size(1); ++c) {
    for (std::int64_t i = 0; i < x.size(2); ++i) {
      for (std::int64_t j = 0; j < x.size(3); ++j) {
        const double value = m[i][j].item<double>();
        picture[0][c][i][j] *= shown ? value : 1 - value;
      }
    }
  }
  return testing::probability(model, picture, target);
}

TEST(MapDensity, IsTheFormula) {
  at::manual_seed(1);
  const Model model = testing::open_small_model();
  const Tensor x = at::randn({1, 3, 7, 9}, at::kDouble);
  const Tensor map = at::randn({7, 9}, at::kDouble) * 3 - 1;
  const double low = map.min().item<double>(), high = map.max().item<double>();
  const Tensor m = (map - low) / (high - low);
  double shown = 0;
  for (std::int64_t i = 0; i < 7; ++i) {
    for (std::int64_t j = 0; j < 9; ++j) shown += m[i][j].item<double>() / 63;
  }
  for (const bool normalize : {true, false}) {
    const MapDensity got = map_density(model, x, normalize ? map : m, 2, {.normalize = normalize});
    EXPECT_NEAR(got.original, testing::probability(model, x, 2), 1e-12);
    EXPECT_NEAR(got.kept, masked(model, x, m, true, 2), 1e-12);
    EXPECT_NEAR(got.removed, masked(model, x, m, false, 2), 1e-12);
    EXPECT_NEAR(got.positive, masked(model, x, m, true, 2) / shown, 1e-12);
    EXPECT_NEAR(got.negative, masked(model, x, m, false, 2) / (1 - shown), 1e-12);
  }
}

/// The left half is all the evidence: a map of it and its opposite have densities known by hand.
TEST(MapDensity, TellsThePerfectMapFromTheWorst) {
  Tensor half = at::zeros({4, 4});
  half.slice(1, 0, 2).fill_(1);
  const Model model = testing::linear_model(half.unsqueeze(0) / 2);
  const Tensor x = at::ones({1, 1, 4, 4}, at::kDouble);
  const MapDensity perfect = map_density(model, x, half, 0);
  EXPECT_NEAR(perfect.positive, sigmoid(4) / 0.5, 1e-12);
  EXPECT_NEAR(perfect.negative, sigmoid(0) / 0.5, 1e-12);
  const MapDensity worst = map_density(model, x, 1 - half, 0);
  EXPECT_NEAR(worst.positive, sigmoid(0) / 0.5, 1e-12);
  EXPECT_NEAR(worst.negative, sigmoid(4) / 0.5, 1e-12);
}

TEST(MapDensity, AConstantMapPrefersNothing) {
  const Model model = testing::linear_model(at::ones({1, 4, 4}));
  const Tensor x = at::ones({1, 1, 4, 4}, at::kDouble);
  for (const double value : {-3.0, 0.0, 1.0, 7.0}) {
    const MapDensity got = map_density(model, x, at::full({4, 4}, value), 0);
    EXPECT_EQ(got.positive, got.negative);
    EXPECT_NEAR(got.positive, sigmoid(8) / 0.5, 1e-12);
  }
}

/// Three pictures go through a model that takes two at a time: the last stands twice.
TEST(MapDensity, AModelOfFixedBatchGetsThatMany) {
  at::manual_seed(3);
  Draft draft = testing::small_model();
  draft.inputs[0].shape = {2, 3, 8, 8};
  draft.inputs[0].dim_names = {"", "", "", ""};
  const Model fixed = Model(Graph(draft)).to(at::kDouble), open = testing::open_small_model();
  ASSERT_EQ(fixed.fixed_batch(), 2);
  const Tensor x = at::randn({1, 3, 8, 8}, at::kDouble), map = at::rand({8, 8});
  const MapDensity two = map_density(fixed, x, map, 4), three = map_density(open, x, map, 4);
  EXPECT_NEAR(two.original, three.original, 1e-12);
  EXPECT_NEAR(two.positive, three.positive, 1e-12);
  EXPECT_NEAR(two.negative, three.negative, 1e-12);
}

TEST(MapDensity, IsAMetricWithTwoColumns) {
  at::manual_seed(2);
  const testing::OneCase one = {testing::open_small_model(), at::randn({1, 3, 8, 8}, at::kDouble),
                                at::rand({8, 8})};
  const MapDensity direct = map_density(one.model, one.x, one.map, 0);
  const Measurement got = one.measure("map_density");
  EXPECT_EQ(got.values.at("positive"), direct.positive);
  EXPECT_EQ(got.values.at("negative"), direct.negative);
  const auto metric = make_metric("map-density");
  const auto summary = metric->summarize({{"a", 0, got},
                                          {"b", 0, {.values = {{"positive", 1}, {"negative", 3}}}},
                                          {"c", 0, {.skipped = "no map"}}});
  ASSERT_EQ(summary.size(), metric->info().columns.size());
  EXPECT_NEAR(summary[0], (direct.positive + 1) / 2, 1e-12);
  EXPECT_NEAR(summary[1], (direct.negative + 3) / 2, 1e-12);
  EXPECT_TRUE(std::isnan(metric->summarize({})[0]));
}

TEST(MapDensity, ExplainsWhatItCannotUse) {
  const Model model = testing::linear_model(at::ones({1, 4, 4}));
  const Tensor x = at::ones({1, 1, 4, 4}, at::kDouble), map = at::rand({4, 4});
  expect_error("resize the map", [&] { map_density(model, x, at::rand({3, 4}), 0); });
  expect_error("one picture", [&] { map_density(model, x[0], map, 0); });
  expect_error("no order", [&] { map_density(model, x, map / 0 * 0, 0); });
  expect_error("class 2 does not exist", [&] { map_density(model, x, map, 2); });
  expect_error("class -1 does not exist", [&] { map_density(model, x, map, -1); });
  expect_error("normalize=true",
               [&] { map_density(model, x, map * 3 - 1, 0, {.normalize = false}); });
  expect_error("normalize=true", [&] { map_density(model, x, map * 0, 0, {.normalize = false}); });
}

}  // namespace
}  // namespace limn
