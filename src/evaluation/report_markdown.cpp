// A report as Markdown: tables that stay readable as text.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "evaluation/report_words.h"

namespace limn {
namespace {

/// Names come from files: nothing in them may become markup or end a cell.
std::string plain(const std::string& text) {
  std::string out;
  for (const char c : text) {
    if (c == '\n' || c == '\r') {
      out += ' ';
    } else {
      if (std::string_view("|*_`<>[]\\").find(c) != std::string_view::npos) out += '\\';
      out += c;
    }
  }
  return out;
}

std::string cell_text(const TableCell& cell, const TableColumn& of,
                      std::vector<std::string>& reasons) {
  if (std::isnan(cell.estimate.value)) {
    auto known = std::find(reasons.begin(), reasons.end(), cell.reason);
    if (known == reasons.end()) known = reasons.insert(known, cell.reason);
    return fmt::format("– ({})", static_cast<char>('a' + (known - reasons.begin()) % 26));
  }
  const MetricColumn& column = of.what;
  std::string text = column_number(cell.estimate.value, column);
  if (cell.best) text = "**" + text + "**";
  if (cell.like_best) text += std::string(" ") + kLikeBest;
  if (!cell.not_above.empty()) text += std::string(" ") + kNotAbove;
  const std::string interval = interval_text(cell.estimate.interval, column);
  if (!interval.empty()) text += " \\" + interval.substr(0, interval.size() - 1) + "\\]";
  if (const std::string verdict = verdict_words(cell, of); !verdict.empty()) {
    text += ", " + verdict;
  }
  for (const auto& [value, source] : cell.theirs) {
    text += fmt::format(", theirs {} ({})", column_number(value, column), source + 1);
  }
  return text;
}

std::string block_text(const Table& table, std::size_t first, std::size_t last,
                       std::vector<std::string>& reasons) {
  std::string out = "| method |", line = "| --- |";
  for (std::size_t column = first; column < last; ++column) {
    const TableColumn& of = table.columns[column];
    out += fmt::format(" {}, {} {} {} |", plain(of.title), plain(of.what.name),
                       arrow(of.what.better), plain(range_text(of.what)));
    line += " --- |";
  }
  out += "\n" + line + "\n";
  for (const auto& row : table.rows) {
    out += fmt::format("| {}{} |", plain(row.method.name), row.method.control ? " (control)" : "");
    for (std::size_t column = first; column < last; ++column) {
      out += " " + cell_text(row.cells[column], table.columns[column], reasons) + " |";
    }
    out += "\n";
  }
  return out;
}

std::string table_text(const Table& table, const RunFacts& run) {
  std::string out =
      fmt::format("## {}\n\n{}\n\n", plain(table_title(table)), plain(table_caption(table, run)));
  if (table.rows.empty()) return out + "No case counts.\n\n";
  std::vector<std::string> reasons;
  for (const auto& [first, last] : column_blocks(table)) {
    out += block_text(table, first, last, reasons) + "\n";
  }
  for (std::size_t i = 0; i < reasons.size(); ++i) {
    out += fmt::format("({}) {}\n\n", static_cast<char>('a' + i % 26), plain(reasons[i]));
  }
  for (const auto& text : table.skipped) out += "- Skipped: " + plain(text) + "\n";
  for (const auto& text : table.warnings) out += "- **Warning:** " + plain(text) + "\n";
  return out + "\n";
}

}  // namespace

std::string report_markdown(const BenchReport& report) {
  std::string out = fmt::format(
      "# {}\n\n", plain(report.run.title.empty() ? "Benchmark report" : report.run.title));
  for (const auto& text : run_warnings(report)) out += "- **Warning:** " + plain(text) + "\n";
  out += "\n";
  for (const auto& table : report.tables) out += table_text(table, report.run);
  if (report.tables.empty()) out += "There is no result yet.\n\n";
  out += "## How to read this\n\n";
  for (const auto& text : reading_words(report)) out += "- " + text + "\n";
  out += "\n## Metrics\n\n";
  for (const auto& metric : metric_words(report)) {
    out +=
        fmt::format("**{}** (`{}`). {}\n\n", plain(metric.title), metric.spec, plain(metric.text));
    for (const auto& column : metric.columns) out += "- " + plain(column) + "\n";
    out += "\n";
  }
  out += "## Methods\n\n";
  for (const auto& method : report.methods) {
    out += fmt::format("- {}: `{}`{}\n", plain(method.name), method.spec,
                       method.control ? ", control" : "");
  }
  out += "\n";
  if (!report.sources.empty()) {
    out += "## Theirs\n\n";
    for (std::size_t i = 0; i < report.sources.size(); ++i) {
      out += fmt::format("({}) {}\n\n", i + 1, plain(report.sources[i]));
    }
  }
  if (!report.published_else.empty()) {
    out += "## Published figures without one of ours beside them\n\n";
    for (const auto& figure : report.published_else) {
      out += fmt::format("- {} ({})\n", plain(published_words(figure)), plain(figure.source));
    }
    out += "\n";
  }
  if (!report.run.about.empty()) out += "## The run\n\n";
  for (const auto& [name, words] : report.run.about) {
    out += fmt::format("- {}: {}\n", plain(name), plain(words));
  }
  return out;
}

}  // namespace limn
