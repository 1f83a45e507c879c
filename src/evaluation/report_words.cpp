// See report_words.h.
#include "evaluation/report_words.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "evaluation/table_builder.h"
#include "limn/sanity.h"
#include "limn/spec.h"
#include "limn/spray.h"

namespace limn {
namespace {

constexpr std::size_t kMostColumns = 7;

}  // namespace

std::string table_title(const Table& table) {
  return fmt::format("{} on {}{}, {}", table.model, table.data,
                     table.protocol.empty() ? "" : ", protocol " + table.protocol,
                     cases_name(table) == "all" ? "all cases" : cases_name(table));
}

std::string table_caption(const Table& table, const RunFacts& run) {
  std::int64_t most = 0, pictures = 0;
  for (const auto& row : table.rows) {
    for (const auto& cell : row.cells) {
      most = std::max(most, cell.cases);
      pictures = std::max(pictures, cell.pictures);
    }
  }
  std::string text = fmt::format(
      "Counted: {}. {} of {} measured cases (picture and class) count, in {} of {} pictures.",
      cases_words(table), most, table.measured, pictures, table.pictures);
  if (!table.protocol.empty()) {
    const auto hash = run.protocols.find(table.protocol);
    text += fmt::format(" Protocol {}{}.", table.protocol,
                        hash == run.protocols.end() ? "" : ", SHA-256 " + hash->second);
  }
  return text;
}

std::vector<std::pair<std::size_t, std::size_t>> column_blocks(const Table& table) {
  std::vector<std::pair<std::size_t, std::size_t>> blocks;
  for (std::size_t first = 0; first < table.columns.size();) {
    std::size_t last = first;
    while (last < table.columns.size() && table.columns[last].metric == table.columns[first].metric)
      ++last;
    if (blocks.empty() || last - blocks.back().first > kMostColumns) {
      blocks.emplace_back(first, last);
    } else {
      blocks.back().second = last;
    }
    first = last;
  }
  return blocks;
}

std::string arrow(Better better) {
  return better == Better::Higher ? "↑" : better == Better::Lower ? "↓" : "";
}

std::string direction_words(Better better) {
  return better == Better::Higher  ? "↑ higher is better"
         : better == Better::Lower ? "↓ lower is better"
                                   : "neither way is better";
}

std::string range_text(const MetricColumn& column) {
  const auto end = [](double value) {
    return std::isinf(value) ? std::string(value > 0 ? "∞" : "−∞") : fmt::format("{:g}", value);
  };
  return fmt::format("{}{}, {}{}", std::isinf(column.low) ? "(" : "[", end(column.low),
                     end(column.high), std::isinf(column.high) ? ")" : "]");
}

std::string interval_text(const Interval& interval, const MetricColumn& column) {
  if (std::isnan(interval.low)) return "";
  return fmt::format("[{}, {}]", column_number(interval.low, column),
                     column_number(interval.high, column));
}

std::string verdict_words(const TableCell& cell, const TableColumn& column) {
  if (std::isnan(cell.estimate.value)) return "";
  const Spec spec = Spec::parse(column.metric);
  // The bounds of the sanity check are those of |map|.
  const bool with_signs =
      std::any_of(spec.arguments.begin(), spec.arguments.end(), [](const Spec::Argument& argument) {
        return argument.key == "abs" && argument.value.front().name == "false";
      });
  if (spec.name == "sanity" && column.what.name == "spearman" && !with_signs) {
    return std::string(sanity_verdict(cell.estimate.value));
  }
  if (spec.name == "spray" && column.what.name == "largest") {
    return std::string(spray_verdict(cell.estimate.value));
  }
  return "";
}

std::vector<std::string> reading_words(const BenchReport& report) {
  const Resampling& how = report.resampling;
  std::vector<std::string> all = {
      fmt::format("Brackets hold the {:g} % interval: the middle {:g} % of {} tables made from "
                  "pictures drawn with replacement (percentile bootstrap, seed {}). Pictures are "
                  "drawn whole, since the classes of one picture depend on each other. It covers "
                  "the choice of pictures, not another model, another training or another seed.",
                  100 * how.level, 100 * how.level, how.samples, how.seed),
      fmt::format(
          "Bold is the best value of a column. {} marks values that cannot be told from it: "
          "p of the paired test is .05 or more. The test swaps the results of the two "
          "methods picture by picture and asks how often chance alone makes a difference as "
          "large; p is adjusted for all tests of the column (Holm).",
          kLikeBest),
      fmt::format("{} marks methods that are not shown to beat a control by the same test: random "
                  "(noise) or center (a spot in the middle), which know nothing of the model. "
                  "Controls stand last.",
                  kNotAbove),
      "Rows go from the best mean rank over the metrics' main columns to the worst. – is no value; "
      "the reason stands below the table."};
  if (!report.sources.empty()) {
    all.emplace_back(
        "“Theirs” are published figures, copied, not measured here: other weights, pictures or "
        "settings may lie behind them.");
  }
  return all;
}

std::vector<std::string> run_warnings(const BenchReport& report) {
  std::vector<std::string> all;
  if (!report.run.known) {
    all.emplace_back(
        "There is no run.json: model, data and settings are known by name only, not by content.");
  }
  if (!report.run.finished) {
    all.emplace_back("The run is not finished: tables are of the pictures done so far.");
  }
  for (const auto& text : report.run.warnings) all.push_back(text + ".");
  if (!report.run.problems.empty()) {
    std::string text =
        fmt::format("{} could not be used:",
                    report.run.problems.size() == 1
                        ? "One picture or measurement"
                        : fmt::format("{} pictures or measurements", report.run.problems.size()));
    for (std::size_t i = 0; i < report.run.problems.size() && i < 20; ++i) {
      text += (i == 0 ? " " : "; ") + report.run.problems[i];
    }
    if (report.run.problems.size() > 20) text += "; and more, in run.json";
    all.push_back(text);
  }
  return all;
}

std::vector<MetricWords> metric_words(const BenchReport& report) {
  std::vector<MetricWords> all;
  for (const auto& metric : report.metrics) {
    MetricWords words;
    words.title = metric.name;
    words.spec = metric.spec;
    words.text = fmt::format("{} {}. Source: {}.", metric.info.summary, metric.info.formula,
                             metric.info.paper);
    for (const auto& column : metric.info.columns) {
      words.columns.push_back(fmt::format("{}: {}; {}, range {}", column.name, column.help,
                                          direction_words(column.better), range_text(column)));
    }
    all.push_back(std::move(words));
  }
  return all;
}

std::string published_words(const PublishedFigure& figure) {
  const std::string name = Spec::parse(figure.metric).name;
  MetricColumn column;
  column.name = figure.column;
  for (const auto& entry : metrics()) {
    if (entry.info.name != name) continue;
    for (const auto& one : entry.info.columns) {
      if (one.name == figure.column) column = one;
    }
  }
  return fmt::format("{} {}: {}, {}, {} on {}{}", figure.metric, figure.column,
                     column_number(figure.value, column), figure.method,
                     figure.model.empty() ? "a model not named" : figure.model, figure.data,
                     figure.cases.empty() ? "" : ", " + figure.cases);
}

}  // namespace limn
