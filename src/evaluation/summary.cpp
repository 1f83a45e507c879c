// See summary.h.
#include "evaluation/summary.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include "base/counter_random.h"

namespace limn {
namespace {

constexpr std::size_t kTrials = 9;

bool same(double a, double b) {
  if (std::isnan(a) || std::isnan(b)) return std::isnan(a) && std::isnan(b);
  return a == b || std::abs(a - b) <= 1e-9 * std::max(1.0, std::abs(b));
}

}  // namespace

Summary::Summary(const Metric& metric, std::vector<MetricRow> rows)
    : metric_(metric), rows_(std::move(rows)) {
  std::map<int, std::size_t> groups;
  std::set<std::string> names;
  std::vector<std::vector<double>> single;
  for (const auto& row : rows_) {
    const auto [place, is_new] = groups.emplace(row.label, labels_.size());
    if (is_new) labels_.push_back(row.label);
    group_.push_back(place->second);
    for (const auto& [name, value] : row.measurement.values) names.insert(name);
    single.push_back(metric.summarize({row}));
  }
  names_.assign(names.begin(), names.end());
  for (const auto& row : rows_) {
    for (const auto& name : names_) {
      const auto found = row.measurement.values.find(name);
      values_.push_back(found == row.measurement.values.end() ? std::nan("") : found->second);
    }
  }
  const std::vector<Trial> trials = make_trials();
  for (std::size_t column = 0; column < metric.info().columns.size(); ++column) {
    forms_.push_back(find_form(column, trials, single));
  }
}

std::vector<Summary::Trial> Summary::make_trials() const {
  std::vector<Trial> trials(kTrials);
  for (std::size_t t = 0; t < kTrials; ++t) {
    for (std::size_t row = 0; row < rows_.size(); ++row) {
      trials[t].choice.place.push_back(row);
      trials[t].choice.weight.push_back(t == 0 ? 1
                                               : static_cast<std::uint32_t>(draw(mix(t), row) % 3));
    }
    trials[t].expected = of_rows(trials[t].choice);
  }
  return trials;
}

Summary::Form Summary::find_form(std::size_t column, const std::vector<Trial>& trials,
                                 const std::vector<std::vector<double>>& single) const {
  const auto fits = [&](const auto& value) {
    return std::all_of(trials.begin(), trials.end(), [&](const Trial& trial) {
      return same(value(trial.choice), trial.expected[column]);
    });
  };
  Form form{.kind = Kind::Mean};
  for (const auto& values : single) form.scores.push_back(values[column]);
  for (const bool per_class : {false, true}) {
    form.per_class = per_class;
    if (fits([&](const RowChoice& choice) { return of_mean(choice, form); })) return form;
  }
  for (const bool sums : {false, true}) {
    for (const bool per_class : {false, true}) {
      if (fits([&](const RowChoice& c) { return of_joined(c, per_class, sums)[column]; })) {
        return {.kind = Kind::Joined, .per_class = per_class, .sums = sums};
      }
    }
  }
  return {};
}

std::vector<double> Summary::columns(const RowChoice& choice) const {
  std::vector<double> values(forms_.size(), std::nan(""));
  // One call of summarize serves all columns of a kind.
  std::map<int, std::vector<double>> made;
  for (std::size_t column = 0; column < forms_.size(); ++column) {
    const Form& form = forms_[column];
    if (form.kind == Kind::Mean) {
      values[column] = of_mean(choice, form);
      continue;
    }
    const bool joined = form.kind == Kind::Joined;
    const int call = joined ? 1 + (form.per_class ? 1 : 0) + (form.sums ? 2 : 0) : 0;
    auto found = made.find(call);
    if (found == made.end()) {
      found = made.emplace(call,
                           joined ? of_joined(choice, form.per_class, form.sums) : of_rows(choice))
                  .first;
    }
    values[column] = found->second[column];
  }
  return values;
}

std::vector<double> Summary::of_rows(const RowChoice& choice) const {
  std::vector<MetricRow> drawn;
  for (std::size_t k = 0; k < choice.place.size(); ++k) {
    drawn.insert(drawn.end(), choice.weight[k], rows_[choice.place[k]]);
  }
  return metric_.summarize(drawn);
}

std::vector<double> Summary::of_joined(const RowChoice& choice, bool per_class, bool sums) const {
  const std::size_t names = names_.size();
  std::vector<double> sum((per_class ? groups() : 1) * names, 0.0), count(sum);
  for (std::size_t k = 0; k < choice.place.size(); ++k) {
    const double weight = choice.weight[k];
    if (weight == 0) continue;
    const std::size_t place = choice.place[k];
    const std::size_t first = (per_class ? group_[place] : 0) * names;
    for (std::size_t n = 0; n < names; ++n) {
      const double value = values_[place * names + n];
      if (std::isnan(value)) continue;
      sum[first + n] += weight * value;
      count[first + n] += weight;
    }
  }
  std::vector<MetricRow> joined;
  for (std::size_t first = 0; first < sum.size(); first += names) {
    MetricRow row;
    row.label = labels_[first / names];
    for (std::size_t n = 0; n < names; ++n) {
      const double total = sum[first + n], of = count[first + n];
      if (of > 0) row.measurement.values.emplace(names_[n], sums ? total : total / of);
    }
    if (!row.measurement.values.empty()) joined.push_back(std::move(row));
  }
  return metric_.summarize(joined);
}

double Summary::of_mean(const RowChoice& choice, const Form& form) const {
  std::vector<double> sum(form.per_class ? groups() : 1, 0.0), count(sum);
  for (std::size_t k = 0; k < choice.place.size(); ++k) {
    const std::size_t place = choice.place[k];
    const double score = form.scores[place], weight = choice.weight[k];
    if (std::isnan(score)) continue;
    const std::size_t group = form.per_class ? group_[place] : 0;
    sum[group] += weight * score;
    count[group] += weight;
  }
  double total = 0, groups = 0;
  for (std::size_t group = 0; group < sum.size(); ++group) {
    if (count[group] == 0) continue;
    total += sum[group] / count[group];
    ++groups;
  }
  return groups > 0 ? total / groups : std::nan("");
}

}  // namespace limn
