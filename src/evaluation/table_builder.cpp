// See table_builder.h.
#include "evaluation/table_builder.h"

#include <ATen/Parallel.h>
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <set>

#include "evaluation/table_words.h"

namespace limn {
namespace {

constexpr double kSignificant = 0.05;
/// So that Holm's correction can still find something, p must get well below .05 / tests.
constexpr std::int64_t kFlipsPerTest = 50, kMostFlips = 100'000;

/// Metric, and the two methods of a test.
struct Pair {
  std::size_t metric = 0, first = 0, second = 0;
  auto operator<=>(const Pair&) const = default;  // NOLINT(modernize-use-nullptr)
};

/// A p value and where it belongs.
struct Test {
  std::size_t row = 0, control = 0;
  double p = 0;
  bool better = false;
};

bool is_better(double a, double b, Better direction) {
  return direction == Better::Higher ? a > b : a < b;
}

class TableBuilder {
 public:
  TableBuilder(const TableInput& input, const std::vector<TableMetric>& metrics,
               const std::vector<TableMethod>& methods, const Resampling& resampling)
      : resampling_(resampling) {
    const ResultLine& any = *input.lines.front();
    table_.model = any.model;
    table_.data = any.data;
    table_.protocol = any.protocol;
    table_.cases = input.cases;
    table_.rule = input.rule;
    gather(input, metrics, methods);
  }

  Table table() {
    estimate_cells();
    find_best();
    test_pairs();
    mark_tests();
    order_rows();
    add_words(table_, rows_, resampling_, best_tests_);
    return std::move(table_);
  }

 private:
  void gather(const TableInput& input, const std::vector<TableMetric>& metrics,
              const std::vector<TableMethod>& methods) {
    std::map<std::string, std::map<std::string, std::vector<MetricRow>>> by_metric;
    std::set<std::string> pictures, used;
    std::set<std::pair<std::string, int>> measured;
    for (const ResultLine* line : input.lines) {
      pictures.insert(line->image);
      measured.emplace(line->image, line->label);
      if (input.cases == TableCases::Predicted && !line->predicted) continue;
      used.insert(line->method);
      by_metric[line->metric][line->method].push_back(
          {line->image, line->label, line->measurement});
    }
    table_.pictures = static_cast<std::int64_t>(pictures.size());
    table_.measured = static_cast<std::int64_t>(measured.size());
    for (const auto& method : methods) {
      if (used.contains(method.spec)) table_.rows.push_back({method, {}});
    }
    for (const auto& metric : metrics) {
      const auto found = by_metric.find(metric.spec);
      if (found == by_metric.end()) continue;
      MetricRows of_metric{metric, make_metric(metric.spec), table_.columns.size(), {}, {}};
      for (auto& row : table_.rows) {
        of_metric.of_method.push_back(std::move(found->second[row.method.spec]));
        of_metric.names.push_back(row.method.name);
      }
      add_columns(metric);
      rows_.push_back(std::move(of_metric));
    }
    for (auto& row : table_.rows) row.cells.resize(table_.columns.size());
  }

  void add_columns(const TableMetric& metric) {
    bool main = true;
    for (const auto& column : metric.info.columns) {
      const bool directed = column.better != Better::Neither;
      table_.columns.push_back({metric.spec, metric.name, column, main && directed});
      main = main && !directed;
    }
  }

  void estimate_cells() {
    const std::size_t methods = table_.rows.size();
    std::vector<std::vector<Estimate>> estimates(rows_.size() * methods);
    at::parallel_for(
        0, static_cast<std::int64_t>(estimates.size()), 1,
        [&](std::int64_t begin, std::int64_t end) {
          for (auto i = static_cast<std::size_t>(begin); i < static_cast<std::size_t>(end); ++i) {
            const MetricRows& of = rows_[i / methods];
            estimates[i] = estimate(*of.metric, of.of_method[i % methods], resampling_);
          }
        });
    for (std::size_t i = 0; i < estimates.size(); ++i) {
      const MetricRows& of = rows_[i / methods];
      for (std::size_t column = 0; column < estimates[i].size(); ++column) {
        TableCell& cell = table_.rows[i % methods].cells[of.first_column + column];
        cell.estimate = estimates[i][column];
        count_cases(of.of_method[i % methods], cell);
      }
    }
  }

  void find_best() {
    best_.assign(table_.columns.size(), table_.rows.size());
    for (std::size_t column = 0; column < table_.columns.size(); ++column) {
      const Better direction = table_.columns[column].what.better;
      if (direction == Better::Neither) continue;
      std::size_t& best = best_[column];
      std::size_t valued = 0;
      for (std::size_t row = 0; row < table_.rows.size(); ++row) {
        if (std::isnan(value(row, column))) continue;
        ++valued;
        if (best == table_.rows.size() ||
            is_better(value(row, column), value(best, column), direction)) {
          best = row;
        }
      }
      // Alone a method is not the best of anything.
      if (valued < 2) best = table_.rows.size();
      for (std::size_t row = 0; row < table_.rows.size() && best < table_.rows.size(); ++row) {
        table_.rows[row].cells[column].best = value(row, column) == value(best, column);
      }
    }
  }

