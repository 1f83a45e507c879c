// Sentences that the Markdown and the HTML report share.
#pragma once
#include <string>
#include <utility>
#include <vector>

#include "limn/tables.h"

namespace limn {

/// `shapes_resnet on shapes, protocol demo, L`.
std::string table_title(const Table& table);
/// What is counted, and the protocol with its hash.
std::string table_caption(const Table& table, const RunFacts& run);
/// Columns [first, last) that stand side by side: whole metrics, as many as a page is wide.
std::vector<std::pair<std::size_t, std::size_t>> column_blocks(const Table& table);
/// `↑`, `↓` or nothing.
std::string arrow(Better better);
/// `↑ higher is better`.
std::string direction_words(Better better);
/// `[0, 1]`.
std::string range_text(const MetricColumn& column);
/// `[0.781, 0.842]`; empty where there is none.
std::string interval_text(const Interval& interval, const MetricColumn& column);
/// What a metric's own bounds say of a number, in words: `flagged`, `passed` or `unclear` of a
/// sanity check after full randomization, `several strategies` or `one strategy` of spray's highest
/// score. Empty for all other columns.
std::string verdict_words(const TableCell& cell, const TableColumn& column);
/// How to read a table: what intervals, bold, marks and tests are.
std::vector<std::string> reading_words(const BenchReport& report);
/// Warnings of the whole run.
std::vector<std::string> run_warnings(const BenchReport& report);
/// Metrics in use, with a sentence on each column.
struct MetricWords {
  std::string title, spec, text;  ///< `text`: summary, formula, paper
  std::vector<std::string> columns;
};
std::vector<MetricWords> metric_words(const BenchReport& report);
/// One published figure that stands beside none of ours.
std::string published_words(const PublishedFigure& figure);

/// Marks behind a value.
inline constexpr const char* kLikeBest = "≈";
inline constexpr const char* kNotAbove = "†";

}  // namespace limn
