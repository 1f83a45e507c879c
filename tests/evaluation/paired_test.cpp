// Paired tests against trying every swap, and Holm's correction.
#include <gtest/gtest.h>

#include <cmath>

#include "evaluation/resampled_rows.h"
#include "evaluation/summary.h"
#include "limn/error.h"
#include "limn/statistics.h"

namespace limn {
namespace {

using namespace testing;

/// Every swap of pictures between two methods on the same cases.
std::vector<double> slow_p(const Metric& metric, const Rows& first, const Rows& second) {
  const auto names = pictures_of(first);
  const auto difference = [&](std::uint64_t swaps) {
    Rows one, other;
    for (std::size_t row = 0; row < first.size(); ++row) {
      const auto picture = std::find(names.begin(), names.end(), first[row].image) - names.begin();
      const bool swap = (swaps >> picture & 1) != 0;
      one.push_back(swap ? second[row] : first[row]);
      other.push_back(swap ? first[row] : second[row]);
    }
    auto values = metric.summarize(one);
    const auto others = metric.summarize(other);
    for (std::size_t i = 0; i < values.size(); ++i) values[i] -= others[i];
    return values;
  };
  const auto observed = difference(0);
  std::vector<double> p(observed.size(), 0);
  const std::uint64_t all = std::uint64_t{1} << names.size();
  for (std::uint64_t swaps = 0; swaps < all; ++swaps) {
    const auto values = difference(swaps);
    for (std::size_t i = 0; i < p.size(); ++i) {
      if (std::abs(values[i]) >= std::abs(observed[i]) - 1e-12)
        p[i] += 1 / static_cast<double>(all);
    }
  }
  return p;
}

TEST(SignFlip, IsExactForFewPictures) {
  std::vector<double> differences;
  for (std::uint64_t i = 0; i < 11; ++i) differences.push_back(normal(mix(i)) + .4);
  double sum = 0;
  for (const double one : differences) sum += one;
  int hits = 0;
  for (int signs = 0; signs < 1 << 11; ++signs) {
    double flipped = 0;
    for (int i = 0; i < 11; ++i) {
      flipped += (signs >> i & 1) != 0 ? -differences[std::size_t(i)] : differences[std::size_t(i)];
    }
    hits += std::abs(flipped) >= std::abs(sum) - 1e-12 ? 1 : 0;
  }
  EXPECT_DOUBLE_EQ(sign_flip_p(differences), hits / 2048.0);
  // Pictures without a difference change nothing.
  differences.insert(differences.begin() + 3, 200, 0.0);
  EXPECT_DOUBLE_EQ(sign_flip_p(differences), hits / 2048.0);
}

TEST(SignFlip, KnowsTheExtremes) {
  EXPECT_DOUBLE_EQ(sign_flip_p({}), 1);
  EXPECT_DOUBLE_EQ(sign_flip_p({0, 0, 0}), 1);
  EXPECT_DOUBLE_EQ(sign_flip_p({2.5}), 1) << "one picture shows nothing";
  EXPECT_DOUBLE_EQ(sign_flip_p({1, 1, 1, 1, 1}), 2 / 32.0);
  EXPECT_DOUBLE_EQ(sign_flip_p(std::vector<double>(20, 1.0), {.flips = 2'000'000}), 2 / 1048576.0);
  EXPECT_DOUBLE_EQ(sign_flip_p(std::vector<double>(100, 1.0)), 1 / 10001.0);
  EXPECT_THROW(sign_flip_p({1, NAN}), Error);
}

/// Without a difference p is below .05 in 5 % of experiments.
TEST(SignFlip, IsRarelyWrong) {
  int below = 0;
  constexpr int kTrials = 500;
  for (int trial = 0; trial < kTrials; ++trial) {
    std::vector<double> differences;
    for (std::uint64_t i = 0; i < 40; ++i) {
      differences.push_back(normal(mix(std::uint64_t(trial) * 1000 + i)));
    }
    below += sign_flip_p(differences, {.flips = 500, .seed = std::uint64_t(trial)}) < .05 ? 1 : 0;
  }
  // The standard error is .01.
  EXPECT_GT(below, kTrials * .02);
  EXPECT_LT(below, kTrials * .08);
}

TEST(ComparePaired, TriesEverySwapWhateverTheSummary) {
  const Metric& metric = every_kind();
  const Rows first = counting(make_rows(8, 1));
  Rows second = first;
  for (std::size_t row = 0; row < second.size(); ++row) {
    const std::uint64_t key = mix(777 + row);
    auto& values = second[row].measurement.values;
    values["hit"] = .7 * unit(draw(key, 0));
    values["both"] = std::floor(30 * unit(draw(key, 1)));
    if (values.contains("rare")) values["rare"] = unit(draw(key, 2));
  }
  ASSERT_EQ(pictures_of(first).size(), 8U);
  const auto p = slow_p(metric, first, second);
  const auto ours = compare_paired(metric, first, second, {.samples = 200, .seed = 4});
  EXPECT_EQ(ours.pictures, 8);
  EXPECT_EQ(ours.cases, static_cast<std::int64_t>(first.size()));
  const auto one = metric.summarize(first), other = metric.summarize(second);
  for (std::size_t i = 0; i < p.size(); ++i) {
    EXPECT_NEAR(ours.columns[i].p, p[i], 1e-12) << i;
    EXPECT_NEAR(ours.columns[i].value, one[i] - other[i], 1e-14) << i;
    std::vector<double> draws;
    for (std::uint64_t sample = 0; sample < 200; ++sample) {
      draws.push_back(slow_draw(metric, first, 4, sample)[i] -
                      slow_draw(metric, second, 4, sample)[i]);
    }
    const Interval slow = slow_interval(draws, .95);
    EXPECT_NEAR(ours.columns[i].interval.low, slow.low, 1e-12) << i;
    EXPECT_NEAR(ours.columns[i].interval.high, slow.high, 1e-12) << i;
  }
}

/// Signed sums and swaps row by row estimate the same p.
TEST(ComparePaired, GivesOnePByEveryWay) {
  const auto mean = [](const Rows& rows) -> std::vector<double> { return {mean_of(rows, "hit")}; };
  const OnlySummary fast(1, mean);
  // The same number, but only while there are curves: rows must be copied.
  const OnlySummary slow(1, [](const Rows& rows) -> std::vector<double> {
    double sum = 0, count = 0;
    for (const auto& row : rows) {
      if (!row.measurement.curves.contains("c")) continue;
      sum += row.measurement.curves.at("c")[0];
      ++count;
    }
    return {count > 1 ? sum / count : std::nan("")};
  });
  Rows first = single_values(40, 1, .15), second = single_values(40, 2);
  for (auto* rows : {&first, &second}) {
    for (auto& row : *rows) row.measurement.curves["c"] = {row.measurement.values.at("hit")};
  }
  ASSERT_EQ(Summary(slow, first).kind(0), Summary::Kind::Rows);
  const auto one = compare_paired(fast, first, second, {.samples = 100, .flips = 20'000});
  const auto other = compare_paired(slow, first, second, {.samples = 100, .flips = 20'000});
  // The second stops after 100 hits: a tenth of p is its standard error.
  EXPECT_NEAR(one.columns[0].p, other.columns[0].p, .4 * one.columns[0].p + .001);
  EXPECT_NEAR(one.columns[0].interval.low, other.columns[0].interval.low, 1e-12);
}

TEST(ComparePaired, TakesCasesThatCountForBoth) {
  const OnlySummary metric(
      1, [](const Rows& rows) -> std::vector<double> { return {mean_of(rows, "hit")}; });
  Rows first = single_values(10, 1), second = single_values(10, 1);
  for (auto& row : second) row.measurement.values["hit"] -= 1;
  second.erase(second.begin(), second.begin() + 3);
  first.back().measurement = {.skipped = "gone"};
  const auto result = compare_paired(metric, first, second);
  EXPECT_EQ(result.cases, 6);
  EXPECT_NEAR(result.columns[0].value, 1, 1e-12);
  EXPECT_NEAR(result.columns[0].interval.low, 1, 1e-12);
  EXPECT_DOUBLE_EQ(result.columns[0].p, 2 / 64.0);
  const auto none = compare_paired(metric, first, {});
  EXPECT_EQ(none.cases, 0);
  EXPECT_TRUE(std::isnan(none.columns[0].p));
}

TEST(Holm, StepsDown) {
  const auto adjusted = holm({.01, .04, NAN, .03, .005});
  EXPECT_NEAR(adjusted[0], .03, 1e-15);
  EXPECT_NEAR(adjusted[1], .06, 1e-15);
  EXPECT_TRUE(std::isnan(adjusted[2]));
  EXPECT_NEAR(adjusted[3], .06, 1e-15);
  EXPECT_NEAR(adjusted[4], .02, 1e-15);
  EXPECT_EQ(holm({.9, .8}), (std::vector<double>{1, 1}));
  EXPECT_TRUE(holm({}).empty());
}

}  // namespace
}  // namespace limn
