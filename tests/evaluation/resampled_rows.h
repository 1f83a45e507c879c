// Rows, summaries of every kind, and plain resampling that copies rows, for tests of statistics.
#pragma once
#include <algorithm>
#include <cmath>
#include <functional>

#include "base/counter_random.h"
#include "limn/statistics.h"
#include "metrics/metric_base.h"

namespace limn::testing {

using Rows = std::vector<MetricRow>;
using Summarize = std::function<std::vector<double>(const Rows&)>;

/// A metric that only summarizes.
class OnlySummary : public Metric {
 public:
  OnlySummary(std::size_t columns, Summarize summarize) : summarize_(std::move(summarize)) {
    for (std::size_t i = 0; i < columns; ++i) {
      info_.columns.push_back({.name = "column" + std::to_string(i), .help = ""});
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

inline double total(const Rows& rows, const std::string& name) {
  double sum = 0;
  for (const auto& row : rows) {
    const auto found = row.measurement.values.find(name);
    if (found != row.measurement.values.end()) sum += found->second;
  }
  return sum;
}

inline double median(const Rows& rows) {
  std::vector<double> all;
  for (const auto& row : rows) {
    if (row.measurement.values.contains("hit")) all.push_back(row.measurement.values.at("hit"));
  }
  if (all.empty()) return std::nan("");
  std::sort(all.begin(), all.end());
  return all[all.size() / 2];
}

/// One column of each kind that summaries may have.
inline const OnlySummary& every_kind() {
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
inline Rows make_rows(std::size_t pictures, std::uint64_t seed) {
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

inline Rows counting(const Rows& rows) {
  Rows kept;
  for (const auto& row : rows) {
    if (row.measurement.skipped.empty()) kept.push_back(row);
  }
  return kept;
}

/// Names of pictures in order, each once.
inline std::vector<std::string> pictures_of(const Rows& rows) {
  std::vector<std::string> names;
  for (const auto& row : rows) names.push_back(row.image);
  std::sort(names.begin(), names.end());
  names.erase(std::unique(names.begin(), names.end()), names.end());
  return names;
}

/// Whole pictures, copied as often as they are drawn.
inline std::vector<double> slow_draw(const Metric& metric, const Rows& rows, std::uint64_t seed,
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

inline Interval slow_interval(std::vector<double> draws, double level) {
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

/// Standard normal, by twelve uniform numbers.
inline double normal(std::uint64_t key) {
  double sum = -6;
  for (std::uint64_t i = 0; i < 12; ++i) sum += unit(draw(key, i));
  return sum;
}

inline Rows single_values(std::size_t count, std::uint64_t seed, double shift = 0) {
  Rows rows;
  for (std::size_t i = 0; i < count; ++i) {
    MetricRow row;
    row.image = std::to_string(i);
    row.measurement.values = {{"hit", shift + normal(mix(seed * 100'000 + i))}};
    rows.push_back(std::move(row));
  }
  return rows;
}

}  // namespace limn::testing
