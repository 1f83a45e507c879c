// Two runs, line by line: see limn/tables.h.
#include <ATen/Parallel.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <tuple>

#include "limn/error.h"
#include "limn/tables.h"

namespace limn {
namespace {

/// Model, data, metric, method.
using Group = std::tuple<std::string, std::string, std::string, std::string>;

struct Rows {
  std::vector<MetricRow> first, second;
};

Group group_of(const ResultLine& line) { return {line.model, line.data, line.metric, line.method}; }

MetricRow row_of(const ResultLine& line) { return {line.image, line.label, line.measurement}; }

bool same_numbers(const Measurement& a, const Measurement& b) {
  return a.values == b.values && a.curves == b.curves && a.skipped == b.skipped;
}

std::vector<RunRemainder> remainders(const std::map<Group, std::int64_t>& lines) {
  std::vector<RunRemainder> all;
  for (const auto& [group, count] : lines) {
    const auto& [model, data, metric, method] = group;
    all.push_back({model, data, method, metric, count});
  }
  return all;
}

/// How many shared lines mean something else in the other run.
void add_warnings(std::int64_t targets, std::int64_t protocols, RunComparison& comparison) {
  if (targets > 0) {
    comparison.warnings.push_back(
        concat(targets,
               " shared lines explain another class of the model, or one predicted in one "
               "run alone: the models differ"));
  }
  if (protocols > 0) {
    comparison.warnings.push_back(concat(protocols, " shared lines name another protocol"));
  }
}

std::vector<RunDifference> differences_of(const Group& group, const Rows& rows,
                                          const Resampling& resampling) {
  const auto& [model, data, metric, method] = group;
  const auto measure = make_metric(metric);
  const PairedComparison paired = compare_paired(*measure, rows.second, rows.first, resampling);
  // Both on the cases that count in both, as the difference.
  std::vector<MetricRow> first, second;
  for (std::size_t i = 0; i < rows.first.size(); ++i) {
    const bool counts =
        rows.first[i].measurement.skipped.empty() && rows.second[i].measurement.skipped.empty();
    if (!counts) continue;
    first.push_back(rows.first[i]);
    second.push_back(rows.second[i]);
  }
  const std::vector<double> one = measure->summarize(first), other = measure->summarize(second);
  std::vector<RunDifference> all;
  for (std::size_t column = 0; column < paired.columns.size(); ++column) {
    all.push_back({model, data, method, metric, measure->info().columns[column], one[column],
                   other[column], paired.columns[column], std::nan(""), paired.cases,
                   paired.pictures});
  }
  return all;
}

/// The columns of groups, so that the methods of one column follow each other.
std::vector<RunDifference> by_column(std::vector<std::vector<RunDifference>> groups) {
  std::vector<std::pair<std::size_t, RunDifference>> all;
  for (auto& group : groups) {
    for (std::size_t column = 0; column < group.size(); ++column) {
      all.emplace_back(column, std::move(group[column]));
    }
  }
  // Groups come in the order of methods within a metric.
  std::stable_sort(all.begin(), all.end(), [](const auto& a, const auto& b) {
    return std::tie(a.second.model, a.second.data, a.second.metric, a.first) <
           std::tie(b.second.model, b.second.data, b.second.metric, b.first);
  });
  std::vector<RunDifference> out;
  for (auto& [column, one] : all) out.push_back(std::move(one));
  return out;
}

}  // namespace

RunComparison compare_runs(const std::vector<ResultLine>& first,
                           const std::vector<ResultLine>& second, const Resampling& resampling) {
  std::map<std::string, const ResultLine*> others;
  for (const auto& line : second) others.emplace(line.key(), &line);
  RunComparison comparison;
  std::map<Group, Rows> groups;
  std::map<Group, std::int64_t> only_first, only_second;
  std::int64_t targets = 0, protocols = 0;
  for (const auto& line : first) {
    const auto found = others.find(line.key());
    if (found == others.end()) {
      ++only_first[group_of(line)];
      continue;
    }
    const ResultLine& other = *found->second;
    ++comparison.shared;
    comparison.equal += same_numbers(line.measurement, other.measurement) ? 1 : 0;
    targets += line.target != other.target || line.predicted != other.predicted ? 1 : 0;
    protocols += line.protocol != other.protocol ? 1 : 0;
    Rows& rows = groups[group_of(line)];
    rows.first.push_back(row_of(line));
    rows.second.push_back(row_of(other));
    others.erase(found);
  }
  for (const auto& [key, line] : others) ++only_second[group_of(*line)];
  comparison.only_first = remainders(only_first);
  comparison.only_second = remainders(only_second);
  add_warnings(targets, protocols, comparison);
  const std::vector<std::pair<Group, Rows>> list(groups.begin(), groups.end());
  std::vector<std::vector<RunDifference>> found(list.size());
  at::parallel_for(
      0, static_cast<std::int64_t>(list.size()), 1, [&](std::int64_t begin, std::int64_t end) {
        for (auto i = static_cast<std::size_t>(begin); i < static_cast<std::size_t>(end); ++i) {
          found[i] = differences_of(list[i].first, list[i].second, resampling);
        }
      });
  comparison.differences = by_column(std::move(found));
  std::vector<double> p;
  for (const auto& one : comparison.differences) p.push_back(one.difference.p);
  const std::vector<double> adjusted = holm(p);
  for (std::size_t i = 0; i < p.size(); ++i) comparison.differences[i].p_adjusted = adjusted[i];
  return comparison;
}

}  // namespace limn
