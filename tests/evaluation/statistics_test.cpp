// Intervals and tests against plain second implementations that copy rows and try every swap.
#include "limn/statistics.h"

#include <ATen/Parallel.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <numeric>

#include "base/counter_random.h"
#include "evaluation/summary.h"
#include "limn/error.h"
#include "metrics/metric_base.h"

namespace limn {
namespace {

using Rows = std::vector<MetricRow>;
using Summarize = std::function<std::vector<double>(const Rows&)>;

/// A metric that only summarizes.
class OnlySummary : public Metric {
 public:
  OnlySummary(std::size_t columns, Summarize summarize) : summarize_(std::move(summarize)) {
    for (std::size_t i = 0; i < columns; ++i) {
      info_.columns.push_back({.name = "column" + std::to_string(i)});
    }
  }
  const MetricInfo& info() const override { return info_; }
  Spec spec() const override { return Spec::parse("only-summary"); }
  Measurement measure(const MetricCase&) const override { return {}; }
  std::vector<double> summarize(const Rows& rows) const override { return summarize_(rows); }

 private:
  MetricInfo info_;
  Summarize summarize_;
};

double total(const Rows& rows, const std::string& name) {
  double sum = 0;
  for (const auto& row : rows) {
    const auto found = row.measurement.values.find(name);
    if (found != row.measurement.values.end()) sum += found->second;
  }
  return sum;
}

double median(const Rows& rows) {
  std::vector<double> all;
  for (const auto& row : rows) {
    if (row.measurement.values.contains("hit")) all.push_back(row.measurement.values.at("hit"));
  }
  if (all.empty()) return std::nan("");
  std::sort(all.begin(), all.end());
  return all[all.size() / 2];
}

/// One column of each kind that summaries may have.
const OnlySummary& every_kind() {
  static const OnlySummary metric(6, [](const Rows& rows) -> std::vector<double> {
    const double share = class_mean_of(rows, "hit");
    const double below = total(rows, "union");
    return {mean_of(rows, "hit"),
            class_mean_of(rows, "hit"),
            below > 0 ? total(rows, "both") / below : std::nan(""),
            share / (2 - share),
            median(rows),
            mean_of(rows, "rare")};
  });
  return metric;
}

/// Some pictures have two classes, some rows lack a value, some are skipped.
Rows make_rows(std::size_t pictures, std::uint64_t seed) {
  Rows rows;
  for (std::size_t picture = 0; picture < pictures; ++picture) {
    for (int label = 0; label < 3; ++label) {
      const std::uint64_t key = mix(seed * 1000 + picture * 10 + static_cast<std::uint64_t>(label));
      if (unit(draw(key, 0)) < .4) continue;
      MetricRow row;
      row.image = "picture" + std::to_string(100 + picture);
      row.label = 7 * label;
      if (unit(draw(key, 1)) < .1) {
        row.measurement.skipped = "nothing is known";
      } else {
        row.measurement.values = {{"hit", unit(draw(key, 2))},
                                  {"both", std::floor(40 * unit(draw(key, 3)))},
                                  {"union", 40 + std::floor(40 * unit(draw(key, 4)))}};
        if (unit(draw(key, 5)) < .5) row.measurement.values["rare"] = unit(draw(key, 6));
        row.measurement.curves["curve"] = {unit(draw(key, 7)), 1};
      }
      rows.push_back(std::move(row));
    }
  }
  return rows;
}

Rows counting(const Rows& rows) {
  Rows kept;
  for (const auto& row : rows) {
    if (row.measurement.skipped.empty()) kept.push_back(row);
  }
  return kept;
}

/// Names of pictures in order, each once.
std::vector<std::string> pictures_of(const Rows& rows) {
  std::vector<std::string> names;
  for (const auto& row : rows) names.push_back(row.image);
  std::sort(names.begin(), names.end());
  names.erase(std::unique(names.begin(), names.end()), names.end());
  return names;
}

/// Whole pictures, copied as often as they are drawn.
std::vector<double> slow_draw(const Metric& metric, const Rows& rows, std::uint64_t seed,
                              std::uint64_t sample) {
  const auto names = pictures_of(rows);
  const auto times = draw_pictures(names.size(), seed, sample);
  Rows drawn;
  for (std::size_t k = 0; k < names.size(); ++k) {
    for (std::uint32_t time = 0; time < times[k]; ++time) {
      for (const auto& row : rows) {
        if (row.image == names[k]) drawn.push_back(row);
      }
    }
  }
  return metric.summarize(drawn);
}

Interval slow_interval(std::vector<double> draws, double level) {
  draws.erase(std::remove_if(draws.begin(), draws.end(), [](double x) { return std::isnan(x); }),
              draws.end());
  std::sort(draws.begin(), draws.end());
  const auto at = [&](double share) {
    const double place = share * static_cast<double>(draws.size() - 1);
    const double below = std::floor(place);
    const auto i = static_cast<std::size_t>(below);
    return draws[i] * (1 - (place - below)) +
           draws[std::min(i + 1, draws.size() - 1)] * (place - below);
  };
  return {at((1 - level) / 2), at((1 + level) / 2)};
}

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

/// Standard normal, by twelve uniform numbers.
double normal(std::uint64_t key) {
  double sum = -6;
  for (std::uint64_t i = 0; i < 12; ++i) sum += unit(draw(key, i));
  return sum;
}

Rows single_values(std::size_t count, std::uint64_t seed, double shift = 0) {
  Rows rows;
  for (std::size_t i = 0; i < count; ++i) {
    MetricRow row;
    row.image = std::to_string(i);
    row.measurement.values = {{"hit", shift + normal(mix(seed * 100'000 + i))}};
    rows.push_back(std::move(row));
  }
  return rows;
}

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

TEST(Estimate, DoesNotDependOnTheOrderOfRowsOrTheSizeOfOthersWork) {
  Rows rows = make_rows(25, 3);
  const auto first = estimate(every_kind(), rows);
  std::reverse(rows.begin(), rows.end());
  const auto second = estimate(every_kind(), rows);
  for (std::size_t i = 0; i < first.size(); ++i) {
    EXPECT_NEAR(first[i].interval.low, second[i].interval.low, 1e-14) << i;
    EXPECT_NEAR(first[i].interval.high, second[i].interval.high, 1e-14) << i;
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
