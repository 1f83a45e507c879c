// Intervals against plain second implementations that copy rows.
#include "limn/statistics.h"

#include <gtest/gtest.h>

#include <cmath>
#include <numeric>

#include "evaluation/resampled_rows.h"
#include "evaluation/summary.h"
#include "limn/error.h"

namespace limn {
namespace {

using namespace testing;

TEST(Estimate, DrawsWholePicturesWhateverTheSummary) {
  const Metric& metric = every_kind();
  const Rows rows = make_rows(30, 1), kept = counting(rows);
  const Resampling options{.samples = 200, .seed = 5, .level = .9};
  const auto values = metric.summarize(kept);
  std::vector<std::vector<double>> draws(values.size());
  for (std::uint64_t sample = 0; sample < 200; ++sample) {
    const auto drawn = slow_draw(metric, kept, options.seed, sample);
    for (std::size_t i = 0; i < drawn.size(); ++i) draws[i].push_back(drawn[i]);
  }
  const auto ours = estimate(metric, rows, options);
  ASSERT_EQ(ours.size(), values.size());
  for (std::size_t i = 0; i < values.size(); ++i) {
    const Interval slow = slow_interval(draws[i], options.level);
    EXPECT_EQ(ours[i].value, values[i]) << i;
    EXPECT_NEAR(ours[i].interval.low, slow.low, 1e-12) << i;
    EXPECT_NEAR(ours[i].interval.high, slow.high, 1e-12) << i;
    EXPECT_LT(ours[i].interval.low, ours[i].interval.high) << i;
  }
}

TEST(Estimate, FindsHowAColumnFollowsFromItsRows) {
  const Summary summary(every_kind(), counting(make_rows(30, 1)));
  using Kind = Summary::Kind;
  const Kind expected[] = {Kind::Mean,   Kind::Mean, Kind::Joined,
                           Kind::Joined, Kind::Rows, Kind::Mean};
  for (std::size_t i = 0; i < 6; ++i) EXPECT_EQ(summary.kind(i), expected[i]) << i;
  EXPECT_FALSE(summary.per_class(0));
  EXPECT_TRUE(summary.per_class(1));
}

/// The interval must cover the truth in about 95 % of experiments.
TEST(Estimate, CoversTheTruth) {
  const OnlySummary metric(
      1, [](const Rows& rows) -> std::vector<double> { return {mean_of(rows, "hit")}; });
  int covered = 0;
  constexpr int kTrials = 400;
  for (int trial = 0; trial < kTrials; ++trial) {
    const auto one = estimate(metric, single_values(60, std::uint64_t(trial) + 1, 3),
                              {.samples = 300, .seed = std::uint64_t(trial)});
    covered += one[0].interval.low <= 3 && 3 <= one[0].interval.high ? 1 : 0;
  }
  const double share = covered / static_cast<double>(kTrials);
  // Percentile intervals from 60 pictures are slightly narrow; the standard error here is .011.
  EXPECT_GT(share, .90);
  EXPECT_LT(share, .98);
}

/// For a mean the interval is that of the central limit theorem.
TEST(Estimate, IsAsWideAsTheTheorySays) {
  const OnlySummary metric(
      1, [](const Rows& rows) -> std::vector<double> { return {mean_of(rows, "hit")}; });
  const auto one = estimate(metric, single_values(1000, 9), {.samples = 5000});
  const double width = one[0].interval.high - one[0].interval.low;
  EXPECT_NEAR(width, 2 * 1.96 / std::sqrt(1000.0), .008);
}

TEST(Estimate, DoesNotDependOnTheOrderOfRows) {
  Rows rows = make_rows(25, 3);
  const auto first = estimate(every_kind(), rows);
  std::reverse(rows.begin(), rows.end());
  const auto second = estimate(every_kind(), rows);
  for (std::size_t i = 0; i < first.size(); ++i) {
    EXPECT_EQ(first[i].interval.low, second[i].interval.low) << i;
    EXPECT_EQ(first[i].interval.high, second[i].interval.high) << i;
  }
}

TEST(Estimate, SaysNothingWhereNothingIsKnown) {
  const auto none = estimate(every_kind(), {});
  ASSERT_EQ(none.size(), 6U);
  for (const auto& one : none) {
    EXPECT_TRUE(std::isnan(one.value));
    EXPECT_TRUE(std::isnan(one.interval.low));
  }
  Rows skipped = make_rows(5, 1);
  for (auto& row : skipped) row.measurement = {.skipped = "nothing"};
  EXPECT_TRUE(std::isnan(estimate(every_kind(), skipped)[0].value));
  Rows single = counting(make_rows(1, 2));
  ASSERT_FALSE(single.empty());
  const auto alone = estimate(every_kind(), single);
  EXPECT_TRUE(std::isfinite(alone[0].value));
  EXPECT_TRUE(std::isnan(alone[0].interval.low)) << "one picture has no interval";
}

TEST(Draws, HoldEachPictureOnceOnAverage) {
  std::vector<double> sum(20, 0.0);
  for (std::uint64_t sample = 0; sample < 4000; ++sample) {
    const auto times = draw_pictures(20, 3, sample);
    EXPECT_EQ(std::accumulate(times.begin(), times.end(), 0U), 20U);
    for (std::size_t i = 0; i < 20; ++i) sum[i] += times[i];
  }
  // A count's standard error over 4000 drawings is .016.
  for (const double one : sum) EXPECT_NEAR(one / 4000, 1, .08);
  EXPECT_EQ(draw_pictures(20, 3, 7), draw_pictures(20, 3, 7));
  EXPECT_NE(draw_pictures(20, 3, 7), draw_pictures(20, 4, 7));
}

TEST(PercentileInterval, LiesBetweenOrderStatistics) {
  const Interval half = percentile_interval({5, 1, 4, 2, 3}, .5);
  EXPECT_DOUBLE_EQ(half.low, 2);
  EXPECT_DOUBLE_EQ(half.high, 4);
  const Interval between = percentile_interval({0, 10}, .9);
  EXPECT_NEAR(between.low, .5, 1e-12);
  EXPECT_NEAR(between.high, 9.5, 1e-12);
  EXPECT_TRUE(std::isnan(percentile_interval({}, .9).low));
  EXPECT_TRUE(std::isnan(percentile_interval({NAN, NAN, 1}, .9).low));
  EXPECT_DOUBLE_EQ(percentile_interval({NAN, 1, 1}, .9).high, 1);
}

TEST(Resampling, RefusesWhatHasNoMeaning) {
  const Rows rows = make_rows(5, 1);
  EXPECT_THROW(estimate(every_kind(), rows, {.samples = 10}), Error);
  EXPECT_THROW(estimate(every_kind(), rows, {.samples = 2'000'000}), Error);
  EXPECT_THROW(estimate(every_kind(), rows, {.level = 1}), Error);
  EXPECT_THROW(estimate(every_kind(), rows, {.level = NAN}), Error);
  EXPECT_THROW(compare_paired(every_kind(), rows, rows, {.flips = 0}), Error);
}

}  // namespace
}  // namespace limn
