// COCO's run-length masks and polygons against plain second implementations.
#include "data/coco_mask.h"

#include <cmath>
#include <random>

#include "support/dataset_folder.h"
#include "support/slow_coco.h"

namespace limn {
namespace {

using testing::painted;
using testing::Plane;
using testing::slow_counts;
using testing::slow_polygon;
using testing::slow_text;

/// Is the center of a pixel inside the polygon (crossings of a ray to the right)?
bool center_inside(const std::vector<double>& xy, double x, double y) {
  bool inside = false;
  for (std::size_t i = 0, j = xy.size() - 2; i < xy.size(); j = i, i += 2) {
    if ((xy[i + 1] > y) != (xy[j + 1] > y) &&
        x < (xy[j] - xy[i]) * (y - xy[i + 1]) / (xy[j + 1] - xy[i + 1]) + xy[i]) {
      inside = !inside;
    }
  }
  return inside;
}

TEST(CocoMask, BothFormsOfRunsAreTheMask) {
  std::mt19937 random(1);
  for (const double share : {0.0, 0.02, 0.5, 0.98, 1.0}) {
    std::bernoulli_distribution inside(share);
    Plane plane(13, std::vector<bool>(170));
    for (auto& row : plane) {
      for (std::size_t x = 0; x < row.size(); ++x) row[x] = inside(random);
    }
    const auto counts = slow_counts(plane);
    EXPECT_EQ(painted({13, 170, counts}), plane);
    const CocoRle read = rle_of_text(slow_text(counts), 13, 170);
    EXPECT_EQ(read.counts, counts);
    std::int64_t area = 0;
    for (const auto& row : plane) area += std::count(row.begin(), row.end(), true);
    EXPECT_EQ(read.area(), area);
  }
}

TEST(CocoMask, DamagedRunsAreRefused) {
  LIMN_EXPECT_ERROR("cover 10 pixels; expected 4 x 3 = 12", check_rle({3, 4, {1, 9}}));
  LIMN_EXPECT_ERROR("character 3 of a compressed mask is missing", rle_of_text("1`", 3, 4));
  LIMN_EXPECT_ERROR("character 2", rle_of_text("1 ", 3, 4));
  LIMN_EXPECT_ERROR("a run of", rle_of_text("ooooooo1", 3, 4));
  LIMN_EXPECT_ERROR("character 10", rle_of_text("oooooooooooooo1", 3, 4));
  LIMN_EXPECT_ERROR("cover 4", rle_of_text("13", 3, 4));
  LIMN_EXPECT_ERROR("cover 0", rle_of_text("", 3, 4));
}

TEST(CocoMask, ARectangleCoversWhatLiesBetweenItsSides) {
  const Plane plane = painted(rle_of_polygon({1, 1, 5, 1, 5, 4, 1, 4}, 6, 8));
  for (std::size_t y = 0; y < 6; ++y) {
    for (std::size_t x = 0; x < 8; ++x) {
      EXPECT_EQ(plane[y][x], x >= 1 && x < 5 && y >= 1 && y < 4) << x << ' ' << y;
    }
  }
  EXPECT_EQ(rle_of_polygon({0, 0, 8, 0, 8, 6, 0, 6}, 6, 8).area(), 48) << "the whole picture";
  EXPECT_EQ(rle_of_polygon({-9, -9, 99, -9, 99, 99, -9, 99}, 6, 8).area(), 48) << "and beyond";
  EXPECT_EQ(rle_of_polygon({20, 20, 30, 20, 30, 30}, 6, 8).area(), 0) << "outside";
  EXPECT_EQ(rle_of_polygon({3, 3, 3, 3, 3, 3}, 6, 8).area(), 0) << "a point";
}

TEST(CocoMask, PolygonsAreCocoapisPixelForPixel) {
  std::mt19937 random(2);
  std::uniform_real_distribution<double> place(-12, 72);
  std::uniform_int_distribution<int> corners(3, 12);
  for (int round = 0; round < 400; ++round) {
    std::vector<double> xy;
    for (int i = 2 * corners(random); i > 0; --i) {
      // Whole numbers, halves and repeated points are where roundings decide.
      double value = place(random);
      if (round % 3 == 1) value = std::round(value);
      if (round % 3 == 2) value = std::round(value * 2) / 2;
      xy.push_back(value);
    }
    if (round % 5 == 0) xy.insert(xy.end(), xy.end() - 2, xy.end());
    const CocoRle rle = rle_of_polygon(xy, 50, 60);
    check_rle(rle);
    ASSERT_EQ(painted(rle), slow_polygon(xy, 50, 60)) << "round " << round;
  }
}

TEST(CocoMask, PolygonsHoldThePixelsWhoseCentersTheyHold) {
  std::mt19937 random(3);
  std::uniform_real_distribution<double> radius(10, 28);
  for (int round = 0; round < 20; ++round) {
    std::vector<double> xy;
    for (int i = 0; i < 16; ++i) {
      const double r = radius(random), angle = i * 2 * M_PI / 16;
      xy.insert(xy.end(), {30 + r * std::cos(angle), 30 + r * std::sin(angle)});
    }
    const Plane plane = painted(rle_of_polygon(xy, 60, 60));
    int differ = 0;
    for (std::size_t y = 0; y < 60; ++y) {
      for (std::size_t x = 0; x < 60; ++x) {
        const double px = static_cast<double>(x) + .5, py = static_cast<double>(y) + .5;
        differ += plane[y][x] != center_inside(xy, px, py);
      }
    }
    EXPECT_LT(differ, 40) << "of an outline of some 200 pixels";
  }
}

TEST(CocoMask, PolygonsWithoutEndAreRefused) {
  LIMN_EXPECT_ERROR("a polygon of 4 numbers", rle_of_polygon({1, 1, 2, 2}, 6, 8));
  LIMN_EXPECT_ERROR("a polygon of 7 numbers", rle_of_polygon({1, 1, 2, 2, 3, 3, 4}, 6, 8));
  LIMN_EXPECT_ERROR("point 1", rle_of_polygon({1, 1, NAN, 2, 3, 3}, 6, 8));
  LIMN_EXPECT_ERROR("point 0", rle_of_polygon({1e300, 1, 2, 2, 3, 3}, 6, 8));
  LIMN_EXPECT_ERROR("pixels long", rle_of_polygon({0, 0, 9e7, 0, 0, 5}, 6, 8));
}

}  // namespace
}  // namespace limn
