// Segmentation figures against plain loops and scikit-learn's definition of average precision.
#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "limn/error.h"
#include "limn/localization.h"
#include "support/map_case.h"

namespace limn {
namespace {

using testing::box_mask;
using testing::MapCase;
using testing::pixels;
using testing::row;

/// sum over thresholds, from the highest score down, of (recall gained) * precision; equal scores
/// come together.
double slow_average_precision(const std::vector<std::pair<double, bool>>& entries) {
  std::vector<double> thresholds;
  double positives = 0;
  for (const auto& [score, truth] : entries) {
    thresholds.push_back(score);
    positives += truth ? 1 : 0;
  }
  std::sort(thresholds.begin(), thresholds.end(), std::greater<>());
  thresholds.erase(std::unique(thresholds.begin(), thresholds.end()), thresholds.end());
  double average = 0, recall = 0;
  for (const double threshold : thresholds) {
    double taken = 0, right = 0;
    for (const auto& [score, truth] : entries) {
      if (score < threshold) continue;
      ++taken;
      right += truth ? 1 : 0;
    }
    average += (right / positives - recall) * right / taken;
    recall = right / positives;
  }
  return average;
}

TEST(Segmentation, CountsAsAPlainLoop) {
  at::manual_seed(5);
  for (int round = 0; round < 6; ++round) {
    const Tensor predicted = at::rand({9, 13}) > .5, mask = at::rand({9, 13}) > .15 * round;
    const Tensor ignored = at::rand({9, 13}) > .8;
    SegmentationCounts slow;
    std::vector<std::pair<double, bool>> entries;
    for (std::int64_t i = 0; i < mask.numel(); ++i) {
      if (ignored.flatten()[i].item<bool>()) continue;
      const bool p = predicted.flatten()[i].item<bool>(), m = mask.flatten()[i].item<bool>();
      ++(p ? (m ? slow.true_foreground : slow.false_foreground)
           : (m ? slow.false_background : slow.true_background));
      entries.emplace_back(p ? 0 : 1, !m);  // the plane of the background
      entries.emplace_back(p ? 1 : 0, m);
    }
    const SegmentationCounts ours = count_segmentation(predicted, mask, ignored);
    EXPECT_EQ(ours, slow);
    EXPECT_NEAR(ours.average_precision(), slow_average_precision(entries), 1e-12);
  }
}

TEST(Segmentation, HasKnownFigures) {
  // 3 + 4 right; 1 and 2 wrong.
  const SegmentationCounts counts{
      .true_foreground = 3, .false_foreground = 1, .true_background = 4, .false_background = 2};
  EXPECT_DOUBLE_EQ(counts.pixel_accuracy(), .7);
  EXPECT_DOUBLE_EQ(counts.foreground_iou(), 3. / 6);
  EXPECT_DOUBLE_EQ(counts.background_iou(), 4. / 7);
  EXPECT_DOUBLE_EQ(counts.mean_iou(), (3. / 6 + 4. / 7) / 2);
  EXPECT_DOUBLE_EQ(counts.average_precision(), .7 * .7 + .15);
  // What is nowhere, in truth or prediction, has no IoU and takes no part in the mean.
  const SegmentationCounts background{.true_background = 9};
  EXPECT_TRUE(std::isnan(background.foreground_iou()));
  EXPECT_EQ(background.mean_iou(), 1);
  EXPECT_TRUE(std::isnan(SegmentationCounts().mean_iou()));
}

/// The variance within both classes, where `threshold` and all below are one class.
double within_variance(const Tensor& map, double threshold) {
  double total = 0;
  for (const Tensor& part :
       {map.masked_select(map <= threshold), map.masked_select(map > threshold)}) {
    if (part.numel() > 0) total += (part - part.mean()).square().sum().item<double>();
  }
  return total;
}

TEST(Segmentation, OtsuLeavesTheLeastVarianceWithin) {
  at::manual_seed(6);
  for (int round = 0; round < 4; ++round) {
    // Values at bin centers, so that the histogram is exact: lowest .5, highest 255.5.
    Tensor map = at::cat({at::randn({300}, at::kDouble) * 20 + 70,
                          at::randn({100 + 50 * round}, at::kDouble) * 15 + 180});
    map = map.round().clamp(1, 254);
    map[0] = 0;
    map[1] = 255;
    const Tensor rows = map.unsqueeze(0);
    double least = kInfinity;
    for (int level = 0; level < 255; ++level) {
      least = std::min(least, within_variance(rows, level));
    }
    // The histogram runs from 0 to 255 in 256 bins: whole numbers fall into one each.
    EXPECT_NEAR(within_variance(rows, otsu_threshold(rows)), least, 1e-3 * least);
  }
  // Two values: the center of the lowest of 256 bins.
  EXPECT_NEAR(otsu_threshold(at::tensor({0., 0., 1., 1.}, at::kDouble).view({2, 2})), .5 / 256,
              1e-15);
  EXPECT_EQ(otsu_threshold(at::full({3, 3}, 2.5)), 2.5);
}

TEST(Segmentation, CutsAtEachThreshold) {
  const Tensor map = at::tensor({-2., -1., .5, 1., 2., 8.}, at::kDouble).view({2, 3});
  EXPECT_EQ(map_threshold(map, "zero"), 0);
  EXPECT_DOUBLE_EQ(map_threshold(map, "mean"), 8.5 / 6);
  EXPECT_DOUBLE_EQ(map_threshold(map, "0.25"), 2);
  EXPECT_DOUBLE_EQ(map_threshold(map, "-0.25"), -2);
  EXPECT_EQ(segment_map(map, "zero").sum().item<std::int64_t>(), 4);
  EXPECT_EQ(segment_map(map, "mean").sum().item<std::int64_t>(), 2);
  EXPECT_EQ(segment_map(map, "0.25").sum().item<std::int64_t>(), 1);
  EXPECT_EQ(segment_map(map, "otsu").sum().item<std::int64_t>(), 1);
  for (const std::string rule : {"zero", "mean", "otsu", "0.2"}) {
    EXPECT_FALSE(segment_map(at::full({4, 4}, 3.), rule).any().item<bool>()) << rule;
  }
  for (const std::string rule : {"median", "", "0.2x", "nan", "inf"}) {
    EXPECT_THROW(map_threshold(map, rule), Error) << rule;
  }
  EXPECT_THROW(make_metric("segmentation(threshold=median)"), Error);
  EXPECT_EQ(make_metric("segmentation(threshold=0.2)")->spec().text(),
            "segmentation(threshold=0.2, mask=pixels, crf=false, alpha=4, iterations=10)");
}

TEST(Segmentation, TellsAPerfectMapFromTheWorstAndFromNone) {
  const auto metric = make_metric("segmentation");
  const Tensor mask = box_mask(10, 10, {.left = 0, .top = 0, .right = 5, .bottom = 8});  // 40
  MapCase one{.map = mask.to(at::kDouble) - .5, .truth = pixels(mask)};
  const auto summary = [&] { return metric->summarize({row(0, one.measure("segmentation"))}); };
  EXPECT_EQ(summary(), std::vector<double>({1, 1, 1}));
  one.map = -one.map;
  EXPECT_EQ(summary(), std::vector<double>({0, 0, .5}));
  // A constant map is all background, whatever its constant.
  for (const double value : {0., 1.}) {
    one.map = at::full({10, 10}, value);
    EXPECT_DOUBLE_EQ(summary()[0], .3);
    EXPECT_DOUBLE_EQ(summary()[1], .6);
  }
  one.truth = pixels(at::zeros({10, 10}, at::kBool));
  EXPECT_EQ(one.measure("segmentation").skipped, "no pixel belongs to the class");
  one.truth = {};
  one.truth.boxes = mask;
  EXPECT_NE(one.measure("segmentation").skipped.find("mask=boxes"), std::string::npos);
  EXPECT_TRUE(one.measure("segmentation(mask=boxes)").skipped.empty());
}

TEST(Segmentation, HonorsIgnoredPixels) {
  const Tensor mask = box_mask(10, 10, {.left = 0, .top = 0, .right = 5, .bottom = 10});
  MapCase one{
      .map = box_mask(10, 10, {.left = 0, .top = 0, .right = 6, .bottom = 10}).to(at::kFloat),
      .truth = pixels(mask)};
  const auto metric = make_metric("segmentation");
  EXPECT_DOUBLE_EQ(metric->summarize({row(0, one.measure("segmentation"))})[1], .9);
  one.truth.ignored = box_mask(10, 10, {.left = 5, .top = 0, .right = 6, .bottom = 10});
  const Measurement measured = one.measure("segmentation");
  EXPECT_EQ(metric->summarize({row(0, measured)}), std::vector<double>({1, 1, 1}));
  EXPECT_EQ(measured.values.at("true-background"), 40);
}

TEST(Segmentation, SumsCountsOverTheDataSet) {
  const auto counts = [](double tf, double ff, double tb, double fb, double ap) {
    return Measurement{.values = {{"true-foreground", tf},
                                  {"false-foreground", ff},
                                  {"true-background", tb},
                                  {"false-background", fb},
                                  {"average-precision", ap}}};
  };
  const auto summary =
      make_metric("segmentation")
          ->summarize({row(0, counts(10, 0, 0, 0, 1)), row(4, counts(1, 2, 3, 4, .5)),
                       row(5, {.skipped = "no pixels"})});
  EXPECT_DOUBLE_EQ(summary[0], (11. / 17 + 3. / 9) / 2);
  EXPECT_DOUBLE_EQ(summary[1], 14. / 20);
  EXPECT_DOUBLE_EQ(summary[2], .75);
}

/// A square of another color under a noisy map whose blob spills over the square's edge.
TEST(Segmentation, TheFieldMovesTheCutToTheEdgeOfTheObject) {
  at::manual_seed(7);
  const Tensor mask = box_mask(48, 64, {.left = 20, .top = 12, .right = 44, .bottom = 36});
  MapCase one{.map = at::zeros({48, 64}, at::kDouble), .truth = pixels(mask)};
  one.map.slice(0, 15, 39).slice(1, 23, 47).fill_(1);
  one.map += at::randn({48, 64}, at::kDouble) * .3;
  one.picture = at::full({48, 64, 3}, 60, at::kByte);
  one.picture.masked_fill_(mask.unsqueeze(2), 190);
  const auto miou = [&](const std::string& spec) {
    return make_metric(spec)->summarize({row(0, one.measure(spec))})[0];
  };
  EXPECT_LT(miou("segmentation(threshold=otsu)"), .75);
  EXPECT_GT(miou("segmentation(threshold=zero, crf)"), .9);
  // Without a map there is nothing to refine.
  one.map = at::ones({48, 64});
  EXPECT_EQ(one.measure("segmentation(crf)").values.at("true-foreground"), 0);
}

}  // namespace
}  // namespace limn
