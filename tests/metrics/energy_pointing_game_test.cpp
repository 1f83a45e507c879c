// The energy-based pointing game against a plain loop.
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

const std::string kName = "energy-pointing-game";

double slow_energy(const Tensor& map, const Tensor& mask, bool clipped) {
  double inside = 0, whole = 0;
  for (std::int64_t y = 0; y < map.size(0); ++y) {
    for (std::int64_t x = 0; x < map.size(1); ++x) {
      double value = map[y][x].item<double>();
      if (clipped && value < 0) value = 0;
      whole += value;
      if (mask[y][x].item<bool>()) inside += value;
    }
  }
  return inside / whole;
}

TEST(EnergyPointingGame, IsThePlainLoop) {
  at::manual_seed(2);
  for (int round = 0; round < 5; ++round) {
    const Tensor map = at::randn({13, 19}, at::kDouble) + .5, mask = at::rand({13, 19}) > .6;
    EXPECT_NEAR(energy_inside(map, mask), slow_energy(map, mask, true), 1e-12);
    EXPECT_NEAR(energy_inside(map, mask, MapPart::Signed), slow_energy(map, mask, false), 1e-12);
  }
}

TEST(EnergyPointingGame, HasKnownAnswers) {
  const Tensor mask = box_mask(10, 10, {.left = 0, .top = 0, .right = 10, .bottom = 3});
  MapCase one{.map = mask.to(at::kDouble), .truth = pixels(mask)};
  EXPECT_DOUBLE_EQ(one.measure(kName).values.at("energy"), 1);
  one.map = 1 - mask.to(at::kDouble);
  EXPECT_DOUBLE_EQ(one.measure(kName).values.at("energy"), 0);
  // A constant map has its energy everywhere: the object's share of the picture.
  one.map = at::full({10, 10}, 4.);
  EXPECT_DOUBLE_EQ(one.measure(kName).values.at("energy"), .3);
  // Without positive values there is no energy, and none is a hit.
  for (const double value : {0., -1.}) {
    one.map = at::full({10, 10}, value);
    EXPECT_EQ(one.measure(kName).values.at("energy"), 0);
  }
  // 2 inside; 6 and -4 outside.
  one.map = at::zeros({10, 10}, at::kDouble);
  one.map[1][1] = 2;
  one.map[8][8] = 6;
  one.map[8][9] = -4;
  EXPECT_DOUBLE_EQ(one.measure(kName).values.at("energy"), .25);
  EXPECT_DOUBLE_EQ(one.measure(kName + "(reference)").values.at("energy"), .5);
  // Signed energy of 0 divides nothing.
  one.map[8][9] = -8;
  EXPECT_EQ(one.measure(kName + "(reference)").values.at("energy"), 0);
  one.truth = pixels(at::zeros({10, 10}, at::kBool));
  EXPECT_EQ(one.measure(kName).skipped, "no pixel belongs to the class");
  EXPECT_EQ(energy_inside(one.map, one.truth.pixels), 0);
}

TEST(EnergyPointingGame, CountsDifficultPairsAsTheReferenceAlone) {
  MapCase one{.map = at::ones({4, 4}), .truth = pixels(at::ones({4, 4}) > 0)};
  one.truth.all_difficult = true;
  EXPECT_FALSE(one.measure(kName).skipped.empty());
  EXPECT_EQ(one.measure(kName + "(reference)").values.at("energy"), 0);
  EXPECT_FALSE(one.measure(kName + "(reference, subset=dif)").skipped.empty());
}

TEST(EnergyPointingGame, AveragesClassesThenAll) {
  const auto energy = [](double value) { return Measurement{.values = {{"energy", value}}}; };
  const auto metric = make_metric(kName);
  const auto summary = metric->summarize(
      {row(0, energy(.2)), row(0, energy(.4)), row(1, energy(.9)), row(2, {.skipped = "no"})});
  EXPECT_DOUBLE_EQ(summary[0], (.3 + .9) / 2);
  EXPECT_DOUBLE_EQ(summary[1], .5);
  EXPECT_THROW(energy_inside(at::rand({3, 3}), at::ones({3, 4})), Error);
}

}  // namespace
}  // namespace limn
