// Paired tests: see limn/statistics.h.
#include <algorithm>
#include <array>
#include <cmath>
#include <map>

#include "base/counter_random.h"
#include "evaluation/resampling.h"
#include "limn/error.h"
#include "limn/statistics.h"

namespace limn {
namespace {

constexpr std::uint64_t kFlipStream = 0x666c6970;
/// Where each swap costs a summary, p is known well enough after so many hits (Besag, Clifford:
/// Sequential Monte Carlo p-values, 1991).
constexpr std::int64_t kEnoughHits = 100;

/// All patterns of signs where there are no more than `options.flips`, else random ones.
class Signs {
 public:
  Signs(std::size_t count, const Resampling& options) : seed_(options.seed) {
    exact_ = count < 62 && (std::int64_t{1} << count) <= options.flips;
    flips_ = exact_ ? std::int64_t{1} << count : options.flips;
  }
  bool exact() const { return exact_; }
  std::int64_t flips() const { return flips_; }
  /// Signs 64 * index .. of a flip, one a bit.
  std::uint64_t word(std::int64_t flip, std::size_t index) const {
    const auto number = static_cast<std::uint64_t>(flip);
    return exact_ ? number : draw(draw(mix(seed_ ^ kFlipStream), number), index);
  }
  double p(std::int64_t hits, std::int64_t tried) const {
    const auto hit = static_cast<double>(hits), all = static_cast<double>(tried);
    return exact_ ? hit / all : (1 + hit) / (1 + all);
  }

