// Region insertion against a plain loop, and on a linear model that needs one pixel alone.
#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>

#include "faithfulness_fixture.h"
#include "limn/faithfulness.h"
#include "limn/insertion_deletion.h"

namespace limn {
namespace {

using testing::expect_error;

Model with_colors(const Model& model, std::vector<double> mean, std::vector<double> std) {
  Preprocessing prepared = model.preprocessing();
  prepared.mean = std::move(mean);
  prepared.std = std::move(std);
  prepared.known = true;
  return model.with_preprocessing(prepared);
}

struct Slow {
  std::vector<double> probability, correct;
};

/// One share after the other: the places of the map, largest first, one by one.
Slow slow_insertion(const Model& model, const Tensor& x, const Tensor& canvas, const Tensor& map,
                    const std::vector<double>& percents, std::int64_t target) {
  const std::int64_t width = map.size(1);
  std::vector<std::int64_t> order(static_cast<std::size_t>(map.numel()));
  std::iota(order.begin(), order.end(), 0);
  const auto value = [&](std::int64_t at) { return map[at / width][at % width].item<double>(); };
  std::stable_sort(order.begin(), order.end(),
                   [&](std::int64_t a, std::int64_t b) { return value(a) > value(b); });
  Slow out;
  for (const double percent : percents) {
    Tensor picture = canvas.clone();
    const auto count = std::llround(percent / 100 * static_cast<double>(map.numel()));
    for (long long i = 0; i < count; ++i) {
      const std::int64_t at = order[static_cast<std::size_t>(i)];
      picture.select(2, at / width)
          .select(2, at % width)
          .copy_(x.select(2, at / width).select(2, at % width));
    }
    const Tensor logits = model.run(picture, Keep::Outputs)[model.logits()][0];
    out.probability.push_back(testing::probability(model, picture, target));
    out.correct.push_back(logits.argmax().item<std::int64_t>() == target ? 1 : 0);
  }
  return out;
}

double area(const std::vector<double>& curve) {
  double sum = 0;
  for (std::size_t i = 0; i + 1 < curve.size(); ++i) sum += 0.5 * (curve[i] + curve[i + 1]);
  return sum;
}

TEST(RegionInsertion, IsThePlainLoop) {
  at::manual_seed(7);
  const Model model = with_colors(testing::open_small_model(), {0.4, 0.5, 0.6}, {0.2, 0.3, 0.4});
  const Tensor x = at::randn({1, 3, 17, 23}, at::kDouble);
  // Coarse values: many places are equal.
  const Tensor map = (at::randn({17, 23}, at::kDouble) * 3).round();
  for (const std::string canvas : {"gray-gradient", "blur", "zero"}) {
    for (const std::int64_t batch : {3, 32}) {
      RegionInsertionOptions options;
      options.canvas = canvas;
      options.batch = batch;
      const RegionInsertion got = region_insertion(model, x, map, 2, options);
      ASSERT_EQ(got.percent.size(), 20U);
      EXPECT_EQ(got.percent.front(), 1);
      EXPECT_EQ(got.percent.back(), 20);
      const Slow slow =
          slow_insertion(model, x, insertion_canvas(model, x, canvas), map, got.percent, 2);
      for (std::size_t i = 0; i < 20; ++i) {
        EXPECT_NEAR(got.probability[i], slow.probability[i], 1e-12) << canvas << " " << i;
      }
      EXPECT_EQ(got.correct, slow.correct);
      EXPECT_NEAR(got.area, area(slow.correct), 1e-12);
      EXPECT_NEAR(got.probability_area, area(slow.probability), 1e-12);
    }
  }
}

/// White in the middle, black in the corners, the same in every channel before normalization.
TEST(RegionInsertion, TheGrayGradientIsRadial) {
  const Model model = with_colors(testing::open_small_model(), {0.4, 0.5, 0.6}, {0.2, 0.3, 0.4});
  const Tensor x = at::zeros({1, 3, 5, 9}, at::kDouble);
  const Tensor canvas = insertion_canvas(model, x, "gray-gradient");
  const double mean[] = {0.4, 0.5, 0.6}, std[] = {0.2, 0.3, 0.4};
  for (std::int64_t c = 0; c < 3; ++c) {
    for (std::int64_t i = 0; i < 5; ++i) {
      for (std::int64_t j = 0; j < 9; ++j) {
        const double gray = 1 - std::hypot(i - 2.0, j - 4.0) / std::hypot(2.0, 4.0);
        EXPECT_NEAR((canvas[0][c][i][j].item<double>()), (gray - mean[c]) / std[c], 1e-12);
      }
    }
  }
  const Tensor point =
      insertion_canvas(model, at::zeros({1, 3, 1, 1}, at::kDouble), "gray-gradient");
  EXPECT_NEAR(point[0][0][0][0].item<double>(), (1 - 0.4) / 0.2, 1e-12);
}

/// The last pixel alone decides: it is seen at once, or never.
struct OnePixel {
  Tensor evidence = at::zeros({10, 10});
  Tensor x = at::ones({1, 1, 10, 10}, at::kDouble);
  OnePixel() { evidence[9][9] = 4; }
  Model model() const { return testing::linear_model(evidence.unsqueeze(0), -2); }
  RegionInsertion run(const Tensor& map) const {
    return region_insertion(model(), x, map, 0, {.canvas = "zero"});
  }
};

TEST(RegionInsertion, TellsThePerfectMapFromTheWorst) {
  const OnePixel one;
  const RegionInsertion perfect = one.run(one.evidence), worst = one.run(-one.evidence);
  EXPECT_EQ(perfect.area, 19);
  EXPECT_NEAR(perfect.probability_area, 19 * testing::sigmoid(2), 1e-12);
  EXPECT_EQ(worst.area, 0);
  EXPECT_NEAR(worst.probability_area, 19 * testing::sigmoid(-2), 1e-12);
}

TEST(RegionInsertion, AConstantMapShowsTheFirstRows) {
  const OnePixel one;
  EXPECT_EQ(one.run(at::full({10, 10}, 0.7)).area, 0);
  EXPECT_EQ(one.run(at::zeros({10, 10})).correct, std::vector<double>(20, 0.0));
}

/// Both classes are equally likely whatever is shown.
TEST(RegionInsertion, ATieIsNoHit) {
  const Tensor x = at::ones({1, 1, 10, 10}, at::kDouble);
  const Model model = testing::linear_model(at::zeros({1, 10, 10}));
  for (const std::int64_t target : {0, 1}) {
    const RegionInsertion got =
        region_insertion(model, x, at::rand({10, 10}), target, {.canvas = "zero"});
    EXPECT_EQ(got.area, 0) << target;
    EXPECT_NEAR(got.probability_area, 9.5, 1e-12) << target;
  }
}

TEST(RegionInsertion, SharesGoFromFirstToLast) {
  const OnePixel one;
  const auto run = [&](double first, double last, double step) {
    return region_insertion(one.model(), one.x, one.evidence, 0,
                            {.first = first, .last = last, .step = step, .canvas = "zero"});
  };
  const RegionInsertion whole = run(0, 100, 5);
  ASSERT_EQ(whole.percent.size(), 21U);
  EXPECT_EQ(whole.percent.back(), 100);
  EXPECT_EQ(whole.correct.front(), 0);
  EXPECT_EQ(whole.area, 19.5);
  EXPECT_EQ(run(3, 3, 1).area, 0);
  // 0.1 is no binary number: three steps of it still end at 0.3.
  EXPECT_EQ(run(0, 0.3, 0.1).percent.size(), 4U);
}

TEST(RegionInsertion, IsAMetric) {
  const OnePixel one;
  const testing::OneCase all = {one.model(), one.x, one.evidence};
  const Measurement got = all.measure("region-insertion(canvas=zero)");
  EXPECT_EQ(got.values.at("area"), 19);
  EXPECT_EQ(got.curves.at("correct").size(), 20U);
  const auto metric = make_metric("region-insertion");
  const auto summary = metric->summarize(
      {{"a", 0, got}, {"b", 1, {.values = {{"area", 4}, {"probability-area", 2}}}}});
  EXPECT_EQ(summary.at(0), 11.5);
  EXPECT_EQ(summary.size(), metric->info().columns.size());
}

TEST(RegionInsertion, ExplainsWhatItCannotUse) {
  const OnePixel one;
  const Model model = one.model();
  const auto run = [&](const Tensor& map, const RegionInsertionOptions& options) {
    return [&, map, options] { region_insertion(model, one.x, map, 0, options); };
  };
  expect_error("--mean", run(one.evidence, {}));
  expect_error("take canvas=blur or zero", [&] {
    region_insertion(with_colors(model, {0, 0, 0}, {1, 1, 1}), one.x, one.evidence, 0);
  });
  expect_error("legal: gray-gradient", run(one.evidence, {.canvas = "noise"}));
  expect_error("first <= last", run(one.evidence, {.first = 9, .last = 2, .canvas = "zero"}));
  expect_error("first <= last", run(one.evidence, {.last = 101, .canvas = "zero"}));
  expect_error("step=0", run(one.evidence, {.step = 0, .canvas = "zero"}));
  expect_error("batch=0", run(one.evidence, {.canvas = "zero", .batch = 0}));
  expect_error("no order", run(one.evidence / 0, {.canvas = "zero"}));
  expect_error("class 5 does not exist",
               [&] { region_insertion(model, one.x, one.evidence, 5, {.canvas = "zero"}); });
}

}  // namespace
}  // namespace limn
