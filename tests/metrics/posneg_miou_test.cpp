// Overlaps by sign against sets of pixels.
#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <cmath>
#include <set>

#include "limn/error.h"
#include "limn/localization.h"
#include "support/map_case.h"

namespace limn {
namespace {

using testing::box_mask;
using testing::MapCase;
using testing::pixels;
using testing::row;

using Places = std::set<std::int64_t>;

/// |a and b| / |a or b|.
double slow_overlap(const Places& a, const Places& b) {
  Places both, either = a;
  for (const auto place : b) {
    if (a.count(place) > 0) both.insert(place);
    either.insert(place);
  }
  return static_cast<double>(both.size()) / static_cast<double>(either.size());
}

TEST(PosnegMiou, IsAnOverlapOfSets) {
  at::manual_seed(3);
  for (int round = 0; round < 5; ++round) {
    const Tensor map = (at::randn({9, 14}, at::kDouble) * 2).round();  // zeros are of neither sign
    const Tensor mask = at::rand({9, 14}) > .7, ignored = at::rand({9, 14}) > .9;
    Places positive, negative, object, rest;
    for (std::int64_t i = 0; i < map.numel(); ++i) {
      if (ignored.flatten()[i].item<bool>()) continue;
      const double value = map.flatten()[i].item<double>();
      if (value > 0) positive.insert(i);
      if (value < 0) negative.insert(i);
      (mask.flatten()[i].item<bool>() ? object : rest).insert(i);
    }
    const SignedOverlap ours = signed_overlap(map, mask, ignored);
    EXPECT_NEAR(ours.positive.value(), slow_overlap(positive, object), 1e-12);
    EXPECT_NEAR(ours.negative.value(), slow_overlap(negative, rest), 1e-12);
  }
}

TEST(PosnegMiou, HasKnownAnswers) {
  const Tensor mask =
      box_mask(10, 10, {.left = 2, .top = 2, .right = 6, .bottom = 7});  // 20 pixels
  MapCase one{.map = mask.to(at::kDouble) - .5, .truth = pixels(mask)};
  const auto values = [&](const std::string& spec) { return one.measure(spec).values; };
  EXPECT_EQ(values("posneg-miou").at("positive"), 1);
  EXPECT_EQ(values("posneg-miou").at("negative"), 1);
  one.map = -one.map;  // the worst
  EXPECT_EQ(values("posneg-miou").at("positive"), 0);
  EXPECT_EQ(values("posneg-miou").at("negative"), 0);
  // Positive everywhere covers the object, but at the price of the rest.
  one.map = at::full({10, 10}, .1);
  EXPECT_DOUBLE_EQ(values("posneg-miou").at("positive"), .2);
  EXPECT_EQ(values("posneg-miou").at("negative"), 0);
  // Around its mean a constant map has no sign at all, though its mean is rounded.
  EXPECT_EQ(values("posneg-miou(center=mean)").at("positive"), 0);
  EXPECT_EQ(values("posneg-miou(center=mean)").at("negative"), 0);
  // Around its mean a map of one sign speaks for both.
  one.map = mask.to(at::kDouble);
  EXPECT_EQ(values("posneg-miou").at("negative"), 0);
  EXPECT_EQ(values("posneg-miou(center=mean)").at("positive"), 1);
  EXPECT_EQ(values("posneg-miou(center=mean)").at("negative"), 1);
}

TEST(PosnegMiou, LeavesOutWhatIsUndefined) {
  MapCase one{.map = at::ones({4, 4}), .truth = pixels(at::ones({4, 4}, at::kBool))};
  const Measurement covered = one.measure("posneg-miou");
  EXPECT_EQ(covered.values.at("positive"), 1);
  EXPECT_EQ(covered.values.count("negative"), 0U);  // no rest, no negative values
  one.truth = pixels(at::zeros({4, 4}, at::kBool));
  EXPECT_EQ(one.measure("posneg-miou").skipped, "no pixel belongs to the class");
  EXPECT_FALSE(signed_overlap(-one.map, one.truth.pixels).positive.has_value());
}

TEST(PosnegMiou, SaysWhichMaskItTookAndLeavesOutUnlabelledPixels) {
  const Tensor mask = box_mask(6, 6, {.left = 0, .top = 0, .right = 3, .bottom = 6});
  MapCase one{.map = box_mask(6, 6, {.left = 0, .top = 0, .right = 4, .bottom = 6}).to(at::kFloat),
              .truth = pixels(mask)};
  one.truth.object_masks = false;
  one.truth.boxes = at::ones({6, 6}, at::kBool);
  EXPECT_EQ(one.measure("posneg-miou").values.at("pixels"), 1);
  EXPECT_DOUBLE_EQ(one.measure("posneg-miou").values.at("positive"), .75);
  EXPECT_EQ(one.measure("posneg-miou(mask=boxes)").values.at("pixels"), 0);
  one.truth.ignored = box_mask(6, 6, {.left = 3, .top = 0, .right = 4, .bottom = 6});
  EXPECT_DOUBLE_EQ(one.measure("posneg-miou").values.at("positive"), 1);
}

TEST(PosnegMiou, AveragesClasses) {
  const auto both = [](double positive, double negative) {
    return Measurement{.values = {{"positive", positive}, {"negative", negative}}};
  };
  const auto summary = make_metric("posneg-miou")
                           ->summarize({row(0, both(.2, .4)), row(0, both(.4, .6)),
                                        row(1, Measurement{.values = {{"positive", .9}}})});
  EXPECT_DOUBLE_EQ(summary[0], .6);
  EXPECT_DOUBLE_EQ(summary[1], .5);
  EXPECT_THROW(signed_overlap(at::rand({3, 3}), at::ones({4, 3})), Error);
}

}  // namespace
}  // namespace limn
