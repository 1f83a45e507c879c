// What every metric file shares: how to define a metric, and the usual summaries.
#pragma once
#include <limits>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "limn/error.h"
#include "limn/metric.h"

namespace limn {

/// The mean of one value over all rows that count; NaN where none does.
inline double mean_of(const std::vector<MetricRow>& rows, const std::string& value) {
  double sum = 0;
  std::size_t count = 0;
  for (const auto& row : rows) {
    const auto found = row.measurement.values.find(value);
    if (found == row.measurement.values.end()) continue;
    sum += found->second;
    ++count;
  }
  return count > 0 ? sum / static_cast<double>(count) : std::numeric_limits<double>::quiet_NaN();
}

/// The mean of each class, and then of the classes that have rows that count.
inline double class_mean_of(const std::vector<MetricRow>& rows, const std::string& value) {
  std::map<int, std::vector<MetricRow>> classes;
  for (const auto& row : rows) {
    if (row.measurement.values.count(value) > 0) classes[row.label].push_back(row);
  }
  double sum = 0;
  for (const auto& [label, of_class] : classes) sum += mean_of(of_class, value);
  return classes.empty() ? std::numeric_limits<double>::quiet_NaN()
                         : sum / static_cast<double>(classes.size());
}

namespace detail {

template <typename Options>
class DefinedMetric final : public Metric {
 public:
  using FieldsOf = Fields (*)(Options&);
  using Measure = Measurement (*)(const Options&, const MetricCase&);
  using MeasureAll = std::vector<Measurement> (*)(const Options&, const std::vector<MetricCase>&);
  using Summarize = std::vector<double> (*)(const Options&, const std::vector<MetricRow>&);
  using IsBatched = bool (*)(const Options&);

  DefinedMetric(std::shared_ptr<const MetricInfo> info, FieldsOf fields,
                std::variant<Measure, MeasureAll> measure, Summarize summarize, IsBatched batched,
                const Spec& spec)
      : info_(std::move(info)), measure_(measure), summarize_(summarize), batched_(batched) {
    const Fields list = fields(options_);
    set_fields(list, spec);
    spec_ = fields_spec(info_->name, list);
  }
  const MetricInfo& info() const override { return *info_; }
  Spec spec() const override { return spec_; }
  Measurement measure(const MetricCase& one) const override {
    const auto* alone = std::get_if<Measure>(&measure_);
    if (!alone) return measure_all({one}).front();
    return in_context([&] { return info_->name; }, [&] { return (*alone)(options_, one); });
  }
  bool is_batched() const override {
    return std::holds_alternative<MeasureAll>(measure_) && (!batched_ || batched_(options_));
  }
  std::vector<Measurement> measure_all(const std::vector<MetricCase>& cases) const override {
    const auto* all = std::get_if<MeasureAll>(&measure_);
    if (!all) return Metric::measure_all(cases);
    return in_context([&] { return info_->name; }, [&] { return (*all)(options_, cases); });
  }
  std::vector<double> summarize(const std::vector<MetricRow>& rows) const override {
    return summarize_(options_, rows);
  }

 private:
  std::shared_ptr<const MetricInfo> info_;
  std::variant<Measure, MeasureAll> measure_;
  Summarize summarize_;
  IsBatched batched_;
  Options options_;
  Spec spec_;
};

}  // namespace detail

/// A metric from its info, its options' field list and its two functions: `measure` takes one case
/// and gives its measurement, or takes all of them; then `batched` says with which options they are
/// judged as one batch (null: with all). Those that need a mask go through `measure_regions`, which
/// skips cases without one.
template <typename Options, typename Measure>
MetricEntry define_metric(MetricInfo info, Fields (*fields)(Options&), Measure measure,
                          std::vector<double> (*summarize)(const Options&,
                                                           const std::vector<MetricRow>&),
                          bool (*batched)(const Options&) = nullptr) {
  auto shared = std::make_shared<const MetricInfo>(info);
  return {.info = std::move(info),
          .options =
              [fields] {
                Options defaults;
                return describe(fields(defaults));
              },
          .make =
              [shared, fields, measure, summarize, batched](const Spec& spec) {
                return std::make_unique<detail::DefinedMetric<Options>>(shared, fields, measure,
                                                                        summarize, batched, spec);
              }};
}

}  // namespace limn