 private:
  std::uint64_t seed_ = 0;
  bool exact_ = false;
  std::int64_t flips_ = 0;
};

/// Signed sums of up to eight numbers for each of the 256 patterns of signs.
std::array<double, 256> signed_sums(const double* values, std::size_t count) {
  std::array<double, 256> sums{};
  for (std::size_t pattern = 0; pattern < sums.size(); ++pattern) {
    for (std::size_t bit = 0; bit < count; ++bit) {
      sums[pattern] += (pattern >> bit & 1) != 0 ? -values[bit] : values[bit];
    }
  }
  return sums;
}

/// The cases of both, in the same order.
std::pair<std::vector<MetricRow>, std::vector<MetricRow>> joined(
    const std::vector<MetricRow>& first, const std::vector<MetricRow>& second) {
  std::map<std::pair<std::string, int>, const MetricRow*> by_case;
  for (const auto& row : second) by_case.emplace(std::pair{row.image, row.label}, &row);
  std::pair<std::vector<MetricRow>, std::vector<MetricRow>> both;
  for (const auto& row : first) {
    const auto found = by_case.find({row.image, row.label});
    if (found == by_case.end()) continue;
    both.first.push_back(row);
    both.second.push_back(*found->second);
  }
  return both;
}

/// Where a column is a mean and the same rows count for both methods, their difference is a sum of
/// one share for each picture; else empty.
std::vector<double> shares(const Summary& summary, const PictureNumbers& pictures,
                           std::size_t column) {
  if (summary.kind(column) != Summary::Kind::Mean) return {};
  const auto& scores = summary.scores(column);
  const bool per_class = summary.per_class(column);
  const std::size_t rows = pictures.of_row.size();
  std::vector<double> count(per_class ? summary.groups() : 1, 0.0);
  for (std::size_t row = 0; row < rows; ++row) {
    if (std::isnan(scores[row]) != std::isnan(scores[rows + row])) return {};
    if (!std::isnan(scores[row])) ++count[per_class ? summary.group(row) : 0];
  }
  const auto classes = static_cast<double>(
      std::count_if(count.begin(), count.end(), [](double rows_of_it) { return rows_of_it > 0; }));
  std::vector<double> out(pictures.count, 0.0);
  for (std::size_t row = 0; row < rows; ++row) {
    if (std::isnan(scores[row])) continue;
    const double of = classes * count[per_class ? summary.group(row) : 0];
    out[pictures.of_row[row]] += (scores[row] - scores[rows + row]) / of;
  }
  return out;
}

/// First minus second where the marked pictures' rows are swapped; the second method's rows follow
/// the first's.
std::vector<double> swapped_difference(const Summary& summary, const PictureNumbers& pictures,
                                       const std::vector<bool>& swap) {
  const std::size_t rows = pictures.of_row.size();
  RowChoice one{{}, std::vector<std::uint32_t>(rows, 1)}, other = one;
  for (std::size_t row = 0; row < rows; ++row) {
    const bool swapped = swap[pictures.of_row[row]];
    one.place.push_back(swapped ? rows + row : row);
    other.place.push_back(swapped ? row : rows + row);
  }
  std::vector<double> values = summary.columns(one);
  const std::vector<double> others = summary.columns(other);
  for (std::size_t column = 0; column < values.size(); ++column) values[column] -= others[column];
  return values;
}

/// Swap by swap, for the columns of `open` alone.
void test_by_swaps(const Summary& summary, const PictureNumbers& pictures,
                   const std::vector<std::size_t>& open, const Resampling& options,
                   std::vector<Difference>& columns) {
  const Signs signs(pictures.count, options);
  std::vector<std::int64_t> hits(columns.size(), 0), tried(columns.size(), 0);
  bool going = true;
  for (std::int64_t flip = 0; flip < signs.flips() && going; ++flip) {
    std::vector<bool> swap(pictures.count);
    for (std::size_t k = 0; k < swap.size(); ++k) {
      swap[k] = (signs.word(flip, k / 64) >> k % 64 & 1) != 0;
    }
    const std::vector<double> values = swapped_difference(summary, pictures, swap);
    going = false;
    for (const std::size_t column : open) {
      if (!signs.exact() && hits[column] >= kEnoughHits) continue;
      const double size = std::abs(columns[column].value);
      ++tried[column];
      // A swap without a value says nothing against chance: it counts as a hit.
      const bool below = std::abs(values[column]) < size - 1e-12 * std::max(1.0, size);
      hits[column] += below ? 0 : 1;
      going = true;
    }
  }
  for (const std::size_t column : open) {
    columns[column].p = signs.p(hits[column], tried[column]);
  }
}

void add_intervals(const Summary& summary, const PictureNumbers& pictures,
                   const Resampling& options, std::vector<Difference>& columns) {
  std::vector<std::vector<double>> draws(columns.size());
  for (std::int64_t sample = 0; sample < options.samples; ++sample) {
    const auto times =
        draw_pictures(pictures.count, options.seed, static_cast<std::uint64_t>(sample));
    const auto first = summary.columns(weighted(pictures, times));
    const auto second = summary.columns(weighted(pictures, times, pictures.of_row.size()));
    for (std::size_t column = 0; column < columns.size(); ++column) {
      draws[column].push_back(first[column] - second[column]);
    }
  }
  for (std::size_t column = 0; column < columns.size(); ++column) {
    if (!std::isfinite(columns[column].value)) continue;
    columns[column].interval = percentile_interval(std::move(draws[column]), options.level);
  }
}

}  // namespace

double sign_flip_p(const std::vector<double>& differences, const Resampling& options) {
  check_resampling(options);
  std::vector<double> changed;  // the sign of 0 does not matter
  double sum = 0, size = 0;
  for (const double one : differences) {
    if (!std::isfinite(one)) fail(ErrorCode::Numerical, "a difference is NaN or infinite");
    if (one != 0) changed.push_back(one);
    sum += one;
    size += std::abs(one);
  }
  std::vector<std::array<double, 256>> tables;
  for (std::size_t at = 0; at < changed.size(); at += 8) {
    tables.push_back(
        signed_sums(changed.data() + at, std::min<std::size_t>(8, changed.size() - at)));
  }
  const Signs signs(changed.size(), options);
  const double reach = std::abs(sum) - 1e-12 * size;
  std::int64_t hits = 0;
  for (std::int64_t flip = 0; flip < signs.flips(); ++flip) {
    double flipped = 0;
    std::uint64_t word = 0;
    for (std::size_t table = 0; table < tables.size(); ++table) {
      if (table % 8 == 0) word = signs.word(flip, table / 8);
      flipped += tables[table][word & 255];
      word >>= 8;
    }
    hits += std::abs(flipped) >= reach ? 1 : 0;
  }
  return signs.p(hits, signs.flips());
}

PairedComparison compare_paired(const Metric& metric, const std::vector<MetricRow>& first,
                                const std::vector<MetricRow>& second, const Resampling& options) {
  check_resampling(options);
  auto [rows, others] = joined(counted_rows(metric, first), counted_rows(metric, second));
  const PictureNumbers pictures(rows);
  PairedComparison result;
  result.columns.resize(metric.info().columns.size());
  result.cases = static_cast<std::int64_t>(rows.size());
  result.pictures = static_cast<std::int64_t>(pictures.count);
  if (rows.empty()) return result;
  const std::vector<double> one = metric.summarize(rows), other = metric.summarize(others);
  for (std::size_t column = 0; column < one.size(); ++column) {
    result.columns[column].value = one[column] - other[column];
  }
  rows.insert(rows.end(), others.begin(), others.end());
  const Summary summary(metric, std::move(rows));
  if (pictures.count >= 2) add_intervals(summary, pictures, options, result.columns);
  std::vector<std::size_t> open;
  for (std::size_t column = 0; column < result.columns.size(); ++column) {
    Difference& difference = result.columns[column];
    if (!std::isfinite(difference.value)) continue;
    const std::vector<double> parts = shares(summary, pictures, column);
    if (parts.empty()) {
      open.push_back(column);
    } else {
      difference.p = sign_flip_p(parts, options);
    }
  }
  if (!open.empty()) test_by_swaps(summary, pictures, open, options, result.columns);
  return result;
}

}  // namespace limn
