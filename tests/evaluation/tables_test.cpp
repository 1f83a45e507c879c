// Tables from lines made by hand: order, marks, cases, words, and nothing that is not a number.
#include "limn/tables.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <stdexcept>

#include "limn/error.h"
#include "metrics/metric_base.h"
#include "support/bench_lines.h"

namespace limn {
namespace {

using testing::append;
using testing::bench_line;
using testing::bench_lines;
using testing::kDeletion;
using testing::kInsertion;

bool contains(const std::string& text, const std::string& words) {
  return text.find(words) != std::string::npos;
}

bool any_contains(const std::vector<std::string>& texts, const std::string& words) {
  return std::any_of(texts.begin(), texts.end(),
                     [&](const std::string& text) { return contains(text, words); });
}

/// Deletion, lower is better: lrp is best, grad-cam close to it, gradient as bad as random.
std::vector<ResultLine> four_methods(std::size_t pictures = 40) {
  std::vector<ResultLine> lines;
  append(lines, bench_lines("random", .59, pictures, 1));
  append(lines, bench_lines("gradient", .60, pictures, 2));
  append(lines, bench_lines("grad-cam(layer=\"\")", .20, pictures, 3));
  append(lines, bench_lines("lrp(rule=simple)", .20, pictures, 4));
  for (auto& line : lines) {
    if (line.method.starts_with("lrp")) line.measurement.values["area"] -= .01;
  }
  return lines;
}

const TableRow& row_of(const Table& table, const std::string& name) {
  for (const auto& row : table.rows) {
    if (row.method.name == name) return row;
  }
  throw std::runtime_error("no row " + name);
}

TEST(Tables, PutTheBestFirstAndControlsLast) {
  const auto report = make_report(four_methods());
  ASSERT_EQ(report.tables.size(), 1U) << "all cases are predicted: P would be the same table";
  const Table& table = report.tables[0];
  std::vector<std::string> names;
  for (const auto& row : table.rows) names.push_back(row.method.name);
  EXPECT_EQ(names, (std::vector<std::string>{"lrp", "grad-cam", "gradient", "random"}));
  EXPECT_TRUE(table.rows[3].method.control);
  EXPECT_FALSE(table.rows[0].method.control);
  ASSERT_EQ(table.columns.size(), 1U);
  EXPECT_TRUE(table.columns[0].main);
  EXPECT_EQ(table.measured, 40);
  EXPECT_EQ(table.pictures, 40);
}

TEST(Tables, HoldWhatTheStatisticsSay) {
  const auto lines = four_methods();
  const auto report = make_report(lines);
  const auto metric = make_metric(kDeletion);
  std::vector<MetricRow> lrp, grad_cam, gradient;
  double sum = 0;
  for (const auto& line : lines) {
    const MetricRow row{line.image, line.label, line.measurement};
    if (line.method.starts_with("lrp")) {
      lrp.push_back(row);
      sum += line.measurement.values.at("area");
    }
    if (line.method.starts_with("grad-cam")) grad_cam.push_back(row);
    if (line.method == "gradient") gradient.push_back(row);
  }
  const TableCell& best = row_of(report.tables[0], "lrp").cells[0];
  EXPECT_NEAR(best.estimate.value, sum / 40, 1e-12);
  EXPECT_EQ(best.estimate.interval.low, estimate(*metric, lrp)[0].interval.low);
  EXPECT_TRUE(best.best);
  EXPECT_TRUE(std::isnan(best.p_best));
  EXPECT_TRUE(best.not_above.empty());
  // Three tests against the best: grad-cam, gradient and random.
  const double near = compare_paired(*metric, lrp, grad_cam).columns[0].p;
  const TableCell& second = row_of(report.tables[0], "grad-cam").cells[0];
  EXPECT_NEAR(second.p_best, near, 1e-12) << "the largest p is not raised by Holm's correction";
  EXPECT_TRUE(second.like_best) << near;
  EXPECT_FALSE(second.best);
  const double far = compare_paired(*metric, lrp, gradient).columns[0].p;
  const TableCell& third = row_of(report.tables[0], "gradient").cells[0];
  EXPECT_NEAR(third.p_best, 3 * far, 1e-12);
  EXPECT_FALSE(third.like_best);
  EXPECT_EQ(third.not_above, (std::vector<std::string>{"random"}));
  EXPECT_TRUE(any_contains(report.tables[0].warnings,
                           "Not shown to beat random in Deletion, area: gradient"));
}

TEST(Tables, AreTheSameInAnyOrderOfLines) {
  auto lines = four_methods();
  const std::string first = report_csv(make_report(lines));
  std::stable_sort(lines.begin(), lines.end(),
                   [](const ResultLine& a, const ResultLine& b) { return a.image > b.image; });
  EXPECT_EQ(report_csv(make_report(lines)), first);
}

TEST(Tables, ProtocolPCountsPredictedLinesAlone) {
  auto lines = four_methods();
  double sum = 0;
  for (auto& line : lines) {
    line.predicted = line.label == 0;
    if (line.predicted && line.method == "gradient") sum += line.measurement.values.at("area");
  }
  RunFacts run;
  run.rules[{"demo", kDeletion}] = "L";
  const auto report = make_report(lines, run);
  ASSERT_EQ(report.tables.size(), 2U);
  EXPECT_EQ(row_of(report.tables[0], "gradient").cells[0].cases, 40);
  const Table& predicted = report.tables[1];
  EXPECT_EQ(predicted.cases, TableCases::Predicted);
  EXPECT_EQ(row_of(predicted, "gradient").cells[0].cases, 14);
  EXPECT_NEAR(row_of(predicted, "gradient").cells[0].estimate.value, sum / 14, 1e-12);
  const std::string text = report_markdown(report);
  EXPECT_TRUE(contains(text, "net on shapes, protocol demo, L")) << text;
  EXPECT_TRUE(contains(text, "net on shapes, protocol demo, P")) << text;
  EXPECT_TRUE(contains(text, "14 of 40 measured cases")) << text;
  // No class is predicted: the table says so and stays empty.
  for (auto& line : lines) line.predicted = false;
  const auto none = make_report(lines, run);
  ASSERT_EQ(none.tables.size(), 2U);
  EXPECT_TRUE(none.tables[1].rows.empty());
  EXPECT_TRUE(contains(report_markdown(none), "No case counts."));
  EXPECT_TRUE(contains(report_html(none), "No case counts."));
}

/// Pictures of curves are text, too, in a page; without them nothing but words and numbers is left.
std::vector<ResultLine> without_curves(std::vector<ResultLine> lines) {
  for (auto& line : lines) line.measurement.curves.clear();
  return lines;
}

TEST(Tables, GiveAReasonInPlaceOfANumber) {
  auto lines = without_curves(four_methods());
  for (auto& line : lines) {
    if (line.method != "gradient") continue;
    line.measurement = {.skipped = "the map is constant"};
  }
  const auto report = make_report(lines);
  const Table& table = report.tables[0];
  const TableCell& cell = row_of(table, "gradient").cells[0];
  EXPECT_TRUE(std::isnan(cell.estimate.value));
  EXPECT_EQ(cell.skipped, 40);
  EXPECT_EQ(cell.reason, "all 40 cases skipped: the map is constant");
  EXPECT_EQ(table.rows[2].method.name, "gradient") << "behind all methods with a value";
  EXPECT_TRUE(any_contains(table.skipped, "cases of gradient 40, the map is constant"));
  EXPECT_TRUE(any_contains(table.warnings, "Constant maps (cases): gradient 40"));
  for (const auto& text : {report_markdown(report), report_csv(report), report_html(report)}) {
    EXPECT_TRUE(contains(text, "all 40 cases skipped")) << text;
    EXPECT_FALSE(contains(text, "nan")) << text.substr(text.find("nan") - 80, 160);
    EXPECT_FALSE(contains(text, "inf]")) << text;
  }
}

TEST(Tables, CountSkippedCasesOnceWhereAllMethodsSkipThem) {
  auto lines = four_methods();
  for (auto& line : lines) {
    if (line.label == 1) line.measurement = {.skipped = "no pixel belongs to the class"};
  }
  const Table table = make_report(lines).tables[0];
  EXPECT_EQ(table.skipped,
            (std::vector<std::string>{
                "Deletion: 13 cases of every method, no pixel belongs to the class"}));
  EXPECT_EQ(table.rows[0].cells[0].cases, 27);
}

TEST(Tables, SayWhatFewPicturesCannotShow) {
  const auto one = make_report(without_curves(four_methods(1)));
  EXPECT_TRUE(any_contains(one.tables[0].warnings, "One picture"));
  EXPECT_TRUE(std::isnan(one.tables[0].rows[0].cells[0].estimate.interval.low));
  EXPECT_FALSE(contains(report_html(one), "nan"));
  const auto five = make_report(four_methods(5));
  // 3 tests, and p of 2 / 2^5 at best.
  EXPECT_TRUE(
      any_contains(five.tables[0].warnings, "the smallest p that a test can reach is 0.19"));
  const auto twenty = make_report(four_methods(20));
  EXPECT_TRUE(any_contains(twenty.tables[0].warnings, "Only 20 pictures"));
  const auto forty = make_report(four_methods(40));
  EXPECT_FALSE(any_contains(forty.tables[0].warnings, "pictures"));
}

TEST(Tables, SayWhereMethodsWereNotMeasuredOnTheSameCases) {
  auto lines = four_methods();
  lines.resize(lines.size() - 7);
  const Table table = make_report(lines).tables[0];
  EXPECT_TRUE(any_contains(table.warnings, "not measured on all 40 cases: lrp (7 missing)"));
  EXPECT_EQ(row_of(table, "lrp").cells[0].cases, 33);
}

TEST(Tables, SayWhereThereIsNoControlOrTheControlWins) {
  auto lines = bench_lines("gradient", .3, 40, 1);
  EXPECT_TRUE(any_contains(make_report(lines).tables[0].warnings, "Neither random nor center"));
  append(lines, bench_lines("center", .1, 40, 2));
  const Table table = make_report(lines).tables[0];
  EXPECT_TRUE(any_contains(table.warnings, "The control center has the best value"));
  EXPECT_TRUE(table.rows[1].cells[0].best);
  EXPECT_EQ(table.rows[0].cells[0].not_above, (std::vector<std::string>{"center"}));
}

TEST(Tables, GoByModelDataAndProtocol) {
  auto lines = four_methods();
  auto others = four_methods();
  for (auto& line : others) {
    line.metric = kInsertion;
    line.protocol = "other";
  }
  append(lines, others);
  for (auto& line : others) line.model = "second net";
  append(lines, others);
  const auto report = make_report(lines);
  ASSERT_EQ(report.tables.size(), 3U);
  EXPECT_EQ(report.tables[1].protocol, "other");
  EXPECT_EQ(report.tables[2].model, "second net");
  // Higher is better there.
  EXPECT_EQ(report.tables[1].rows.back().method.name, "random");
  EXPECT_TRUE(row_of(report.tables[1], "gradient").cells[0].best ||
              row_of(report.tables[1], "random").cells[0].best);
}

TEST(Tables, OfNothingAreEmpty) {
  const auto report = make_report({});
  EXPECT_TRUE(report.tables.empty());
  EXPECT_TRUE(contains(report_markdown(report), "There is no result yet."));
  EXPECT_TRUE(contains(report_html(report), "There is no result yet."));
  const std::string csv = report_csv(report);
  EXPECT_EQ(csv.find('\n'), csv.size() - 1) << "the head alone";
}

TEST(Tables, RefuseLinesThatContradictEachOther) {
  const auto message = [](const std::vector<ResultLine>& lines) -> std::string {
    try {
      make_report(lines);
    } catch (const Error& error) {
      return error.what();
    }
    return "no error";
  };
  auto lines = four_methods();
  lines[45].target = 3;
  EXPECT_TRUE(contains(message(lines), "lines of different runs are mixed")) << message(lines);
  lines = four_methods();
  lines[3].measurement = {};
  EXPECT_TRUE(contains(message(lines), "neither values nor a reason")) << message(lines);
  lines[3].measurement = {.values = {{"area", 1}}, .skipped = "gone"};
  EXPECT_TRUE(contains(message(lines), "values, and a reason why there are none"));
  lines = four_methods();
  lines[3].metric = "deletino(step=0)";
  EXPECT_TRUE(contains(message(lines), "did you mean \"deletion\"")) << message(lines);
}

TEST(ShortNames, SayWhatDiffersAndNoMore) {
  EXPECT_EQ(short_names({"lrp(a=1, b=2)", "smoothgrad(method=gradient(x=1), n=50)", "random"}),
            (std::vector<std::string>{"lrp", "smoothgrad(gradient)", "random"}));
  EXPECT_EQ(short_names({"lrp(a=1, b=2)", "lrp(a=1, b=3)"}),
            (std::vector<std::string>{"lrp(b=2)", "lrp(b=3)"}));
  EXPECT_EQ(short_names({"ucag(method=cam(l=1), p=6)", "ucag(method=cam(l=1), p=4)",
                         "ucag(method=lrp, p=6)"}),
            (std::vector<std::string>{"ucag(cam, p=6)", "ucag(cam, p=4)", "ucag(lrp)"}));
  // The difference lies within.
  EXPECT_EQ(short_names({"ucag(method=cam(l=1))", "ucag(method=cam(l=2))"}),
            (std::vector<std::string>{"ucag(method=cam(l=1))", "ucag(method=cam(l=2))"}));
}

TEST(ColumnNumber, IsNeverMoreThanIsKnown) {
  const MetricColumn share{.name = "share", .help = ""};
  EXPECT_EQ(column_number(.81234, share), "0.812");
  EXPECT_EQ(column_number(-.00001, share), "0.000");
  EXPECT_EQ(column_number(NAN, share), "–");
  const MetricColumn open{.name = "density", .high = kInfinity, .help = ""};
  EXPECT_EQ(column_number(12.3456, open), "12.35");
  EXPECT_EQ(column_number(-2, open), "−2");
  EXPECT_EQ(column_number(INFINITY, open), "∞");
}

}  // namespace
}  // namespace limn
