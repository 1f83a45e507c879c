// From stored lines to a report: which tables there are, and whether the lines belong together.
#include <algorithm>
#include <set>
#include <tuple>

#include "evaluation/table_builder.h"
#include "limn/error.h"
#include "limn/tables.h"

namespace limn {
namespace {

/// Throws where lines hold nothing, or say different things about one case.
void check_lines(const std::vector<ResultLine>& lines) {
  std::map<std::tuple<std::string, std::string, std::string, int>, const ResultLine*> cases;
  for (const auto& line : lines) {
    const auto where = [&] {
      return concat("picture \"", line.image, "\", class ", line.label, ", ", line.method, ", ",
                    line.metric);
    };
    const Measurement& measured = line.measurement;
    if (measured.skipped.empty() && measured.values.empty() && measured.curves.empty()) {
      fail(ErrorCode::BadInput, where(), ": neither values nor a reason why there are none");
    }
    if (!measured.skipped.empty() && !measured.values.empty()) {
      fail(ErrorCode::BadInput, where(), ": values, and a reason why there are none (\"",
           measured.skipped, "\")");
    }
    const auto [known, is_new] =
        cases.emplace(std::tuple{line.model, line.data, line.image, line.label}, &line);
    if (is_new) continue;
    const ResultLine& first = *known->second;
    if (first.target != line.target || first.predicted != line.predicted) {
      fail(ErrorCode::BadInput, where(), ": the model's class is ", line.target,
           line.predicted ? ", predicted" : ", not predicted", " and elsewhere ", first.target,
           first.predicted ? ", predicted" : ", not predicted",
           ": lines of different runs are mixed; give each run a folder of its own");
    }
  }
}

/// In the order of their first line.
std::vector<std::string> distinct(const std::vector<ResultLine>& lines,
                                  std::string ResultLine::*member) {
  std::vector<std::string> all;
  std::set<std::string> seen;
  for (const auto& line : lines) {
    if (seen.insert(line.*member).second) all.push_back(line.*member);
  }
  return all;
}

bool is_control(const std::string& name) {
  return std::any_of(methods().begin(), methods().end(), [&](const MethodEntry& entry) {
    return entry.info.name == name && entry.info.family == "control";
  });
}

std::vector<TableMethod> name_methods(const std::vector<ResultLine>& lines) {
  const std::vector<std::string> specs = distinct(lines, &ResultLine::method);
  const std::vector<std::string> names = short_names(specs);
  std::vector<TableMethod> all;
  for (std::size_t i = 0; i < specs.size(); ++i) {
    all.push_back({specs[i], names[i], is_control(Spec::parse(specs[i]).name)});
  }
  return all;
}

std::vector<TableMetric> name_metrics(const std::vector<ResultLine>& lines) {
  const std::vector<std::string> specs = distinct(lines, &ResultLine::metric);
  const std::vector<std::string> names = short_names(specs);
  std::vector<TableMetric> all;
  for (std::size_t i = 0; i < specs.size(); ++i) {
    const MetricInfo info = make_metric(specs[i])->info();
    const std::string plain = Spec::parse(specs[i]).name;
    const std::string options = names[i].substr(std::min(plain.size(), names[i].size()));
    all.push_back({specs[i], info.title + (options.empty() ? "" : " " + options), info});
  }
  return all;
}

/// The rule of all metrics of a table, or empty where they have several.
std::string rule_of(const RunFacts& run, const std::vector<const ResultLine*>& lines) {
  std::set<std::string> rules;
  for (const ResultLine* line : lines) {
    const auto found = run.rules.find({line->protocol, line->metric});
    rules.insert(found == run.rules.end() ? "" : found->second);
  }
  return rules.size() == 1 ? *rules.begin() : "";
}

}  // namespace

BenchReport make_report(const std::vector<ResultLine>& lines, RunFacts run,
                        const ReportOptions& options) {
  check_lines(lines);
  BenchReport report;
  report.run = std::move(run);
  report.resampling = options.resampling;
  report.lines = lines.size();
  report.methods = name_methods(lines);
  report.metrics = name_metrics(lines);
  using Key = std::tuple<std::string, std::string, std::string>;
  std::vector<Key> order;
  std::map<Key, std::vector<const ResultLine*>> groups;
  for (const auto& line : lines) {
    const Key key{line.model, line.data, line.protocol};
    auto& group = groups[key];
    if (group.empty()) order.push_back(key);
    group.push_back(&line);
  }
  for (const auto& key : order) {
    const auto& group = groups.at(key);
    TableInput input{group, TableCases::All, rule_of(report.run, group)};
    report.tables.push_back(make_table(input, report.metrics, report.methods, options.resampling));
    const auto predicted = std::count_if(group.begin(), group.end(),
                                         [](const ResultLine* line) { return line->predicted; });
    const bool all = predicted == static_cast<std::ptrdiff_t>(group.size());
    if (all || input.rule == "P" || input.rule == "top1") continue;
    input.cases = TableCases::Predicted;
    report.tables.push_back(make_table(input, report.metrics, report.methods, options.resampling));
  }
  report.curves = curve_figures(lines, report);
  if (options.published) add_published(report, published_figures());
  return report;
}

}  // namespace limn
