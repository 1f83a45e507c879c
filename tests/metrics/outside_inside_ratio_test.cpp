// The outside-inside ratio against a plain loop.
#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <cmath>

#include "limn/error.h"
#include "limn/localization.h"
#include "support/map_case.h"

namespace limn {
namespace {

using testing::box_mask;
using testing::MapCase;
using testing::pixels;
using testing::row;

const std::string kName = "outside-inside-ratio";

TEST(OutsideInsideRatio, IsThePlainLoop) {
  at::manual_seed(4);
  for (int round = 0; round < 5; ++round) {
    const Tensor map = at::randn({11, 8}, at::kDouble);
    const Tensor mask = at::rand({11, 8}) > .6, ignored = at::rand({11, 8}) > .8;
    double sum[2] = {0, 0};
    double count[2] = {0, 0};
    for (std::int64_t y = 0; y < 11; ++y) {
      for (std::int64_t x = 0; x < 8; ++x) {
        if (ignored[y][x].item<bool>()) continue;
        const int inside = mask[y][x].item<bool>() ? 1 : 0;
        sum[inside] += std::max(0., map[y][x].item<double>());
        ++count[inside];
      }
    }
    const OutsideInside ours = outside_inside(map, mask, ignored);
    EXPECT_NEAR(ours.outside, sum[0] / count[0], 1e-12);
    EXPECT_NEAR(ours.inside, sum[1] / count[1], 1e-12);
    const double ratio = (sum[0] / count[0]) / (sum[1] / count[1]);
    EXPECT_NEAR(ours.share(), ratio / (1 + ratio), 1e-12);
  }
}

TEST(OutsideInsideRatio, HasKnownAnswers) {
  const Tensor mask = box_mask(10, 10, {.left = 0, .top = 0, .right = 10, .bottom = 2});
  const auto metric = make_metric(kName);
  MapCase one{.map = mask.to(at::kDouble), .truth = pixels(mask)};
  const auto summary = [&] { return metric->summarize({row(0, one.measure(kName))}); };
  EXPECT_EQ(summary()[0], 0);  // all inside
  EXPECT_EQ(summary()[1], 0);
  one.map = 1 - one.map;  // all outside: counted, and as the worst
  EXPECT_EQ(summary()[0], kInfinity);
  EXPECT_EQ(summary()[1], 1);
  // Density counts, not the sum: 3 a pixel inside, 1 outside; negative values do not.
  one.map = at::where(mask, at::full({10, 10}, 3.), at::full({10, 10}, 2.));
  one.map.slice(0, 5, 9).fill_(-7);
  EXPECT_NEAR(summary()[0], 1. / 3, 1e-12);
  // A constant map tells nothing: 1, whatever the constant.
  for (const double value : {5., 0., -2.}) {
    one.map = at::full({10, 10}, value);
    EXPECT_EQ(summary()[0], 1);
  }
}

TEST(OutsideInsideRatio, SkipsPairsWithoutInsideOrOutside) {
  MapCase one{.map = at::rand({5, 5}), .truth = pixels(at::zeros({5, 5}, at::kBool))};
  EXPECT_EQ(one.measure(kName).skipped, "no pixel belongs to the class");
  one.truth = pixels(at::ones({5, 5}, at::kBool));
  EXPECT_EQ(one.measure(kName).skipped, "the class covers the whole picture");
  one.truth = pixels(box_mask(5, 5, {.left = 0, .top = 0, .right = 4, .bottom = 5}));
  one.truth.ignored = one.truth.pixels.logical_not();
  EXPECT_EQ(one.measure(kName).skipped, "the class covers the whole picture");
  EXPECT_THROW(outside_inside(one.map, at::ones({5, 5})), Error);
  EXPECT_THROW(outside_inside(one.map, at::zeros({5, 5})), Error);
}

TEST(OutsideInsideRatio, AveragesSharesOfClasses) {
  const auto share = [](double value) { return Measurement{.values = {{"share", value}}}; };
  const auto summary = make_metric(kName)->summarize(
      {row(0, share(1)), row(0, share(0)), row(1, share(.1)), row(2, {.skipped = "no"})});
  EXPECT_DOUBLE_EQ(summary[1], .3);
  EXPECT_DOUBLE_EQ(summary[0], .3 / .7);
  EXPECT_TRUE(std::isnan(make_metric(kName)->summarize({})[0]));
}

}  // namespace
}  // namespace limn
