// Classes that drop out of a run because no class of the model has their name, and metrics that a
// data set has nothing for: named before, in run.json and in the report.
#include <filesystem>
#include <nlohmann/json.hpp>

#include "evaluation/bench_fixture.h"
#include "image/file.h"
#include "limn/error.h"
#include "limn/image.h"
#include "limn/tables.h"

namespace limn::testing {
namespace {

bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

class UnknownClasses : public Bench {
 protected:
  void SetUp() override {
    Bench::SetUp();
    for (const char* name : {"a.png", "b.png", "c.png"}) {
      write_text(folder_ / name, encode_png((at::rand({24, 24, 3}) * 255).to(at::kByte)));
    }
  }
  Suite table(const std::string& rows, const std::string& metrics = "metric deletion\n",
              const std::string& settings = "") const {
    write_text(folder_ / "table.csv", "file,label\n" + rows);
    return parse_suite("model small " + (folder_ / "small.onnx") + "\ndata pictures csv(" +
                           (folder_ / "table.csv") + ")" + settings + "\nmethod gradient\n" +
                           metrics,
                       "small");
  }
};

TEST_F(UnknownClasses, AreNamedCountedAndKept) {
  const Suite suite = table("a.png,circle\nb.png,zebra\nb.png,Circel\nc.png,circle\nc.png,zebra\n");
  const BenchSummary summary = run_suite(suite, into("run"));
  ASSERT_EQ(summary.warnings.size(), 1U);
  const std::string& said = summary.warnings[0];
  for (const char* words :
       {"model \"small\" on data \"pictures\"", "2 classes", "\"zebra\" (2 pictures",
        "\"Circel\" (1 picture; the nearest name: \"circle\")", "1 of 3 pictures show no class"}) {
    EXPECT_TRUE(contains(said, words)) << said;
  }
  const auto run = nlohmann::json::parse(read_file(file("run", "run.json")));
  EXPECT_EQ(run.at("warnings").at(0), said);
  const auto& kept = run.at("unknown_classes").at(0);
  EXPECT_EQ(kept.at("classes").size(), 2U);
  EXPECT_EQ(kept.at("pictures_without_a_known_class"), 1);
  const auto report =
      make_report(read_results(file("run", "results.jsonl")), read_run_facts(folder_ / "run"));
  EXPECT_TRUE(contains(report_markdown(report), "Circel"));
  EXPECT_TRUE(contains(report_html(report), "Circel"));
}

TEST_F(UnknownClasses, AreNotMissedWhereNothingAsksForThem) {
  const std::string rows = "a.png,circle\nb.png,zebra\n";
  EXPECT_TRUE(run_suite(table("a.png,circle\nb.png,star\n"), into("all")).warnings.empty());
  EXPECT_TRUE(
      run_suite(table(rows, "labels top1\nmetric deletion\n"), into("top1")).warnings.empty());
  write_text(folder_ / "map.csv", "circle,circle\n");
  const std::string map = " classes=" + (folder_ / "map.csv");
  EXPECT_TRUE(run_suite(table(rows, "metric deletion\n", map), into("map")).warnings.empty());
}

TEST_F(UnknownClasses, MetricsRunOnTheDataThatTheyName) {
  const std::string both =
      "model small " + (folder_ / "small.onnx") +
      "\ndata one shapes(n=2, size=24)\ndata two shapes(n=2, size=24, seed=2)\nmethod gradient\n"
      "metric deletion data=one\nmetric insertion\n"
      // For inputs of 224 alone, and on no data set that is measured.
      "optional other a data set\ndata other shapes(n={other})\nprotocol ins-del/ucag-2023 "
      "data=other\n";
  run_suite(parse_suite(both, "both"), into("both"));
  std::set<std::string> found;
  for (const auto& line : read_results(file("both", "results.jsonl"))) {
    found.insert(line.data + " " + line.metric.substr(0, line.metric.find('(')));
  }
  EXPECT_EQ(found, (std::set<std::string>{"one deletion", "one insertion", "two insertion"}));
}

TEST_F(UnknownClasses, PlainFoldersAreMeasuredOnTheLikeliestClass) {
  const std::string text = "model small " + (folder_ / "small.onnx") + "\ndata own imagenet(" +
                           folder_.path() + ", plain=true)\nmethod gradient\n";
  const BenchSummary summary =
      run_suite(parse_suite(text + "labels top1\nmetric deletion\n", "own"), into("run"));
  EXPECT_EQ(summary.pictures, 3);
  EXPECT_EQ(summary.lines, 9);
  EXPECT_TRUE(summary.warnings.empty());
  EXPECT_THROW(run_suite(parse_suite(text + "metric deletion\n", "own"), into("other")), Error);
}

TEST_F(UnknownClasses, DifficultPairsNeedTheirList) {
  namespace fs = std::filesystem;
  const fs::path voc = folder_ / "voc";
  for (const char* part : {"JPEGImages", "Annotations", "ImageSets/Main"}) {
    fs::create_directories(voc / part);
  }
  write_text((voc / "JPEGImages/1.jpg").string(), encode_png(at::full({24, 24, 3}, 9, at::kByte)));
  write_text((voc / "Annotations/1.xml").string(),
             "<annotation><size><width>24</width><height>24</height></size><object>"
             "<name>cat</name><bndbox><xmin>1</xmin><ymin>1</ymin><xmax>9</xmax><ymax>9</ymax>"
             "</bndbox></object></annotation>");
  write_text((voc / "ImageSets/Main/test.txt").string(), "1\n");
  write_text(folder_ / "small.limn.json",
             R"({"labels": ["cat", "dog", "bird", "car", "boat"], "output": "multi-label"})");
  const std::string text = "optional dif the list\nmodel small " + (folder_ / "small.onnx") +
                           "\ndata voc voc(" + voc.string() +
                           ", set=test, difficult-list={dif?})\nmethod gradient\n"
                           "protocol pointing/torchray-2019\n";
  const BenchSummary summary = run_suite(parse_suite(text, "voc"), into("run"));
  ASSERT_EQ(summary.warnings.size(), 1U);
  EXPECT_TRUE(contains(summary.warnings[0], "difficult-list=FILE")) << summary.warnings[0];
  EXPECT_EQ(read_results(file("run", "results.jsonl")).size(), 3U) << "ALL, of three methods";
  std::string flags = "1";
  for (int i = 0; i < 20; ++i) flags += "\t1";
  write_text(folder_ / "dif.txt", flags + "\n");
  const Suite whole = parse_suite(text, "voc", {{"dif", folder_ / "dif.txt"}});
  EXPECT_TRUE(run_suite(whole, into("whole")).warnings.empty());
  EXPECT_EQ(read_results(file("whole", "results.jsonl")).size(), 6U) << "ALL and DIF";
}

}  // namespace
}  // namespace limn::testing
