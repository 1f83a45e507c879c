// See table_words.h.
#include "evaluation/table_words.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include "evaluation/table_builder.h"

namespace limn {
namespace {

constexpr std::int64_t kFewPictures = 30;
constexpr double kSignificant = 0.05;

std::string count_of(std::int64_t count, const char* one) {
  return fmt::format("{} {}{}", count, one, count == 1 ? "" : "s");
}

/// `a, b and c`.
std::string listed(const std::vector<std::string>& names) {
  std::string out;
  for (std::size_t i = 0; i < names.size(); ++i) {
    out += (i == 0 ? "" : i + 1 == names.size() ? " and " : ", ") + names[i];
  }
  return out;
}

/// Reasons of one metric with their counts: once where they are the same for all methods.
void add_skipped(Table& table, const MetricRows& of) {
  std::map<std::string, std::vector<std::int64_t>> counts;
  for (std::size_t method = 0; method < of.of_method.size(); ++method) {
    for (const auto& row : of.of_method[method]) {
      if (row.measurement.skipped.empty()) continue;
      auto& of_reason = counts[row.measurement.skipped];
      of_reason.resize(of.of_method.size(), 0);
      ++of_reason[method];
    }
  }
  for (const auto& [reason, of_methods] : counts) {
    const bool equal = std::all_of(
        of_methods.begin(), of_methods.end(),
        [&of_methods = of_methods](std::int64_t one) { return one == of_methods.front(); });
    if (equal) {
      table.skipped.push_back(fmt::format("{}: {} of every method, {}", of.about.name,
                                          count_of(of_methods.front(), "case"), reason));
      continue;
    }
    std::vector<std::string> parts;
    for (std::size_t method = 0; method < of_methods.size(); ++method) {
      if (of_methods[method] == 0) continue;
      parts.push_back(fmt::format("{} {}", of.names[method], of_methods[method]));
    }
    table.skipped.push_back(
        fmt::format("{}: cases of {}, {}", of.about.name, listed(parts), reason));
    if (reason.find("constant") != std::string::npos) {
      table.warnings.push_back(
          fmt::format("Constant maps (cases): {}. A map without any difference explains nothing.",
                      listed(parts)));
    }
  }
}

/// Methods that lack cases which others have.
void warn_of_missing(Table& table, const MetricRows& of) {
  std::size_t most = 0;
  for (const auto& rows : of.of_method) most = std::max(most, rows.size());
  std::vector<std::string> parts;
  for (std::size_t method = 0; method < of.of_method.size(); ++method) {
    const std::size_t lacks = most - of.of_method[method].size();
    if (lacks > 0) parts.push_back(fmt::format("{} ({} missing)", of.names[method], lacks));
  }
  if (parts.empty()) return;
  table.warnings.push_back(fmt::format(
      "{}: not measured on all {} cases: {}. Values are of the cases at hand; tests compare two "
      "methods on the cases that both have. Is the run finished?",
      of.about.name, most, listed(parts)));
}

void warn_of_few(Table& table, const Resampling& resampling, std::size_t tests) {
  std::int64_t pictures = 0;
  for (const auto& row : table.rows) {
    for (const auto& cell : row.cells) pictures = std::max(pictures, cell.pictures);
  }
  if (pictures == 0) return;
  if (pictures == 1) {
    table.warnings.emplace_back("One picture: there are no intervals, and nothing can be tested.");
    return;
  }
  const double finest = pictures < 60 ? std::pow(2.0, 1.0 - static_cast<double>(pictures))
                                      : 1.0 / static_cast<double>(resampling.flips);
  const double smallest = std::min(1.0, finest * static_cast<double>(tests));
  if (tests > 0 && pictures < 60 && smallest >= kSignificant) {
    table.warnings.push_back(
        fmt::format("{} and {} a column: the smallest p that a test can reach is {:.2g} after "
                    "Holm's correction, so no "
                    "difference can be told from chance here.",
                    count_of(pictures, "picture"),
                    count_of(static_cast<std::int64_t>(tests), "test"), smallest));
  } else if (pictures < kFewPictures) {
    table.warnings.push_back(fmt::format(
        "Only {}: intervals from so few are too narrow, and only large differences show.",
        count_of(pictures, "picture")));
  }
}

void warn_of_controls(Table& table) {
  const bool any = std::any_of(table.rows.begin(), table.rows.end(),
                               [](const TableRow& row) { return row.method.control; });
  if (!any) {
    table.warnings.emplace_back(
        "Neither random nor center was run: nothing shows what these numbers are without a "
        "method.");
  }
  for (std::size_t column = 0; column < table.columns.size(); ++column) {
    const std::string of = table.columns[column].title + ", " + table.columns[column].what.name;
    std::map<std::string, std::vector<std::string>> failing;  // control -> methods
    for (const auto& row : table.rows) {
      const TableCell& cell = row.cells[column];
      for (const auto& control : cell.not_above) failing[control].push_back(row.method.name);
      if (row.method.control && cell.best) {
        table.warnings.push_back(
            fmt::format("The control {} has the best value in {}.", row.method.name, of));
      }
    }
    for (const auto& [control, methods] : failing) {
      table.warnings.push_back(
          fmt::format("Not shown to beat {} in {}: {}.", control, of, listed(methods)));
    }
  }
}

}  // namespace

void count_cases(const std::vector<MetricRow>& rows, TableCell& cell) {
  std::set<std::string> pictures;
  std::map<std::string, std::int64_t> reasons;
  for (const auto& row : rows) {
    if (row.measurement.skipped.empty()) {
      ++cell.cases;
      pictures.insert(row.image);
    } else {
      ++cell.skipped;
      ++reasons[row.measurement.skipped];
    }
  }
  cell.pictures = static_cast<std::int64_t>(pictures.size());
  if (!std::isnan(cell.estimate.value)) return;
  if (rows.empty()) {
    cell.reason = "not measured";
  } else if (cell.cases > 0) {
    cell.reason = "no case has a value for this column";
  } else {
    const auto most =
        std::max_element(reasons.begin(), reasons.end(),
                         [](const auto& a, const auto& b) { return a.second < b.second; });
    cell.reason = fmt::format("all {} skipped: {}", count_of(cell.skipped, "case"), most->first);
  }
}

std::string cases_name(const Table& table) {
  if (table.cases == TableCases::Predicted) return "P";
  return table.rule.empty() ? "all" : table.rule;
}

std::string cases_words(const Table& table) {
  const std::string name = cases_name(table);
  if (name == "P") return "P: only the labelled classes that the model predicts";
  if (name == "L") return "L: all labelled classes";
  if (name == "top1") return "the likeliest class of each picture, right or wrong";
  return "all classes that were measured";
}

void add_words(Table& table, const std::vector<MetricRows>& rows, const Resampling& resampling,
               std::size_t best_tests) {
  warn_of_few(table, resampling, best_tests);
  warn_of_controls(table);
  for (const auto& of : rows) {
    add_skipped(table, of);
    warn_of_missing(table, of);
  }
}

}  // namespace limn
