// The pointing game against a plain loop over all pixels, and its rules one by one.
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

Tensor map_with_peak(std::int64_t height, std::int64_t width, std::int64_t y, std::int64_t x) {
  Tensor map = at::rand({height, width}, at::kDouble);
  map[y][x] = 2;
  return map;
}

bool slow_hit(const Tensor& mask, const MapPoint& point, double tolerance) {
  for (std::int64_t y = 0; y < mask.size(0); ++y) {
    for (std::int64_t x = 0; x < mask.size(1); ++x) {
      if (!mask[y][x].item<bool>()) continue;
      const double squared = std::pow(static_cast<double>(x) - point.x, 2) +
                             std::pow(static_cast<double>(y) - point.y, 2);
      if (squared < tolerance * tolerance) return true;
      if (tolerance == 0 && squared == 0) return true;
    }
  }
  return false;
}

TEST(PointingGame, IsThePlainLoop) {
  at::manual_seed(1);
  int hits = 0, misses = 0;
  for (int round = 0; round < 40; ++round) {
    const Tensor mask = at::rand({17, 23}) > .97;
    const Tensor place = at::randint(0, 40, {2}, at::kDouble) / 2;
    const MapPoint point{.x = place[0].item<double>(), .y = place[1].item<double>()};
    for (const double tolerance : {0.0, 1.0, 2.5, 4.0, 1e6}) {
      const bool hit = point_hits(mask, point, tolerance);
      EXPECT_EQ(hit, slow_hit(mask, point, tolerance))
          << point.x << ", " << point.y << " within " << tolerance;
      ++(hit ? hits : misses);
    }
  }
  EXPECT_GT(hits, 20);
  EXPECT_GT(misses, 20);
}

TEST(PointingGame, MissesAPixelExactlyTheToleranceAway) {
  const Tensor mask = box_mask(40, 60, {.left = 10, .top = 10, .right = 21, .bottom = 20});
  EXPECT_FALSE(point_hits(mask, {.x = 35, .y = 12}));  // the last column is 20
  EXPECT_TRUE(point_hits(mask, {.x = 34, .y = 12}));
  EXPECT_FALSE(point_hits(mask, {.x = 29, .y = 31}));  // 9 right of it, 12 below
  EXPECT_TRUE(point_hits(mask, {.x = 29, .y = 30.9}));
  EXPECT_TRUE(point_hits(mask, {.x = 20, .y = 19}, 0));
  EXPECT_FALSE(point_hits(mask, {.x = 21, .y = 19}, 0));
}

TEST(PointingGame, TakesTheFirstOfEqualValues) {
  const Tensor map = at::tensor({0., 3., 1., 3., 3., -5.}, at::kDouble).view({2, 3});
  EXPECT_EQ(largest_point(map).x, 1);
  EXPECT_EQ(largest_point(map).y, 0);
  // A map below zero points at its largest value, too.
  EXPECT_EQ(largest_point(-map).x, 2);
  EXPECT_EQ(largest_point(-map).y, 1);
}

TEST(PointingGame, TellsAPerfectMapFromTheWorstAndFromNone) {
  const Tensor mask = box_mask(60, 80, {.left = 5, .top = 5, .right = 25, .bottom = 25});
  MapCase one{.map = map_with_peak(60, 80, 12, 15), .truth = pixels(mask)};
  const Measurement perfect = one.measure("pointing-game");
  EXPECT_EQ(perfect.values.at("hit"), 1);
  EXPECT_EQ(perfect.values.at("x"), 15);
  EXPECT_EQ(perfect.values.at("y"), 12);
  one.map = map_with_peak(60, 80, 59, 79);
  EXPECT_EQ(one.measure("pointing-game").values.at("hit"), 0);
  // Its first pixel is within 15 pixels of the object, yet a constant map points nowhere.
  one.map = at::ones({60, 80});
  EXPECT_EQ(one.measure("pointing-game").values.at("hit"), 0);
  EXPECT_TRUE(point_hits(mask, largest_point(one.map)));
  one.truth = pixels(at::zeros({60, 80}, at::kBool));
  EXPECT_EQ(one.measure("pointing-game").skipped, "no pixel belongs to the class");
  EXPECT_FALSE(point_hits(one.truth.pixels, {.x = 1, .y = 1}, 1e6));
}

