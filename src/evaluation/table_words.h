// What a table says in words: how many cases count and why others do not, and what to beware of.
#pragma once
#include <memory>
#include <string>
#include <vector>

#include "limn/tables.h"

namespace limn {

/// One metric's rows of each method.
struct MetricRows {
  TableMetric about;
  std::unique_ptr<Metric> metric;
  std::size_t first_column = 0;
  std::vector<std::vector<MetricRow>> of_method;
  std::vector<std::string> names;  ///< of the methods
};

/// Counts cases, pictures and skipped cases, and says why a cell has no value.
void count_cases(const std::vector<MetricRow>& rows, TableCell& cell);

/// Fills Table::skipped and Table::warnings. `best_tests`: how many tests Holm's correction
/// counted.
void add_words(Table& table, const std::vector<MetricRows>& rows, const Resampling& resampling,
               std::size_t best_tests);

}  // namespace limn
