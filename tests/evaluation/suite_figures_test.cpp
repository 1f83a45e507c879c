// The suites that rebuild published tables: each figure that was published of a model, data set and
// method of such a suite stands beside one of ours.
#include <gtest/gtest.h>

#include <algorithm>
#include <sstream>

#include "limn/method.h"
#include "limn/suite.h"
#include "limn/tables.h"

namespace limn {
namespace {

/// With every variable set.
Suite whole_suite(const SuiteEntry& entry) {
  std::map<std::string, std::string> variables = {{"models", "/models"}};
  std::istringstream lines(entry.text);
  for (std::string line; std::getline(lines, line);) {
    std::istringstream words(line);
    std::string statement, name;
    words >> statement >> name;
    if (statement == "needs" || statement == "optional") variables[name] = "/x";
  }
  return parse_suite(entry.text, entry.name, variables);
}

bool among(const std::vector<std::string>& names, const std::string& name) {
  return names.empty() || std::find(names.begin(), names.end(), name) != names.end();
}

/// What a run would leave: two cases of each pair, one of them predicted.
std::vector<ResultLine> lines_of(const Suite& suite) {
  std::vector<ResultLine> lines;
  for (const auto& model : suite.models) {
    for (const auto& data : suite.data) {
      if (!among(model.data, data.name)) continue;
      for (const auto& method : suite.methods) {
        for (const auto& metric : suite.metrics) {
          if (!among(metric.data, data.name)) continue;
          for (const bool predicted : {true, false}) {
            ResultLine line;
            line.model = model.name;
            line.data = data.name;
            line.image = predicted ? "one" : "two";
            line.predicted = predicted;
            line.method = make_method(method)->spec().text();
            line.metric = metric.spec;
            line.protocol = metric.protocol;
            line.measurement.skipped = "not run";
            lines.push_back(std::move(line));
          }
        }
      }
    }
  }
  return lines;
}

RunFacts facts_of(const Suite& suite) {
  RunFacts facts;
  for (const auto& metric : suite.metrics) {
    facts.rules[{metric.protocol, metric.spec}] = std::string(class_rule_name(metric.rule));
  }
  return facts;
}

/// `ucag(grad-cam)` of any spec of it.
std::string bare(const Spec& spec) {
  for (const auto& argument : spec.arguments) {
    if (argument.key == "method") return spec.name + "(" + bare(argument.value.front()) + ")";
  }
  return spec.name;
}

/// The suite measures this method on this model and data set.
bool is_of(const PublishedFigure& figure, const Suite& suite) {
  if (figure.model.empty()) return false;
  bool has_method = false, has_pair = false;
  for (const auto& method : suite.methods) {
    has_method =
        has_method || bare(make_method(method)->spec()) == bare(Spec::parse(figure.method));
  }
  for (const auto& model : suite.models) {
    const bool named = model.name.starts_with(figure.model);
    has_pair = has_pair || (named && among(model.data, figure.data));
  }
  const bool has_data =
      std::any_of(suite.data.begin(), suite.data.end(),
                  [&](const SuiteData& data) { return data.name == figure.data; });
  return has_method && has_pair && has_data;
}

TEST(SuiteFigures, StandBesideOurs) {
  const std::map<std::string, std::size_t> least = {
      {"region-insertion", 10}, {"ucag-tables", 40}, {"rsp-table", 60}};
  for (const auto& entry : suites()) {
    const Suite suite = whole_suite(entry);
    const BenchReport report = make_report(lines_of(suite), facts_of(suite), {.published = true});
    for (const auto& figure : report.published_else) {
      EXPECT_FALSE(is_of(figure, suite))
          << entry.name << ": " << figure.method << " of " << figure.model << " on " << figure.data
          << ", " << figure.cases << ", " << figure.metric << ", " << figure.column;
    }
    std::size_t beside = 0;
    for (const auto& table : report.tables) {
      for (const auto& row : table.rows) {
        for (const auto& cell : row.cells) beside += cell.theirs.size();
      }
    }
    const auto expected = least.find(entry.name);
    EXPECT_GE(beside, expected == least.end() ? 0 : expected->second) << entry.name;
  }
}

TEST(SuiteFigures, OfMapsWithOneSignHaveTheirMeanSubtracted) {
  for (const auto& figure : published_figures()) {
    const Spec metric = Spec::parse(figure.metric);
    if (metric.name != "posneg-miou") continue;
    const bool is_signed = figure.method.starts_with("rsp");
    const std::string wanted = is_signed ? "center=none" : "center=mean";
    EXPECT_NE(figure.metric.find(wanted), std::string::npos) << figure.method;
  }
}

}  // namespace
}  // namespace limn
