// One table from the lines of one model, data set and protocol.
#pragma once
#include <memory>
#include <vector>

#include "limn/tables.h"

namespace limn {

struct TableInput {
  std::vector<const ResultLine*> lines;  ///< of one model, data set and protocol
  TableCases cases = TableCases::All;
  std::string rule;
};

/// `metrics` and `methods` are those of the whole report, in the order in which tables show them
/// where nothing else decides. Cells hold all but published figures.
Table make_table(const TableInput& input, const std::vector<TableMetric>& metrics,
                 const std::vector<TableMethod>& methods, const Resampling& resampling);

/// Puts published figures beside ours where model, data, cases, metric, column and method fit by
/// name; the others of metrics in use go to `published_else`.
void add_published(BenchReport& report, const std::vector<PublishedFigure>& figures);

/// Mean curves over pictures with pointwise intervals, for each table that counts all cases.
std::vector<CurveFigure> curve_figures(const std::vector<ResultLine>& lines,
                                       const BenchReport& report);

/// Which cases a table counts, in words, and as `L`, `P`, `top1` or `all`.
std::string cases_words(const Table& table);
std::string cases_name(const Table& table);

}  // namespace limn
