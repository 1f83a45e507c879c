// Runs of a suite that cannot be made as asked: pictures that are missing or broken, models and
// data that do not fit.
#include <filesystem>
#include <nlohmann/json.hpp>

#include "evaluation/bench_fixture.h"
#include "limn/image.h"

namespace limn::testing {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::json;

/// Four pictures and their table.
class BadPictures : public Bench {
 protected:
  void SetUp() override {
    Bench::SetUp();
    at::manual_seed(2);
    std::string table = "file,label,left,top,right,bottom\n";
    for (const std::string name : {"a", "b", "c", "d"}) {
      whole_[name] = encode_png((at::rand({30, 40, 3}) * 255).to(at::kByte));
      write_text(picture(name), whole_[name]);
      table += name + ".png,circle,3,4,20,25\n";
    }
    write_text(folder_ / "table.csv", table);
  }
  std::string picture(const std::string& name) const { return folder_ / (name + ".png"); }
  Suite pictures() const {
    return parse_suite(suite_text("csv(" + (folder_ / "table.csv") + ")"), "small");
  }
  std::set<std::string> images(const std::string& name) const {
    std::set<std::string> out;
    each_result(file(name, "results.jsonl"), [&](ResultLine&& line) { out.insert(line.image); });
    return out;
  }
  std::map<std::string, std::string> whole_;
};

TEST_F(BadPictures, MissingOnesAreNamedBeforeWorkStarts) {
  fs::remove(picture("b"));
  const std::string said = message([&] { run_suite(pictures(), into("run")); });
  EXPECT_NE(said.find("b.png"), std::string::npos) << said;
  EXPECT_NE(said.find("--skip-bad"), std::string::npos) << said;
  EXPECT_FALSE(fs::exists(folder_ / "run"));

  BenchOptions options = into("run");
  options.skip_bad = true;
  const BenchSummary summary = run_suite(pictures(), options);
  ASSERT_EQ(summary.problems.size(), 1U);
  EXPECT_EQ(summary.problems[0].problem.id, "b.png");
  EXPECT_EQ(images("run"), (std::set<std::string>{"a.png", "c.png", "d.png"}));
  const Json run = Json::parse(read_text(file("run", "run.json")));
  ASSERT_EQ(run.at("problems").size(), 1U);
  EXPECT_EQ(run.at("problems")[0].at("image"), "b.png");
}

TEST_F(BadPictures, BrokenOnesAreCountedAndTriedAgain) {
  run_suite(pictures(), into("whole"));
  // Broken inside: beginning and end are whole, so that only decoding finds it.
  const std::string& bytes = whole_.at("c");
  std::string broken = bytes;
  broken.replace(bytes.size() / 2, 64, std::string(64, '\0'));
  write_text(picture("c"), broken);
  const std::string said = message([&] { run_suite(pictures(), into("run")); });
  EXPECT_NE(said.find("c.png"), std::string::npos) << said;
  EXPECT_NE(said.find("--skip-bad"), std::string::npos) << said;
  EXPECT_EQ(images("run"), (std::set<std::string>{"a.png", "b.png"})) << "what was done stays";

  BenchOptions options = into("run");
  options.skip_bad = true;
  const BenchSummary summary = run_suite(pictures(), options);
  EXPECT_EQ(summary.found_finished, 2);
  ASSERT_EQ(summary.problems.size(), 1U);
  EXPECT_EQ(summary.problems[0].problem.id, "c.png");
  EXPECT_EQ(images("run"), (std::set<std::string>{"a.png", "b.png", "d.png"}));

  write_text(picture("c"), bytes);
  const BenchSummary repaired = run_suite(pictures(), into("run"));
  EXPECT_TRUE(repaired.problems.empty());
  EXPECT_EQ(lines("run"), lines("whole"));
}

/// The square root has no slope at a black pixel.
TEST_F(BadPictures, OneThatCannotBeExplainedDoesNotTakeTheOthersWithIt) {
  Draft draft = small_model();
  const auto node = [&](const std::string& op, std::vector<std::string> inputs,
                        const std::string& output) {
    DraftNode one = draft.nodes.front();
    one.name = one.op = op;
    one.attributes = {};
    one.inputs = std::move(inputs);
    one.outputs = {output};
    return one;
  };
  draft.constants.insert({"two", at::full({1}, 2.0F)});
  draft.nodes.front().inputs[0] = "root";
  draft.nodes.insert(draft.nodes.begin(),
                     {node("Add", {"input", "two"}, "light"), node("Sqrt", {"light"}, "root")});
  write_onnx(draft, folder_ / "small.onnx");
  at::manual_seed(3);
  for (const std::string name : {"a", "b", "c", "d"}) {
    Tensor pixels = at::randint(30, 255, {30, 40, 3}, at::kByte);
    if (name == "c") pixels.slice(0, 5, 20).fill_(0);
    write_text(picture(name), encode_png(pixels));
  }
  const Suite asked = parse_suite("title Maps\nmodel small " + (folder_ / "small.onnx") +
                                      "\ndata shapes csv(" + (folder_ / "table.csv") +
                                      ")\nmethod gradient\nlabels L\nmetric posneg-miou\n",
                                  "small");
  BenchOptions options = into("run");
  options.batch = 4;
  const std::string said = message([&] { run_suite(asked, options); });
  EXPECT_NE(said.find("method gradient"), std::string::npos) << said;
  EXPECT_NE(said.find("made NaN"), std::string::npos) << said;
  options.skip_bad = true;
  run_suite(asked, options);
  std::set<std::string> judged;
  each_result(file("run", "results.jsonl"), [&](ResultLine&& line) {
    if (line.method.find("gradient") == std::string::npos) return;
    const Measurement& got = line.measurement;
    if (got.values.count("positive") > 0) judged.insert(line.image);
    EXPECT_EQ(got.skipped.find("NaN") != std::string::npos, line.image == "c.png")
        << line.image << ": " << got.skipped;
  });
  EXPECT_EQ(judged, (std::set<std::string>{"a.png", "b.png", "d.png"}));
}

TEST_F(Bench, WhatCannotBeRunIsSaidBeforeWorkStarts) {
  const auto refused = [&](const std::string& text, const std::string& words) {
    const std::string said = message([&] { run_suite(parse_suite(text, "small"), into("run")); });
    EXPECT_NE(said.find(words), std::string::npos) << said;
    EXPECT_FALSE(fs::exists(folder_ / "run")) << "nothing is left";
  };
  const std::string text = suite_text("shapes(n=2, size=24)");
  std::string no_model = text;
  no_model.replace(no_model.find("small.onnx"), 10, "nosuch.onnx");
  refused(no_model, "nosuch.onnx");
  refused(suite_text("shapes(n=0)"), "n=0");
  refused(text + "protocol ins-del/rise-2018\n", "224 x 224");
  write_text(folder_ / "small.limn.json", kSmallSidecar);
  refused(text, "data \"shapes\"");
}

}  // namespace
}  // namespace limn::testing
