// `limn bench report` and `limn bench compare` as processes, bad input included.
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <sstream>

#include "limn/results.h"
#include "support/bench_lines.h"
#include "support/process.h"

namespace limn::testing {
namespace {

bool contains(const std::string& text, const std::string& words) {
  return text.find(words) != std::string::npos;
}

class BenchReportCommand : public ::testing::Test {
 protected:
  ProcessResult limn(const std::vector<std::string>& arguments) const {
    return run_process(LIMN_CLI, arguments);
  }
  /// A run's folder with three methods on 12 pictures, the second `shift` better.
  std::string run_folder(const std::string& name, double shift = 0) const {
    std::vector<ResultLine> lines = bench_lines("random", .6, 12, 1);
    append(lines, bench_lines("gradient", .4 - shift, 12, 2));
    append(lines, bench_lines("lrp(a=1)", .2, 12, 3));
    std::filesystem::create_directories(folder_ / name);
    ResultWriter(folder_ / name + "/results.jsonl").append(lines);
    return folder_ / name;
  }
  void expect_refused(const ProcessResult& result, int code, const std::string& words) const {
    EXPECT_EQ(result.code, code) << result.err;
    EXPECT_TRUE(contains(result.err, words)) << result.err;
    EXPECT_EQ(result.out, "");
  }
  TemporaryFolder folder_;
};

TEST_F(BenchReportCommand, WritesThreeFiles) {
  const std::string run = run_folder("run");
  const auto result = limn({"bench", "report", run});
  EXPECT_EQ(result.code, 0) << result.err;
  EXPECT_TRUE(contains(result.out, "36 measurements, 1 table, ")) << result.out;
  const std::string text = read_text(run + "/report.md");
  EXPECT_TRUE(contains(text, "| lrp | **0.")) << text;
  EXPECT_TRUE(contains(text, "| random (control) | 0.")) << text;
  EXPECT_TRUE(contains(read_text(run + "/report.html"), "</html>"));
  EXPECT_TRUE(contains(read_text(run + "/report.csv"), "lrp(a=1)"));
  expect_refused(limn({"bench", "report", run}), 7, "--force");
  EXPECT_EQ(limn({"bench", "report", run, "--force"}).code, 0);
  EXPECT_EQ(read_text(run + "/report.md"), text) << "the same lines and seed, the same report";
  EXPECT_EQ(limn({"bench", "report", run, "-o", folder_ / "other", "--format", "csv"}).code, 0);
  EXPECT_TRUE(std::filesystem::exists(folder_ / "other/report.csv"));
  EXPECT_FALSE(std::filesystem::exists(folder_ / "other/report.md"));
}

TEST_F(BenchReportCommand, ReadsARunThatWasKilled) {
  const std::string run = run_folder("run");
  const std::string whole = read_text(run + "/results.jsonl");
  write_text(run + "/results.jsonl", whole.substr(0, whole.size() - 40));
  const auto result = limn({"bench", "report", run, "--format", "md"});
  EXPECT_EQ(result.code, 0) << result.err;
  EXPECT_TRUE(contains(result.out, "35 measurements"));
  EXPECT_TRUE(contains(read_text(run + "/report.md"), "(1 missing)"));
}

TEST_F(BenchReportCommand, ExplainsWhatItCannotUse) {
  const std::string run = run_folder("run"), results = run + "/results.jsonl";
  const std::string whole = read_text(results);
  const auto report = [&] { return limn({"bench", "report", run, "-o", folder_ / "out"}); };
  expect_refused(limn({"bench", "report", folder_ / "none"}), 3, "limn bench run");
  write_text(results, "");
  expect_refused(report(), 6, "no whole line yet");
  write_text(results, whole + "{\"model\": \"net\"}\n");
  expect_refused(report(), 6, "line 37");
  write_text(results, "\xff\xfe not JSON\n" + whole);
  expect_refused(report(), 6, "line 1");
  std::string mixed = whole;
  mixed.replace(mixed.find("\"target\":10"), 11, "\"target\":77");
  write_text(results, mixed);
  expect_refused(report(), 6, "different runs are mixed");
  std::string unknown = whole;
  unknown.replace(unknown.find("deletion("), 9, "deletoin(");
  write_text(results, unknown);
  expect_refused(report(), 3, "deletoin");
  write_text(results, whole);
  write_text(run + "/run.json", "{\"schema\": 3}");
  expect_refused(report(), 6, "run.json");
  EXPECT_FALSE(std::filesystem::exists(folder_ / "out")) << "something was left behind";
  expect_refused(limn({"bench", "report", run, "--samples", "5"}), 2, "samples");
  expect_refused(limn({"bench", "report", run, "--format", "pdf"}), 2, "format");
}

TEST_F(BenchReportCommand, ComparesTwoRuns) {
  const std::string first = run_folder("first"), second = run_folder("second", .05);
  const auto unknown = limn({"bench", "compare", first, second});
  EXPECT_TRUE(contains(unknown.out, "has no run.json")) << unknown.out;
  for (const auto& run : {first, second}) {
    write_text(run + "/run.json", R"({"schema": "limn.bench/1", "seed": 3})");
  }
  const auto text = limn({"bench", "compare", first, second});
  EXPECT_FALSE(contains(text.out, "warning")) << text.out;
  EXPECT_EQ(text.code, 0) << text.err;
  EXPECT_TRUE(contains(text.out, "36 lines in both, 24 of them with the same numbers")) << text.out;
  const auto json = limn({"bench", "compare", first, second, "--json"});
  std::istringstream lines(json.out);
  int count = 0;
  for (std::string line; std::getline(lines, line); ++count) {
    const auto one = nlohmann::json::parse(line);
    const bool changed = one["method"] == "gradient";
    EXPECT_NEAR(one["difference"].get<double>(), changed ? -.05 : 0, 1e-12) << line;
    EXPECT_NEAR(one["p"].get<double>(), changed ? 2 / 4096.0 : 1, 1e-12) << line;
    EXPECT_EQ(one["cases"], 12);
  }
  EXPECT_EQ(count, 3);
  write_text(second + "/run.json", R"({"schema": "limn.bench/1", "seed": 4})");
  const auto other = limn({"bench", "compare", first, second});
  EXPECT_TRUE(contains(other.out, "warning: the seed differs")) << other.out;
  const auto other_json = limn({"bench", "compare", first, second, "--json"});
  EXPECT_TRUE(contains(other_json.out, "{\"warning\":\"the seed differs")) << other_json.out;
  expect_refused(limn({"bench", "compare", first, folder_ / "none"}), 3, "none");
  write_text(second + "/results.jsonl", "{}\n");
  expect_refused(limn({"bench", "compare", first, second}), 6, "line 1");
  write_text(second + "/results.jsonl", "");
  expect_refused(limn({"bench", "compare", first, second}), 6, "no whole line");
}

}  // namespace
}  // namespace limn::testing
