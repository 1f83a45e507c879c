// A report as CSV: one line for each number, for a spreadsheet or a script (RFC 4180).
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "evaluation/report_words.h"
#include "evaluation/table_builder.h"
#include "limn/tables.h"

namespace limn {
namespace {

constexpr const char* kHead =
    "model,data,protocol,cases,method,control,metric,column,better,source,value,low,high,count,"
    "pictures,skipped,best,p_best,beats_controls,reason,verdict";

std::string quoted(const std::string& text) {
  if (text.find_first_of(",\"\r\n") == std::string::npos) return text;
  std::string out = "\"";
  for (const char c : text) out += c == '"' ? std::string("\"\"") : std::string(1, c);
  return out + "\"";
}

/// Every digit; empty where there is no number.
std::string number(double value) { return std::isfinite(value) ? fmt::format("{}", value) : ""; }

std::string join(const std::vector<std::string>& fields) {
  std::string out;
  for (std::size_t i = 0; i < fields.size(); ++i) out += (i == 0 ? "" : ",") + quoted(fields[i]);
  return out + "\r\n";
}

std::string better_word(Better better) {
  return better == Better::Higher ? "higher" : better == Better::Lower ? "lower" : "neither";
}

}  // namespace

std::string report_csv(const BenchReport& report) {
  std::string out = std::string(kHead) + "\r\n";
  for (const auto& table : report.tables) {
    const bool controls = std::any_of(table.rows.begin(), table.rows.end(),
                                      [](const TableRow& row) { return row.method.control; });
    for (const auto& row : table.rows) {
      for (std::size_t i = 0; i < row.cells.size(); ++i) {
        const TableCell& cell = row.cells[i];
        const TableColumn& column = table.columns[i];
        const std::vector<std::string> start = {
            table.model,       table.data,       table.protocol,
            cases_name(table), row.method.spec,  row.method.control ? "yes" : "no",
            column.metric,     column.what.name, better_word(column.what.better)};
        std::vector<std::string> ours = start;
        const bool tested =
            controls && column.main && !row.method.control && std::isfinite(cell.estimate.value);
        const std::string beats = !tested ? "" : cell.not_above.empty() ? "yes" : "no";
        ours.insert(ours.end(),
                    {"measured", number(cell.estimate.value), number(cell.estimate.interval.low),
                     number(cell.estimate.interval.high), fmt::format("{}", cell.cases),
                     fmt::format("{}", cell.pictures), fmt::format("{}", cell.skipped),
                     cell.best ? "yes" : "no", number(cell.p_best), beats, cell.reason,
                     verdict_words(cell, column)});
        out += join(ours);
        for (const auto& [value, source] : cell.theirs) {
          std::vector<std::string> theirs = start;
          theirs.insert(theirs.end(), {"published: " + report.sources[source], number(value), "",
                                       "", "", "", "", "", "", "", "", ""});
          out += join(theirs);
        }
      }
    }
  }
  return out;
}

}  // namespace limn
