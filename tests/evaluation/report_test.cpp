// What reports are written as: names that cannot become markup, numbers that can be read back,
// published figures beside ours only where they belong, and runs side by side.
#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <map>
#include <sstream>

#include "limn/error.h"
#include "limn/image.h"
#include "limn/tables.h"
#include "support/bench_lines.h"
#include "support/process.h"

namespace limn {
namespace {

using testing::append;
using testing::bench_lines;
using testing::kDeletion;
using testing::TemporaryFolder;
using testing::write_text;

bool contains(const std::string& text, const std::string& words) {
  return text.find(words) != std::string::npos;
}

/// Fields of one line of CSV (RFC 4180).
std::vector<std::string> fields_of(const std::string& line) {
  std::vector<std::string> fields(1);
  bool quoted = false;
  for (std::size_t i = 0; i < line.size(); ++i) {
    if (quoted && line[i] == '"' && i + 1 < line.size() && line[i + 1] == '"') {
      fields.back() += line[i++];
    } else if (line[i] == '"') {
      quoted = !quoted;
    } else if (line[i] == ',' && !quoted) {
      fields.emplace_back();
    } else if (line[i] != '\r') {
      fields.back() += line[i];
    }
  }
  return fields;
}

std::vector<std::vector<std::string>> csv_of(const BenchReport& report) {
  std::istringstream text(report_csv(report));
  std::vector<std::vector<std::string>> rows;
  for (std::string line; std::getline(text, line);) rows.push_back(fields_of(line));
  return rows;
}

TEST(Report, CsvHoldsEveryDigitAndQuotesNames) {
  auto lines = bench_lines("random", .6, 12, 1);
  append(lines, bench_lines("gradient", .3, 12, 2));
  for (auto& line : lines) line.data = "a, \"b\" set";
  const auto report = make_report(lines);
  const auto rows = csv_of(report);
  ASSERT_EQ(rows.size(), 3U);
  for (const auto& row : rows) EXPECT_EQ(row.size(), rows[0].size());
  EXPECT_EQ(rows[1][1], "a, \"b\" set");
  EXPECT_EQ(rows[1][4], "gradient");
  EXPECT_EQ(rows[1][8], "lower");
  EXPECT_EQ(std::stod(rows[1][10]), report.tables[0].rows[0].cells[0].estimate.value);
  EXPECT_EQ(std::stod(rows[1][11]), report.tables[0].rows[0].cells[0].estimate.interval.low);
  EXPECT_EQ(rows[2][5], "yes") << "random is a control";
}

TEST(Report, NamesCannotBecomeMarkup) {
  auto lines = bench_lines("random", .6, 12, 1);
  append(lines, bench_lines("gradient", .3, 12, 2));
  for (auto& line : lines) {
    line.model = "</td><script>alert(1)</script>";
    line.data = "a|b\n**c** \"d\"";
  }
  RunFacts run;
  run.title = "<b>title</b>";
  run.problems = {"<img src=x>"};
  const auto report = make_report(lines, run);
  const std::string page = report_html(report), text = report_markdown(report);
  EXPECT_FALSE(contains(page, "<script"));
  EXPECT_FALSE(contains(page, "<b>title"));
  EXPECT_FALSE(contains(page, "<img src=x"));
  EXPECT_TRUE(contains(page, "&lt;/td>&lt;script>alert(1)"));
  EXPECT_FALSE(contains(page, "http://")) << "the page loads nothing";
  EXPECT_TRUE(contains(text, "a\\|b \\*\\*c\\*\\* \"d\"")) << text;
}

TEST(Report, ExplainsEachMetricAndMark) {
  auto lines = bench_lines("random", .6, 12, 1);
  append(lines, bench_lines("grad-cam(layer=x)", .3, 12, 2));
  const auto report = make_report(lines, {}, {.resampling = {.samples = 700, .seed = 9}});
  for (const auto& text : {report_markdown(report), report_html(report)}) {
    EXPECT_TRUE(contains(text, "How fast the class's probability falls")) << text;
    EXPECT_TRUE(contains(text, "lower is better")) << text;
    EXPECT_TRUE(contains(text, "700 tables made from pictures drawn")) << text;
    EXPECT_TRUE(contains(text, "seed 9")) << text;
    EXPECT_TRUE(contains(text, "grad-cam(layer=x)")) << "the exact spec";
    EXPECT_TRUE(contains(text, "There is no run.json")) << text;
    EXPECT_TRUE(contains(text, "Holm")) << text;
  }
}

/// Lines of a sanity check whose map keeps `spearman` of itself.
std::vector<ResultLine> sanity_lines(const std::string& method, const std::string& metric,
                                     double spearman) {
  auto lines = bench_lines(method, spearman, 8);
  for (auto& line : lines) {
    line.metric = metric;
    line.protocol = "";
    line.measurement.curves.clear();
    // All columns at another bound, so that a word in the wrong one shows.
    line.measurement.values = {{"spearman", spearman},
                               {"mean-spearman", .9},
                               {"signed-spearman", .9},
                               {"ssim", .9},
                               {"degenerate", 0}};
  }
  return lines;
}

TEST(Report, SaysTheVerdictOfASanityCheck) {
  const std::string metric = "sanity(mode=cascading, stages=0, init=torch, abs=true)";
  auto lines = sanity_lines("gradient", metric, .1);
  append(lines, sanity_lines("lrp", metric, .4));
  append(lines, sanity_lines("deconvnet", metric, .7));
  const auto report = make_report(lines);
  const auto rows = csv_of(report);
  ASSERT_EQ(rows[0].back(), "verdict");
  std::map<std::string, std::string> verdicts;
  for (std::size_t i = 1; i < rows.size(); ++i) {
    ASSERT_EQ(rows[i].size(), rows[0].size());
    if (rows[i][7] == "spearman") {
      verdicts[rows[i][4]] = rows[i].back();
    } else {
      EXPECT_EQ(rows[i].back(), "") << rows[i][7];
    }
  }
  EXPECT_EQ(verdicts, (std::map<std::string, std::string>{
                          {"gradient", "passed"}, {"lrp", "unclear"}, {"deconvnet", "flagged"}}));
  const std::string text = report_markdown(report), page = report_html(report);
  for (const auto& [method, verdict] : verdicts) {
    EXPECT_TRUE(contains(text, ", " + verdict + " |")) << text;
    EXPECT_TRUE(contains(page, "<span class=\"verdict " + verdict + "\">" + verdict)) << verdict;
  }
  // The bounds are those of |map|.
  const std::string with_signs = "sanity(mode=cascading, stages=0, init=torch, abs=false)";
  const auto quiet = make_report(sanity_lines("gradient", with_signs, .7));
  EXPECT_FALSE(contains(report_html(quiet), "<span class=\"verdict"));
  EXPECT_FALSE(contains(report_markdown(quiet), ", flagged"));
}

TEST(Report, MakesExamplesSmallerForThePage) {
  at::manual_seed(4);
  const std::string wide = encode_png((at::rand({300, 600, 3}) * 255).to(at::kByte));
  RunFacts run;
  run.examples = {{.caption = "one", .picture = wide, .maps = {{"gradient", wide}}},
                  {.caption = "two", .picture = "", .maps = {{"gradient", "no picture"}}}};
  const std::string page = report_html(make_report(bench_lines("gradient", .3, 12), run));
  EXPECT_LT(page.size(), wide.size() / 2) << "noise is the hardest picture to pack";
  EXPECT_TRUE(contains(page, "src=\"data:image/jpeg;base64,"));
  EXPECT_TRUE(contains(page, "src=\"data:image/png;base64,bm8gcGljdHVyZQ==\"")) << "as it is";
}

TEST(Report, DrawsCurvesOfDifferentLengths) {
  auto lines = bench_lines("random", .6, 12, 1);
  append(lines, bench_lines("gradient", .3, 12, 2));
  lines[2].measurement.curves["probability"] = {1, .75, .5, .25, 0};
  lines[3].measurement.curves["probability"] = {.5};
  const auto report = make_report(lines);
  ASSERT_EQ(report.curves.size(), 1U);
  EXPECT_EQ(report.curves[0].pixels.dim(), 3);
  EXPECT_TRUE(contains(report_html(report), "Deletion: net on shapes, demo"));
  // Five methods stand in one picture.
  for (int i = 0; i < 6; ++i)
    append(lines, bench_lines("lrp(a=" + std::to_string(i) + ")", .2, 12));
  EXPECT_EQ(make_report(lines).curves.size(), 2U);
}

TEST(Report, ReadsWhatARunSaysAboutItself) {
  const TemporaryFolder folder;
  EXPECT_FALSE(read_run_facts(folder.path()).known);
  std::filesystem::create_directories(folder / "examples");
  const std::string picture = encode_png(at::full({4, 4, 3}, 9, at::kByte));
  write_text(folder / "examples/one.png", picture);
  const std::string start = R"json({"schema": "limn.bench/1", "finished": false, "seed": 7,
    "suite": {"name": "demo", "title": "A demo"},
    "models": [{"name": "net", "path": "net.onnx", "sha256": "abc123"}],
    "data": [{"name": "shapes", "spec": "shapes(n=3)", "pictures": 3, "of": 9}],
    "metrics": [{"spec": "deletion(step=0)", "protocol": "demo", "labels": "L"}],
    "protocols": [{"name": "demo", "sha256": "def456", "source": "somebody, 2020"}],
    "problems": [{"data": "shapes", "id": "7", "what": "cannot be read"}], "examples": [{
    "model": "net", "data": "shapes", "image": "picture1000", "label": "star", "target": 3,
    "predicted": true, "picture": "examples/gone.png",
    "maps": [{"method": "gradient", "file": ")json";
  write_text(folder / "run.json", start + "examples/one.png\"}]}]}");
  const RunFacts run = read_run_facts(folder.path());
  EXPECT_TRUE(run.known);
  EXPECT_FALSE(run.finished);
  ASSERT_EQ(run.examples.size(), 1U);
  EXPECT_EQ(run.examples[0].picture, "") << "a missing picture is left out";
  EXPECT_EQ(run.examples[0].maps[0].bytes, picture);
  const auto report = make_report(bench_lines("gradient", .3, 12), run);
  const std::string page = report_html(report);
  for (const char* words : {"A demo", "abc123", "def456", "3 of 9 pictures", "somebody, 2020",
                            "The run is not finished", "cannot be read", "seed 7",
                            "L: all labelled classes", "net on shapes: picture1000, star"}) {
    EXPECT_TRUE(contains(page, words)) << words;
  }
  write_text(folder / "run.json", start + "../../etc/passwd\"}]}]}");
  EXPECT_THROW(read_run_facts(folder.path()), Error);
  for (const char* damaged : {"{", "[1]", "{\"schema\": \"limn.bench/9\"}",
                              "{\"schema\": \"limn.bench/1\", \"suite\": 3}",
                              "{\"schema\": \"limn.bench/1\", \"problems\": 3}"}) {
    write_text(folder / "run.json", damaged);
    EXPECT_THROW(read_run_facts(folder.path()), Error) << damaged;
  }
}

std::vector<ResultLine> published_lines(const std::string& model, const std::string& metric) {
  auto lines = bench_lines("grad-cam(layer=\"\", relu=true)", .12, 12, 1);
  append(lines, bench_lines("ucag(method=grad-cam(layer=\"\"), patches=6)", .09, 12, 2));
  append(lines, bench_lines("random", .4, 12, 3));
  for (auto& line : lines) {
    line.model = model;
    line.data = "ImageNet-val";
    line.metric = metric;
  }
  return lines;
}

TEST(Published, StandBesideOursWhereAllNamesFit) {
  const ReportOptions options{.published = true};
  const auto report = make_report(published_lines("ResNet-50", "deletion(step=1792)"), {}, options);
  for (const auto& row : report.tables[0].rows) {
    const auto& theirs = row.cells[0].theirs;
    if (row.method.control) {
      EXPECT_TRUE(theirs.empty());
      continue;
    }
    ASSERT_EQ(theirs.size(), 1U) << row.method.name;
    EXPECT_NEAR(theirs[0].first, row.method.name == "grad-cam" ? .113 : .086, 1e-12);
  }
  ASSERT_EQ(report.sources.size(), 1U);
  EXPECT_TRUE(contains(report.sources[0], "UCAG"));
  EXPECT_TRUE(contains(report_markdown(report), "theirs 0.113 (1)"));
  EXPECT_TRUE(contains(report_html(report), "theirs 0.086 (1)"));
  EXPECT_TRUE(contains(report_html(report), "not measured here"));
  EXPECT_TRUE(contains(report_csv(report), "published: Hong, Nam, Choi, Lee"));
  EXPECT_FALSE(report.published_else.empty()) << "DenseNet's stand apart";
}

TEST(Published, StandApartWhereANameDiffers) {
  const ReportOptions options{.published = true};
  for (const auto& [model, metric] : {std::pair{"resnet101", "deletion(step=1792)"},
                                      {"resnet50", "deletion(step=224)"},
                                      {"resnet", "deletion(step=1792)"}}) {
    const auto report = make_report(published_lines(model, metric), {}, options);
    EXPECT_TRUE(report.sources.empty()) << model << metric;
    EXPECT_FALSE(report.published_else.empty());
    EXPECT_TRUE(contains(report_markdown(report), "without one of ours beside them"));
  }
  // Not asked for, not shown.
  const auto plain = make_report(published_lines("resnet50", "deletion(step=1792)"));
  EXPECT_TRUE(plain.sources.empty());
  EXPECT_TRUE(plain.published_else.empty());
  EXPECT_FALSE(contains(report_html(plain), "Published figures"));
}

TEST(Published, NameMetricsMethodsAndColumnsThatExist) {
  EXPECT_GT(published_figures().size(), 150U);
  for (const auto& figure : published_figures()) {
    EXPECT_FALSE(figure.source.empty());
    EXPECT_TRUE(figure.cases.empty() || figure.cases == "L" || figure.cases == "P");
    const Spec spec = Spec::parse(figure.metric);
    for (const auto& entry : metrics()) {
      if (entry.info.name != spec.name) continue;
      EXPECT_NO_THROW(entry.make(spec)) << figure.metric;
      bool found = false;
      for (const auto& column : entry.info.columns) {
        if (column.name != figure.column) continue;
        found = true;
        EXPECT_GE(figure.value, column.low) << figure.metric << figure.method;
        EXPECT_LE(figure.value, column.high) << figure.metric << figure.method;
      }
      EXPECT_TRUE(found) << figure.metric << " " << figure.column;
    }
  }
}

TEST(CompareRuns, JoinsLinesOnTheirKeys) {
  auto first = bench_lines("gradient", .4, 12, 1);
  append(first, bench_lines("random", .6, 12, 2));
  auto second = first;
  for (auto& line : second) {
    if (line.method == "gradient") line.measurement.values["area"] += .01;
  }
  std::reverse(second.begin(), second.end());
  append(second, bench_lines("lrp", .2, 5, 3));
  first.push_back(testing::bench_line(99, "random", .5));
  const RunComparison both = compare_runs(first, second);
  EXPECT_EQ(both.shared, 24);
  EXPECT_EQ(both.equal, 12);
  ASSERT_EQ(both.differences.size(), 2U);
  const RunDifference& changed = both.differences[0];
  EXPECT_EQ(changed.method, "gradient");
  EXPECT_EQ(changed.cases, 12);
  EXPECT_NEAR(changed.difference.value, .01, 1e-12) << "second minus first";
  EXPECT_NEAR(changed.second - changed.first, .01, 1e-12);
  EXPECT_NEAR(changed.difference.interval.low, .01, 1e-12);
  EXPECT_DOUBLE_EQ(changed.difference.p, 2 / 4096.0);
  EXPECT_DOUBLE_EQ(changed.p_adjusted, 4 / 4096.0);
  EXPECT_DOUBLE_EQ(both.differences[1].difference.p, 1);
  ASSERT_EQ(both.only_first.size(), 1U);
  EXPECT_EQ(both.only_first[0].lines, 1);
  ASSERT_EQ(both.only_second.size(), 1U);
  EXPECT_EQ(both.only_second[0].method, "lrp");
  EXPECT_EQ(both.only_second[0].lines, 5);
  EXPECT_TRUE(both.warnings.empty());
  for (auto& line : second) line.target += 1;
  EXPECT_EQ(compare_runs(first, second).warnings.size(), 1U);
  EXPECT_TRUE(compare_runs(first, {}).differences.empty());
}

/// Columns of one metric are not torn apart: all methods of the first, then all of the second.
TEST(CompareRuns, GoByColumnAndThenByMethod) {
  std::vector<ResultLine> lines;
  for (const char* method : {"gradient", "lrp", "random"}) {
    auto one = bench_lines(method, .4, 12, 1);
    for (auto& line : one) {
      line.metric = "map-density";
      line.measurement.values = {{"positive", 2}, {"negative", 1}};
      line.measurement.curves.clear();
    }
    append(lines, one);
  }
  std::vector<std::string> order;
  for (const auto& one : compare_runs(lines, lines).differences) {
    order.push_back(one.column.name + " " + one.method);
  }
  EXPECT_EQ(order,
            (std::vector<std::string>{"positive gradient", "positive lrp", "positive random",
                                      "negative gradient", "negative lrp", "negative random"}));
}

TEST(CompareRuns, SayWhatTheRunsAreOf) {
  const testing::TemporaryFolder folder;
  const auto write = [&](const std::string& name, const std::string& spec, const std::string& hash,
                         int seed) {
    std::filesystem::create_directories(folder / name);
    write_text((folder / name) + "/run.json",
               R"({"schema": "limn.bench/1", "seed": )" + std::to_string(seed) +
                   R"(, "precision": "fp32", "versions": {"limn": "1"},
                   "models": [{"name": "net", "sha256": ")" +
                   hash + R"("}], "data": [{"name": "shapes", "spec": ")" + spec +
                   R"(", "pictures": 3}]})");
    return folder / name;
  };
  const std::string one = write("one", "shapes(seed=1)", "abc", 0);
  EXPECT_TRUE(run_differences(one, one).empty());
  const auto all = run_differences(one, write("other", "shapes(seed=2)", "def", 4));
  ASSERT_EQ(all.size(), 3U);
  EXPECT_TRUE(contains(all[0],
                       "data \"shapes\" is not the same in both: spec shapes(seed=1) and "
                       "shapes(seed=2)"))
      << all[0];
  EXPECT_TRUE(contains(all[1], "model \"net\"")) << all[1];
  EXPECT_TRUE(contains(all[1], "abc and def")) << all[1];
  EXPECT_EQ(all[2], "the seed differs: 0 and 4");
  std::filesystem::create_directories(folder / "bare");
  const auto bare = run_differences(one, folder / "bare");
  ASSERT_EQ(bare.size(), 1U);
  EXPECT_TRUE(contains(bare[0], "has no run.json"));
  write_text((folder / "bare") + "/run.json", "{");
  EXPECT_THROW(run_differences(one, folder / "bare"), Error);
}

TEST(RunFactsOfAShard, SayWhichPartTheyAreOf) {
  const testing::TemporaryFolder folder;
  write_text(folder / "run.json", R"({"schema": "limn.bench/1", "shard": [1, 2]})");
  const auto report = make_report(bench_lines("gradient", .3, 12), read_run_facts(folder.path()));
  EXPECT_TRUE(contains(report_markdown(report), "part 1 of 2 of the run"));
  EXPECT_TRUE(contains(report_html(report), "part 1 of 2 of the run"));
  write_text(folder / "run.json", R"({"schema": "limn.bench/1", "shard": [1, 1]})");
  EXPECT_TRUE(read_run_facts(folder.path()).warnings.empty());
}

}  // namespace
}  // namespace limn