  void test_pairs() {
    std::set<Pair> wanted;
    std::size_t most = 0;  // tests of one column
    for (std::size_t m = 0; m < rows_.size(); ++m) {
      for (std::size_t column = first(m); column < last(m); ++column) {
        std::size_t against_best = 0, against_controls = 0;
        for (std::size_t row = 0; row < table_.rows.size(); ++row) {
          if (tests_against_best(row, column)) {
            wanted.insert({m, best_[column], row});
            ++against_best;
          }
          for (std::size_t control = 0; control < table_.rows.size(); ++control) {
            if (!tests_against_control(row, control, column)) continue;
            wanted.insert({m, row, control});
            ++against_controls;
          }
        }
        best_tests_ = std::max(best_tests_, against_best);
        most = std::max({most, against_best, against_controls});
      }
    }
    const std::int64_t tests = static_cast<std::int64_t>(most);
    Resampling how = resampling_;
    how.flips = std::max(how.flips, std::min(kMostFlips, tests * kFlipsPerTest));
    const std::vector<Pair> pairs(wanted.begin(), wanted.end());
    std::vector<PairedComparison> results(pairs.size());
    at::parallel_for(
        0, static_cast<std::int64_t>(pairs.size()), 1, [&](std::int64_t begin, std::int64_t end) {
          for (auto i = static_cast<std::size_t>(begin); i < static_cast<std::size_t>(end); ++i) {
            const Pair& pair = pairs[i];
            const MetricRows& of = rows_[pair.metric];
            results[i] = compare_paired(*of.metric, of.of_method[pair.first],
                                        of.of_method[pair.second], how);
          }
        });
    for (std::size_t i = 0; i < pairs.size(); ++i) pairs_.emplace(pairs[i], results[i]);
  }

  void mark_tests() {
    for (std::size_t m = 0; m < rows_.size(); ++m) {
      for (std::size_t column = first(m); column < last(m); ++column) mark_column(m, column);
    }
  }

  /// Holm's correction counts the tests of a column: each column is a question of its own.
  void mark_column(std::size_t m, std::size_t column) {
    std::vector<Test> best, controls;
    const auto of = [&](std::size_t one, std::size_t other) -> const Difference& {
      return pairs_.at({m, one, other}).columns[column - first(m)];
    };
    for (std::size_t row = 0; row < table_.rows.size(); ++row) {
      if (tests_against_best(row, column)) {
        best.push_back({row, 0, of(best_[column], row).p, false});
      }
      for (std::size_t control = 0; control < table_.rows.size(); ++control) {
        if (!tests_against_control(row, control, column)) continue;
        const Difference& difference = of(row, control);
        controls.push_back({row, control, difference.p,
                            is_better(difference.value, 0, table_.columns[column].what.better)});
      }
    }
    adjust(best);
    adjust(controls);
    for (const auto& test : best) {
      TableCell& cell = table_.rows[test.row].cells[column];
      cell.p_best = test.p;
      cell.like_best = !(test.p < kSignificant);
    }
    for (const auto& test : controls) {
      if (test.better && test.p < kSignificant) continue;
      table_.rows[test.row].cells[column].not_above.push_back(
          table_.rows[test.control].method.name);
    }
  }

  static void adjust(std::vector<Test>& tests) {
    std::vector<double> p;
    for (const auto& test : tests) p.push_back(test.p);
    const std::vector<double> adjusted = holm(p);
    for (std::size_t i = 0; i < tests.size(); ++i) tests[i].p = adjusted[i];
  }

  bool tests_against_best(std::size_t row, std::size_t column) const {
    return best_[column] < table_.rows.size() && row != best_[column] &&
           !table_.rows[row].cells[column].best && !std::isnan(value(row, column));
  }
  bool tests_against_control(std::size_t row, std::size_t control, std::size_t column) const {
    return table_.columns[column].main && !table_.rows[row].method.control &&
           table_.rows[control].method.control && !std::isnan(value(row, column)) &&
           !std::isnan(value(control, column));
  }

  /// By the mean rank in the main columns; controls last.
  void order_rows() {
    std::vector<std::pair<double, std::size_t>> order;
    for (std::size_t row = 0; row < table_.rows.size(); ++row) {
      double rank = table_.rows[row].method.control ? 1e9 : 0;
      for (std::size_t column = 0; column < table_.columns.size(); ++column) {
        const TableColumn& of = table_.columns[column];
        if (!of.main || table_.rows[row].method.control) continue;
        for (std::size_t other = 0; other < table_.rows.size(); ++other) {
          // Without a value a method ranks behind all others.
          const bool ahead = std::isnan(value(row, column)) ||
                             is_better(value(other, column), value(row, column), of.what.better);
          rank += ahead && other != row && !table_.rows[other].method.control ? 1 : 0;
        }
      }
      order.emplace_back(rank, row);
    }
    std::stable_sort(order.begin(), order.end());
    std::vector<TableRow> sorted;
    for (const auto& [rank, row] : order) sorted.push_back(std::move(table_.rows[row]));
    table_.rows = std::move(sorted);
  }

  double value(std::size_t row, std::size_t column) const {
    return table_.rows[row].cells[column].estimate.value;
  }
  std::size_t first(std::size_t metric) const { return rows_[metric].first_column; }
  std::size_t last(std::size_t metric) const {
    return first(metric) + rows_[metric].about.info.columns.size();
  }

  const Resampling& resampling_;
  Table table_;
  std::vector<MetricRows> rows_;
  std::vector<std::size_t> best_;  ///< row of each column; the number of rows where there is none
  std::map<Pair, PairedComparison> pairs_;
  std::size_t best_tests_ = 0;  ///< the most of a column
};

}  // namespace

Table make_table(const TableInput& input, const std::vector<TableMetric>& metrics,
                 const std::vector<TableMethod>& methods, const Resampling& resampling) {
  return TableBuilder(input, metrics, methods, resampling).table();
}

}  // namespace limn