TEST(PointingGame, ScalesTheToleranceWithTheShorterSide) {
  MapCase one{
      .map = map_with_peak(50, 100, 30, 40),
      .truth = pixels(box_mask(50, 100, {.left = 43, .top = 30, .right = 50, .bottom = 31}))};
  const auto hit = [&](const std::string& spec) { return one.measure(spec).values.at("hit"); };
  EXPECT_EQ(hit("pointing-game(tolerance=3)"), 0);
  EXPECT_EQ(hit("pointing-game(tolerance=3.1)"), 1);
  EXPECT_EQ(hit("pointing-game(tolerance=0)"), 0);  // 4 % of 50 pixels are 2
  EXPECT_EQ(hit("pointing-game(tolerance=0, tolerance-share=.061)"), 1);
  EXPECT_EQ(hit("pointing-game(tolerance=0, tolerance-share=0)"), 0);
}

TEST(PointingGame, ChoosesTheMaskAsTorchRay) {
  const Tensor left = box_mask(50, 100, {.left = 0, .top = 0, .right = 10, .bottom = 50});
  const Tensor right = box_mask(50, 100, {.left = 90, .top = 0, .right = 100, .bottom = 50});
  MapCase one{.map = map_with_peak(50, 100, 20, 5), .truth = pixels(left)};
  one.truth.boxes = right;
  const auto hit = [&](const std::string& spec) { return one.measure(spec).values.at("hit"); };
  EXPECT_EQ(hit("pointing-game"), 1);  // masks of objects, as COCO
  EXPECT_EQ(hit("pointing-game(mask=boxes)"), 0);
  one.truth.object_masks = false;
  EXPECT_EQ(hit("pointing-game"), 0);  // boxes, as VOC, though there is a segmentation
  EXPECT_EQ(hit("pointing-game(mask=pixels)"), 1);
  EXPECT_EQ(hit("pointing-game(mask=finest)"), 1);
  one.truth.boxes = Tensor();
  EXPECT_EQ(hit("pointing-game"), 1);
  EXPECT_NE(one.measure("pointing-game(mask=boxes)").skipped.find("mask=pixels"),
            std::string::npos);
}

TEST(PointingGame, SkipsWhatTheBenchmarkSkips) {
  MapCase one{.map = map_with_peak(50, 100, 20, 5), .truth = pixels(at::ones({50, 100}) > 0)};
  EXPECT_EQ(one.measure("pointing-game(subset=dif)").skipped,
            "not in the data set's list of difficult pairs");
  one.truth.in_difficult_list = true;
  EXPECT_EQ(one.measure("pointing-game(subset=dif)").values.at("hit"), 1);
  one.truth.all_difficult = true;
  EXPECT_EQ(one.measure("pointing-game").skipped, "every object of the class is marked difficult");
  EXPECT_TRUE(one.measure("pointing-game").values.empty());
  one.truth = {};
  EXPECT_FALSE(one.measure("pointing-game").skipped.empty());
}

TEST(PointingGame, AveragesClassesThatWereTested) {
  const auto metric = make_metric("pointing-game");
  const auto hit = [](double value) { return Measurement{.values = {{"hit", value}}}; };
  const auto summary =
      metric->summarize({row(3, hit(1)), row(3, hit(1)), row(3, hit(0)), row(7, hit(0)),
                         row(9, Measurement{.skipped = "difficult"})});
  EXPECT_DOUBLE_EQ(summary[0], (2. / 3 + 0) / 2);
  EXPECT_DOUBLE_EQ(summary[1], 2. / 4);
  EXPECT_TRUE(std::isnan(metric->summarize({})[0]));
}

TEST(PointingGame, RefusesWhatItCannotJudge) {
  MapCase one{.map = at::rand({10, 10}), .truth = pixels(at::ones({10, 11}) > 0)};
  EXPECT_THROW(one.measure("pointing-game"), Error);
  EXPECT_THROW(largest_point(at::full({2, 2}, std::nan(""))), Error);
  EXPECT_THROW(largest_point(at::zeros({0, 4})), Error);
  EXPECT_THROW(point_hits(one.truth.pixels, {}, -1), Error);
  EXPECT_THROW(make_metric("pointing-game(tolerance=-1)"), Error);
  EXPECT_THROW(make_metric("pointing-game(mask=circle)"), Error);
}

}  // namespace
}  // namespace limn
