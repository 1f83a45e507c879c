// The folder of a run: what is on the disk and when, and what to do where its files are damaged.
#include "evaluation/run_folder.h"

#include <chrono>
#include <thread>

#include "evaluation/bench_fixture.h"
#include "image/file.h"
#include "limn/error.h"

namespace limn::testing {
namespace {

std::string said(const std::function<void()>& body) {
  try {
    body();
  } catch (const Error& error) {
    return error.what();
  }
  return "no error";
}

ResultLine some_line(int number) {
  ResultLine line;
  line.model = "small";
  line.data = "shapes";
  line.image = "picture" + std::to_string(number);
  line.method = "gradient";
  line.metric = "deletion(step=100)";
  line.measurement.values["area"] = 0.5;
  return line;
}

/// Not at the end of a method alone, which may take an hour.
TEST_F(Bench, ResultsAreForcedToTheDiskEveryTwoSeconds) {
  const Plan plan = make_plan(suite(2), into("run"));
  RunFolder folder(plan);
  folder.add(some_line(0));
  EXPECT_TRUE(read_results(file("run", "results.jsonl")).empty());
  std::this_thread::sleep_for(std::chrono::milliseconds(2100));
  folder.add(some_line(1));
  EXPECT_EQ(read_results(file("run", "results.jsonl")).size(), 2U);
}

TEST_F(Bench, DamagedFilesNameTheWayOut) {
  run_suite(suite(2), into("run"));
  const auto before = lines("run");
  BenchOptions force = into("run");
  force.force = true;
  for (const char* name : {"results.jsonl", "pictures.jsonl", "run.json"}) {
    std::string text = read_file(file("run", name));
    text.replace(0, 5, "#####");
    write_text(file("run", name), text);
    const std::string words = said([&] { run_suite(suite(2), into("run")); });
    EXPECT_NE(words.find(name), std::string::npos) << words;
    EXPECT_NE(words.find("--force"), std::string::npos) << words;
    run_suite(suite(2), force);
    EXPECT_EQ(lines("run"), before) << name;
  }
}

TEST_F(Bench, ForceAlwaysStartsOver) {
  const auto first = run_suite(suite(2), into("run"));
  BenchOptions force = into("run");
  force.force = true;
  const auto again = run_suite(suite(2), force);
  EXPECT_EQ(again.lines, first.lines);
  EXPECT_EQ(again.found_finished, 0);
}

}  // namespace
}  // namespace limn::testing
