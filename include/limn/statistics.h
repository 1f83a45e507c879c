// How sure the numbers of a benchmark are: intervals from drawing pictures again, and tests of two
// methods on the same pictures. Pictures are drawn and swapped whole, since the lines of one
// picture depend on each other. Sources: Efron, Tibshirani: An Introduction to the Bootstrap, 1993;
// Edgington: Randomization Tests, 1980; Holm: A simple sequentially rejective multiple test
// procedure, 1979.
#pragma once
#include <cstdint>
#include <limits>
#include <vector>

#include "limn/metric.h"

namespace limn {

/// How often to draw. The same seed gives the same numbers, in any order of the rows and on any
/// number of threads.
struct Resampling {
  std::int64_t samples = 1000;  ///< drawings of an interval; 100 .. 1'000'000
  std::int64_t flips = 10000;   ///< swaps of a test; all of them where there are no more than that
  std::uint64_t seed = 0;
  double level = 0.95;  ///< of an interval, in (0, 1)
};

/// Both NaN where there is none.
struct Interval {
  double low = std::numeric_limits<double>::quiet_NaN();
  double high = std::numeric_limits<double>::quiet_NaN();
};

/// One number with its interval. NaN where no row counts; no interval from a single picture, nor
/// where more than half of the drawings have no value.
struct Estimate {
  double value = std::numeric_limits<double>::quiet_NaN();
  Interval interval = {};
};

/// One method minus another.
struct Difference {
  double value = std::numeric_limits<double>::quiet_NaN();
  Interval interval = {};
  /// Two-sided: how often a difference at least as large (in size) appears when each picture's
  /// results are handed to the two methods by the toss of a coin. Exact where all 2^pictures swaps
  /// are tried, else (1 + hits) / (1 + flips). NaN where there is no difference to test.
  double p = std::numeric_limits<double>::quiet_NaN();
};

/// Two methods on the cases (picture and class) that count for both.
struct PairedComparison {
  std::vector<Difference> columns;  ///< one for each of MetricInfo::columns
  std::int64_t cases = 0, pictures = 0;
};

/// The metric's columns with percentile intervals over pictures drawn with replacement. Throws
/// InvalidArgument for options out of range.
std::vector<Estimate> estimate(const Metric& metric, const std::vector<MetricRow>& rows,
                               const Resampling& options = {});

/// `first` minus `second`: the interval from the same drawings for both, p from swapping pictures.
PairedComparison compare_paired(const Metric& metric, const std::vector<MetricRow>& first,
                                const std::vector<MetricRow>& second,
                                const Resampling& options = {});

/// p of the sum of `differences` (one of each picture) when each keeps or changes its sign.
double sign_flip_p(const std::vector<double>& differences, const Resampling& options = {});

/// p values adjusted for having made all these tests: where nothing differs, even one below .05
/// appears in at most 5 % of such lists. NaN stays NaN and does not count.
std::vector<double> holm(const std::vector<double>& p);

/// The middle `level` of the finite draws, between order statistics as numpy's `percentile`.
Interval percentile_interval(std::vector<double> draws, double level);

/// How often each of `pictures` pictures is drawn in drawing `sample`; the sum is `pictures`.
std::vector<std::uint32_t> draw_pictures(std::size_t pictures, std::uint64_t seed,
                                         std::uint64_t sample);

}  // namespace limn
