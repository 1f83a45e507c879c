// Metrics of many maps at once: each row as its map alone gives it, whatever lies beside it.
#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <limits>

#include "base/correlation.h"
#include "limn/compare_maps.h"
#include "limn/error.h"
#include "limn/heatmap.h"
#include "limn/localization.h"
#include "limn/sanity.h"
#include "support/map_case.h"
#include "support/slow_spearman.h"

namespace limn {
namespace {

using testing::MapCase;
using testing::pixels;
using testing::slow_spearman;

constexpr std::int64_t kCount = 6, kHeight = 17, kWidth = 23;
constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

/// Maps [N, h, w] with ties, of both signs; the second is constant, the third has one sign.
Tensor some_maps(at::ScalarType type = at::kDouble) {
  at::manual_seed(5);
  const Tensor maps = (at::randn({kCount, kHeight, kWidth}, at::kDouble) * 3).round() / 3;
  maps[1].fill_(-.3);
  maps[2].abs_();
  return maps.to(type);
}

/// Masks whose last covers everything.
Tensor some_masks() {
  at::manual_seed(6);
  const Tensor masks = at::rand({kCount, kHeight, kWidth}) > .8;
  masks[kCount - 1].fill_(true);
  return masks;
}

Tensor some_ignored() {
  at::manual_seed(7);
  return at::rand({kCount, kHeight, kWidth}) > .9;
}

void expect_rows(const Tensor& batch, const std::function<double(std::int64_t)>& alone) {
  ASSERT_EQ(batch.sizes(), at::IntArrayRef({kCount}));
  for (std::int64_t i = 0; i < kCount; ++i) {
    const double ours = batch[i].to(at::kDouble).item<double>(), one = alone(i);
    if (std::isnan(one)) {
      EXPECT_TRUE(std::isnan(ours)) << "row " << i << " is " << ours;
    } else {
      EXPECT_NEAR(ours, one, 1e-12 * std::max(1.0, std::abs(one))) << "row " << i;
    }
  }
}

TEST(Batched, PointsAndHitsAreThoseOfEachMap) {
  for (const auto type : {at::kDouble, at::kFloat, at::kHalf}) {
    const Tensor maps = some_maps(type), masks = some_masks();
    const auto points = batched::largest_point(maps);
    expect_rows(points.x, [&](std::int64_t i) { return largest_point(maps[i]).x; });
    expect_rows(points.y, [&](std::int64_t i) { return largest_point(maps[i]).y; });
    expect_rows(points.constant, [](std::int64_t i) { return i == 1; });
    for (const double tolerance : {0.0, 1.5, 15.0, 1e6}) {
      expect_rows(batched::map_hits(maps, masks, tolerance),
                  [&](std::int64_t i) { return map_hits(maps[i], masks[i], tolerance); });
      expect_rows(batched::point_hits(masks[0], points, tolerance), [&](std::int64_t i) {
        return point_hits(masks[0], largest_point(maps[i]), tolerance);
      });
    }
  }
}

TEST(Batched, EnergyAndOverlapsAreThoseOfEachMap) {
  const Tensor maps = some_maps(), masks = some_masks(), ignored = some_ignored();
  for (const auto part : {MapPart::Positive, MapPart::Signed}) {
    expect_rows(batched::energy_inside(maps, masks, part),
                [&](std::int64_t i) { return energy_inside(maps[i], masks[i], part); });
    expect_rows(batched::energy_inside(maps, masks[0], part),
                [&](std::int64_t i) { return energy_inside(maps[i], masks[0], part); });
  }
  const auto overlap = batched::signed_overlap(maps, masks, ignored);
  const auto alone = [&](std::int64_t i) { return signed_overlap(maps[i], masks[i], ignored[i]); };
  expect_rows(overlap.positive, [&](std::int64_t i) { return alone(i).positive.value_or(kNaN); });
  expect_rows(overlap.negative, [&](std::int64_t i) { return alone(i).negative.value_or(kNaN); });
  const Tensor all = at::ones({kHeight, kWidth}, at::kBool);
  EXPECT_TRUE(batched::signed_overlap(maps.abs() + 1, all).negative.isnan().all().item<bool>());
}

TEST(Batched, MeansOutsideAndInsideAreThoseOfEachMap) {
  const Tensor maps = some_maps(), masks = some_masks(), ignored = some_ignored();
  const auto means = batched::outside_inside(maps, masks, ignored);
  const auto alone = [&](std::int64_t i, auto value) {
    if (i == kCount - 1) return kNaN;  // there is nothing outside
    return value(outside_inside(maps[i], masks[i], ignored[i]));
  };
  expect_rows(means.outside, [&](std::int64_t i) {
    return alone(i, [](const OutsideInside& one) { return one.outside; });
  });
  expect_rows(means.share(), [&](std::int64_t i) {
    return alone(i, [](const OutsideInside& one) { return one.share(); });
  });
  EXPECT_FALSE(means.inside.isnan().any().item<bool>());
}

TEST(Batched, SegmentationIsThatOfEachMap) {
  const Tensor maps = some_maps(), masks = some_masks(), ignored = some_ignored();
  for (const std::string rule : {"zero", "mean", "otsu", "0.2"}) {
    expect_rows(batched::map_threshold(maps, rule),
                [&](std::int64_t i) { return map_threshold(maps[i], rule); });
    const Tensor cut = batched::segment_map(maps, rule);
    for (std::int64_t i = 0; i < kCount; ++i) {
      EXPECT_TRUE(at::equal(cut[i], segment_map(maps[i], rule))) << rule << ", row " << i;
    }
    const auto counts = batched::count_segmentation(cut, masks, ignored);
    const auto alone = [&](std::int64_t i) {
      return count_segmentation(cut[i], masks[i], ignored[i]);
    };
    const auto real = [](std::int64_t count) { return static_cast<double>(count); };
    expect_rows(counts.true_foreground,
                [&](std::int64_t i) { return real(alone(i).true_foreground); });
    expect_rows(counts.false_foreground,
                [&](std::int64_t i) { return real(alone(i).false_foreground); });
    expect_rows(counts.true_background,
                [&](std::int64_t i) { return real(alone(i).true_background); });
    expect_rows(counts.false_background,
                [&](std::int64_t i) { return real(alone(i).false_background); });
    const Tensor all = counts.true_foreground + counts.false_foreground + counts.true_background +
                       counts.false_background;
    expect_rows(all, [&](std::int64_t i) {
      return real(kHeight * kWidth - ignored[i].sum().item<std::int64_t>());
    });
  }
}

TEST(Batched, RankCorrelationsAreThePlainCount) {
  const Tensor maps = some_maps(), others = maps.flip(0).contiguous();
  expect_rows(rank_correlations(maps.flatten(1), others.flatten(1)),
              [&](std::int64_t i) { return slow_spearman(maps[i], others[i]); });
  EXPECT_EQ(rank_correlation(maps[1], maps[1] * 2), 1) << "both are constant";
}

TEST(Batched, ComparisonsAreThoseOfEachPair) {
  const Tensor maps = some_maps(), others = maps.flip(0).contiguous();
  const auto compared = batched::compare_maps(maps, others);
  const auto alone = [&](std::int64_t i) { return compare_maps(maps[i], others[i]); };
  expect_rows(compared.cosine, [&](std::int64_t i) { return alone(i).cosine; });
  expect_rows(compared.rank_correlation, [&](std::int64_t i) { return alone(i).rank_correlation; });
  expect_rows(compared.ssim, [&](std::int64_t i) { return alone(i).ssim; });
  expect_rows(compared.largest_difference,
              [&](std::int64_t i) { return alone(i).largest_difference; });
  expect_rows(compared.relative_difference,
              [&](std::int64_t i) { return alone(i).relative_difference; });
  expect_rows(compared.place, [&](std::int64_t i) {
    const auto place = alone(i).place;
    return static_cast<double>(place[0] * kWidth + place[1]);
  });
  expect_rows(batched::positive_overlap(maps, others),
              [&](std::int64_t i) { return positive_overlap(maps[i], others[i]); });
}

TEST(Batched, LargeBatchesAreJudgedInParts) {
  at::manual_seed(8);
  const Tensor maps = at::randn({5, 1100, 1000}), others = at::randn({5, 1100, 1000});
  const Tensor ssim = batched::compare_maps(maps, others).ssim;
  for (const std::int64_t i : {0, 4}) {
    EXPECT_NEAR(ssim[i].item<double>(), compare_maps(maps[i], others[i]).ssim, 1e-12);
  }
  std::vector<MapCase> cases;
  for (int i = 0; i < 18; ++i) {
    cases.push_back({.map = at::randn({1100, 1000}), .truth = pixels(others[i % 5] > .5)});
  }
  const auto together = testing::measure_all(cases, "energy-pointing-game");
  for (const std::size_t i : {std::size_t{0}, std::size_t{14}, std::size_t{15}, std::size_t{17}}) {
    EXPECT_NEAR(together[i].values.at("energy"),
                cases[i].measure("energy-pointing-game").values.at("energy"), 1e-12);
  }
}

TEST(Batched, SimilaritiesLeaveMapsThatSayNothingOut) {
  const Tensor maps = some_maps();
  Tensor others = maps.flip(2).contiguous();
  others[0][3][4] = kNaN;
  others[3] = at::where(maps[3] > 0, 1.0, -1.0);  // one strength
  const auto similar = batched::map_similarity(maps, others);
  ASSERT_EQ(similar.size(), static_cast<std::size_t>(kCount));
  for (std::int64_t i = 0; i < kCount; ++i) {
    const auto& ours = similar[static_cast<std::size_t>(i)];
    const MapSimilarity one = map_similarity(maps[i], others[i]);
    EXPECT_EQ(ours.degenerate, i < 2) << i;
    EXPECT_EQ(one.degenerate, ours.degenerate) << i;
    EXPECT_NEAR(ours.spearman, one.spearman, 1e-12) << i;
    EXPECT_NEAR(ours.signed_spearman, one.signed_spearman, 1e-12) << i;
    EXPECT_NEAR(ours.ssim, one.ssim, 1e-12) << i;
  }
  EXPECT_EQ(similar[0].ssim, 0);
  EXPECT_EQ(similar[3].spearman, 0);
  EXPECT_NE(similar[3].signed_spearman, 0);
}

TEST(Batched, MapsComeBackToTheOriginalTogether) {
  const Geometry geometry{.input_height = 34,
                          .input_width = 46,
                          .original_height = 40,
                          .original_width = 70,
                          .scale_y = 40. / 34,
                          .scale_x = 40. / 34,
                          .offset_x = 8};
  const Tensor maps = some_maps(), together = to_original(maps, geometry);
  for (std::int64_t i = 0; i < kCount; ++i) {
    EXPECT_LT((together[i] - to_original(maps[i], geometry)).abs().max().item<double>(), 1e-12);
  }
}

TEST(Batched, MetricsJudgeCasesOfAllSizesInOrder) {
  at::manual_seed(9);
  std::vector<MapCase> cases;
  for (const std::int64_t size : {20, 30, 20, 20, 30, 20}) {
    cases.push_back(
        {.map = at::randn({size, size + 5}), .truth = pixels(at::rand({size, size + 5}) > .6)});
  }
  cases[0].truth = {};                                      // nothing is known
  cases[2].truth = pixels(at::zeros({20, 25}, at::kBool));  // the class is not there
  cases[3].truth.ignored = at::rand({20, 25}) > .8;         // some pixels count nowhere
  cases[4].truth = pixels(at::ones({30, 35}, at::kBool));   // the class is everywhere
  cases[5].map = at::ones({20, 25});                        // the map points nowhere
  for (const std::string spec :
       {"pointing-game(tolerance=2)", "energy-pointing-game",
        "energy-pointing-game(reference=true)", "posneg-miou", "posneg-miou(center=mean)",
        "outside-inside-ratio", "segmentation",
        "segmentation(threshold=otsu, crf=true, iterations=2)", "completeness"}) {
    const auto together = testing::measure_all(cases, spec);
    ASSERT_EQ(together.size(), cases.size());
    for (std::size_t i = 0; i < cases.size(); ++i) {
      const Measurement alone = cases[i].measure(spec);
      EXPECT_EQ(together[i].skipped, alone.skipped) << spec << ", case " << i;
      ASSERT_EQ(together[i].values.size(), alone.values.size()) << spec << ", case " << i;
      EXPECT_EQ(alone.skipped.empty(), !alone.values.empty()) << spec << ", case " << i;
      for (const auto& [name, value] : alone.values) {
        EXPECT_NEAR(together[i].values.at(name), value, 1e-12) << spec << ", " << name;
      }
    }
    EXPECT_EQ(make_metric(spec)->is_batched(),
              spec != "completeness" && spec.find("crf") == std::string::npos);
  }
  EXPECT_EQ(cases[4].measure("outside-inside-ratio").skipped, "the class covers the whole picture");
  cases[1].map[0][0] = NAN;
  EXPECT_THROW(testing::measure_all(cases, "pointing-game"), Error);
  EXPECT_THROW(testing::measure_all(cases, "segmentation"), Error);
  EXPECT_TRUE(testing::measure_all({}, "segmentation").empty());
}

TEST(Batched, StaysOnTheDeviceOfTheMaps) {
  if (!at::hasCUDA()) GTEST_SKIP() << "this libtorch sees no CUDA device";
  const Tensor maps = some_maps(), masks = some_masks(), there = maps.to(at::kCUDA);
  const auto same = [](const Tensor& gpu, const Tensor& cpu) {
    EXPECT_TRUE(gpu.is_cuda());
    EXPECT_LT((gpu.cpu() - cpu).to(at::kDouble).abs().max().item<double>(), 1e-9);
  };
  same(batched::map_hits(there, masks).to(at::kLong), batched::map_hits(maps, masks).to(at::kLong));
  same(batched::energy_inside(there, masks), batched::energy_inside(maps, masks));
  same(batched::signed_overlap(there, masks[0]).positive,
       batched::signed_overlap(maps, masks[0]).positive);
  same(batched::outside_inside(there, masks[0]).outside,
       batched::outside_inside(maps, masks[0]).outside);
  same(batched::otsu_threshold(there), batched::otsu_threshold(maps));
  same(batched::count_segmentation(there > 0, masks).true_foreground,
       batched::count_segmentation(maps > 0, masks).true_foreground);
  const auto gpu = batched::compare_maps(there, maps.flip(0));
  const auto cpu = batched::compare_maps(maps, maps.flip(0));
  same(gpu.rank_correlation, cpu.rank_correlation);
  same(gpu.ssim, cpu.ssim);
  const Geometry geometry{
      .input_height = 34, .input_width = 46, .original_height = 40, .original_width = 70};
  same(to_original(there, geometry), to_original(maps, geometry));
}

TEST(Batched, RefusesWhatDoesNotFit) {
  const Tensor maps = some_maps(), masks = some_masks();
  const auto refused = [](const auto& call) { EXPECT_THROW(call(), Error); };
  refused([&] { batched::map_hits(maps[0], masks[0]); });
  refused([&] { batched::map_hits(maps, masks.slice(0, 1)); });
  refused([&] { batched::energy_inside(maps, masks[0].slice(0, 1)); });
  refused([&] { batched::energy_inside(maps.slice(0, 0, 0), masks); });
  refused([&] { batched::signed_overlap(maps, masks, masks[0].slice(1, 1)); });
  refused([&] { batched::outside_inside(maps.log(), masks); });
  refused([&] { batched::map_threshold(maps, "half"); });
  refused([&] { batched::count_segmentation(masks[0], masks[0]); });
  refused([&] { batched::compare_maps(maps[0], maps[0]); });
  refused([&] { batched::compare_maps(maps, maps.slice(0, 1)); });
  refused([&] { batched::map_similarity(maps, maps.slice(1, 1)); });
  refused([&] {
    batched::point_hits(masks, {.x = at::zeros({2}), .y = at::zeros({2}), .constant = {}});
  });
  const Tensor nowhere = at::full({kCount}, kNaN, at::kDouble);
  refused([&] { batched::point_hits(masks, {.x = nowhere, .y = nowhere, .constant = {}}); });
  refused([&] {
    batched::point_hits(masks[0],
                        {.x = nowhere.slice(0, 0, 0), .y = nowhere.slice(0, 0, 0), .constant = {}});
  });
  refused([&] { map_hits(maps[0], masks.slice(0, 0, 1)); });
  refused([&] { to_original(maps[0][0], {}); });
}

}  // namespace
}  // namespace limn
