// Estimates with intervals: see limn/statistics.h.
#include "limn/statistics.h"

#include <algorithm>
#include <cmath>
#include <tuple>

#include "base/counter_random.h"
#include "evaluation/resampling.h"
#include "limn/error.h"

namespace limn {
namespace {

constexpr std::uint64_t kDrawStream = 0x626f6f74;

}  // namespace

void check_resampling(const Resampling& options) {
  if (options.samples < 100 || options.samples > 1'000'000) {
    fail(ErrorCode::InvalidArgument, "samples=", options.samples, "; legal: 100 .. 1000000");
  }
  if (options.flips < 100 || options.flips > 10'000'000) {
    fail(ErrorCode::InvalidArgument, "flips=", options.flips, "; legal: 100 .. 10000000");
  }
  if (!(options.level > 0 && options.level < 1)) {
    fail(ErrorCode::InvalidArgument, "level=", options.level, "; legal: between 0 and 1");
  }
}

std::vector<MetricRow> counted_rows(const Metric& metric, const std::vector<MetricRow>& rows) {
  std::vector<MetricRow> kept;
  for (const auto& row : rows) {
    if (row.measurement.skipped.empty()) kept.push_back(row);
  }
  std::stable_sort(kept.begin(), kept.end(), [](const MetricRow& a, const MetricRow& b) {
    return std::tie(a.image, a.label) < std::tie(b.image, b.label);
  });
  std::vector<MetricRow> light = kept;
  for (auto& row : light) row.measurement.curves.clear();
  const auto whole = metric.summarize(kept), without = metric.summarize(light);
  const bool equal =
      std::equal(whole.begin(), whole.end(), without.begin(), without.end(),
                 [](double a, double b) { return a == b || (std::isnan(a) && std::isnan(b)); });
  return equal ? light : kept;
}

PictureNumbers::PictureNumbers(const std::vector<MetricRow>& rows) {
  for (std::size_t row = 0; row < rows.size(); ++row) {
    if (row == 0 || rows[row].image != rows[row - 1].image) ++count;
    of_row.push_back(count - 1);
  }
}

RowChoice weighted(const PictureNumbers& pictures, const std::vector<std::uint32_t>& times,
                   std::size_t first) {
  RowChoice choice;
  for (std::size_t row = 0; row < pictures.of_row.size(); ++row) {
    choice.place.push_back(first + row);
    choice.weight.push_back(times[pictures.of_row[row]]);
  }
  return choice;
}

std::vector<std::uint32_t> draw_pictures(std::size_t pictures, std::uint64_t seed,
                                         std::uint64_t sample) {
  std::vector<std::uint32_t> times(pictures, 0);
  const std::uint64_t key = draw(mix(seed ^ kDrawStream), sample);
  for (std::size_t k = 0; k < pictures; ++k) {
    ++times[static_cast<std::size_t>(unit(draw(key, k)) * static_cast<double>(pictures))];
  }
  return times;
}

Interval percentile_interval(std::vector<double> draws, double level) {
  const std::size_t all = draws.size();
  draws.erase(
      std::remove_if(draws.begin(), draws.end(), [](double draw) { return !std::isfinite(draw); }),
      draws.end());
  if (draws.empty() || 2 * draws.size() < all) return {};
  std::sort(draws.begin(), draws.end());
  const auto at = [&](double share) {
    const double place = share * static_cast<double>(draws.size() - 1);
    const auto below = static_cast<std::size_t>(place);
    const std::size_t above = std::min(below + 1, draws.size() - 1);
    return draws[below] + (place - static_cast<double>(below)) * (draws[above] - draws[below]);
  };
  return {at((1 - level) / 2), at((1 + level) / 2)};
}

std::vector<Estimate> estimate(const Metric& metric, const std::vector<MetricRow>& rows,
                               const Resampling& options) {
  check_resampling(options);
  std::vector<Estimate> estimates(metric.info().columns.size());
  const std::vector<MetricRow> kept = counted_rows(metric, rows);
  if (kept.empty()) return estimates;
  const std::vector<double> values = metric.summarize(kept);
  for (std::size_t column = 0; column < values.size(); ++column) {
    estimates[column].value = values[column];
  }
  const PictureNumbers pictures(kept);
  if (pictures.count < 2) return estimates;
  const Summary summary(metric, kept);
  std::vector<std::vector<double>> draws(values.size());
  for (std::int64_t sample = 0; sample < options.samples; ++sample) {
    const auto times =
        draw_pictures(pictures.count, options.seed, static_cast<std::uint64_t>(sample));
    const auto drawn = summary.columns(weighted(pictures, times));
    for (std::size_t column = 0; column < drawn.size(); ++column) {
      draws[column].push_back(drawn[column]);
    }
  }
  for (std::size_t column = 0; column < values.size(); ++column) {
    if (!std::isfinite(values[column])) continue;
    estimates[column].interval = percentile_interval(std::move(draws[column]), options.level);
  }
  return estimates;
}

std::vector<double> holm(const std::vector<double>& p) {
  std::vector<std::size_t> order;
  for (std::size_t i = 0; i < p.size(); ++i) {
    if (!std::isnan(p[i])) order.push_back(i);
  }
  std::sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return p[a] < p[b]; });
  std::vector<double> adjusted(p.size(), std::nan(""));
  double largest = 0;
  for (std::size_t rank = 0; rank < order.size(); ++rank) {
    const auto left = static_cast<double>(order.size() - rank);
    largest = std::max(largest, std::min(1.0, left * p[order[rank]]));
    adjusted[order[rank]] = largest;
  }
  return adjusted;
}

}  // namespace limn
