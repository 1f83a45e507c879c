// The other commands as processes: compare, inspect, list, diff, doctor, bench, --version.
#include <nlohmann/json.hpp>

#include "cli/fixture.h"
#include "limn/version.h"
#include "support/small_detector.h"

namespace limn::testing {
namespace {

using Json = nlohmann::json;
using Commands = CommandLine;

TEST_F(Commands, CompareDrawsOneGrid) {
  const std::string file = folder_ / "grid.png";
  const auto result = limn({"compare", model(), picture(), "-m", "gradient", "-m", "lrp", "-t",
                            "top:2", "-o", file, "--cell", "100", "--html"});
  ASSERT_EQ(result.code, 0) << result.err;
  const Picture grid = read_picture(file);
  EXPECT_GT(grid.width(), 300) << "the picture and two maps";
  EXPECT_GT(grid.height(), 150) << "two targets";
  EXPECT_NE(read_text(folder_ / "grid.html").find("<!DOCTYPE html>"), std::string::npos);
  EXPECT_EQ(limn({"compare", model(), picture(), "-o", file}).code, 7) << "it exists";
}

TEST_F(Commands, OverlapMeasuresEachPairOfTargets) {
  const std::string file = folder_ / "overlap.png";
  const std::vector<std::string> arguments = {"overlap", model(), picture(), "--targets", "0,1,2",
                                              "-m",      "lrp",   "-m",      "rsp",       "-o"};
  const auto with = [&](std::vector<std::string> more) {
    std::vector<std::string> all = arguments;
    all.insert(all.end(), more.begin(), more.end());
    return limn(all);
  };
  const auto table = with({file});
  ASSERT_EQ(table.code, 0) << table.err;
  EXPECT_NE(table.out.find("IoU+"), std::string::npos) << table.out;
  // A heading, three pairs of two methods, the file.
  EXPECT_EQ(std::count(table.out.begin(), table.out.end(), '\n'), 8) << table.out;
  const Picture grid = read_picture(file);
  EXPECT_GT(grid.width(), 300) << "the picture and two maps";
  EXPECT_GT(grid.height(), 250) << "three targets";
  EXPECT_EQ(with({file}).code, 7) << "it exists";

  const auto result = with({folder_ / "again.png", "--json"});
  ASSERT_EQ(result.code, 0) << result.err;
  std::istringstream lines(result.out);
  std::string line;
  std::vector<std::string> methods;
  while (std::getline(lines, line)) {
    const Json json = Json::parse(line);
    ASSERT_EQ(json.size(), 5u) << line;
    methods.push_back(json["method"]);
    EXPECT_NE(json["first"], json["second"]);
    EXPECT_GE(json["positive_iou"].get<double>(), 0);
    EXPECT_LE(json["positive_iou"].get<double>(), 1);
    EXPECT_LE(std::abs(json["rank_correlation"].get<double>()), 1 + 1e-9);
  }
  EXPECT_EQ(methods, (std::vector<std::string>{"lrp", "lrp", "lrp", "rsp", "rsp", "rsp"}));
}

TEST_F(Commands, OverlapNeedsTwoTargetsAndAPngName) {
  const std::string file = folder_ / "overlap.png";
  const auto one = limn({"overlap", model(), picture(), "--targets", "1", "-o", file});
  EXPECT_NE(one.code, 0);
  EXPECT_NE(one.err.find("at least two targets"), std::string::npos) << one.err;
  EXPECT_EQ(one.out, "");
  EXPECT_FALSE(std::filesystem::exists(file));
  const auto name = limn({"overlap", model(), picture(), "-o", "overlap.jpg"});
  EXPECT_NE(name.err.find("ends in .png"), std::string::npos) << name.err;
}

TEST_F(Commands, InspectNamesShapesKindsAndRules) {
  const auto text = limn({"inspect", model()});
  ASSERT_EQ(text.code, 0) << text.err;
  EXPECT_NE(text.out.find("7/7 nodes"), std::string::npos) << text.out;
  EXPECT_NE(text.out.find("1x6x24x24"), std::string::npos) << text.out;
  const auto result = limn({"inspect", model(), "--trace", picture(), "--json"});
  ASSERT_EQ(result.code, 0) << result.err;
  const Json json = Json::parse(result.out);
  ASSERT_EQ(json["nodes"].size(), 7u);
  EXPECT_EQ(json["nodes"][0]["name"], "conv1");
  EXPECT_EQ(json["nodes"][0]["kind"], "Linear");
  EXPECT_NE(json["nodes"][0]["rule"], "-");
  EXPECT_TRUE(json["nodes"][6].contains("in"));
  // What leaves the last node arrives at the one before.
  EXPECT_NEAR(json["nodes"][6]["out"].get<double>(), json["nodes"][5]["in"].get<double>(), 1e-4);
}

TEST_F(Commands, DiffOfAMapWithItself) {
  const Tensor map = at::rand({20, 20});
  write_npy(folder_ / "a.npy", map);
  write_npy(folder_ / "b.npy", -map);
  const auto same = limn({"diff", folder_ / "a.npy", folder_ / "a.npy", "--json"});
  ASSERT_EQ(same.code, 0) << same.err;
  EXPECT_NEAR(Json::parse(same.out)["ssim"].get<double>(), 1, 1e-9);
  EXPECT_EQ(Json::parse(same.out)["largest_difference"], 0);
  const auto other = limn({"diff", folder_ / "a.npy", folder_ / "b.npy", "--json"});
  EXPECT_NEAR(Json::parse(other.out)["cosine"].get<double>(), -1, 1e-9);
}

TEST_F(Commands, ListSaysEverythingAboutEachMethod) {
  for (const auto& entry : methods()) {
    const auto result = limn({"list", entry.info.name});
    ASSERT_EQ(result.code, 0) << result.err;
    EXPECT_NE(result.out.find(entry.info.title), std::string::npos);
    for (const auto& option : entry.options()) {
      EXPECT_NE(result.out.find(option.name + " = " + option.value), std::string::npos)
          << entry.info.name << " " << option.name;
    }
  }
}

TEST_F(Commands, DoctorNamesTheBlas) {
  const auto result = limn({"doctor", "--threads", "1"});
  ASSERT_EQ(result.code, 0);
  for (const char* word :
       {"limn", "libtorch", "OpenCV", "BLAS", "GFLOP/s", "SIMD", "oneDNN", "GPU"}) {
    EXPECT_NE(result.out.find(word), std::string::npos) << word;
  }
}

TEST_F(Commands, BenchCostPrintsRatios) {
  const auto result = limn({"bench", "cost", model(), "-m", "gradient", "--runs", "1", "--json"});
  ASSERT_EQ(result.code, 0) << result.err;
  std::istringstream lines(result.out);
  std::string line;
  std::vector<std::string> names;
  while (std::getline(lines, line)) {
    const Json json = Json::parse(line);
    names.push_back(json["method"]);
    EXPECT_GT(json["ratio"].get<double>(), 0);
    EXPECT_GT(json["seconds"].get<double>(), 0);
  }
  EXPECT_EQ(names, (std::vector<std::string>{"plain forward", "forward", "gradient"}));
}

TEST_F(Commands, BenchCostComparesTargetsInOneCall) {
  const auto result =
      limn({"bench", "cost", model(), "-m", "lrp", "--targets", "3", "--runs", "1"});
  ASSERT_EQ(result.code, 0) << result.err;
  EXPECT_NE(result.out.find("lrp, 3 targets in one call "), std::string::npos) << result.out;
  EXPECT_NE(result.out.find("lrp, 3 targets one by one "), std::string::npos) << result.out;
  const auto many = limn({"bench", "cost", model(), "-m", "lrp", "--targets", "9", "--runs", "1"});
  EXPECT_NE(many.code, 0);
  EXPECT_NE(many.err.find("5"), std::string::npos) << many.err;
}

TEST_F(Commands, BenchSheddingPrintsATableAndDrawsAPlot) {
  Draft draft = small_model();
  draft.inputs[0].shape = {-1, 3, -1, -1};
  draft.inputs[0].dim_names = {"N", "", "H", "W"};
  write_onnx(draft, folder_ / "any.onnx");
  write_text(folder_ / "any.limn.json", kSmallSidecar);
  const std::string file = folder_ / "shedding.png";
  std::vector<std::string> arguments = {
      "bench", "shedding", folder_ / "any.onnx", picture(), "--size", "24x24", "-m",    "grad-cam",
      "-m",    "gradient", "--factors",          "1,2",     "-o",     file,    "--json"};
  const auto result = limn(arguments);
  ASSERT_EQ(result.code, 0) << result.err;
  std::istringstream lines(result.out);
  std::string line;
  std::vector<std::pair<std::string, double>> rows;
  while (std::getline(lines, line)) {
    const Json json = Json::parse(line);
    rows.emplace_back(json["method"], json["factor"]);
    for (const char* metric : {"deletion", "insertion"}) {
      EXPECT_GE(json[metric].get<double>(), 0);
      EXPECT_LE(json[metric].get<double>(), 1);
    }
  }
  EXPECT_EQ(rows, (std::vector<std::pair<std::string, double>>{
                      {"grad-cam", 1}, {"grad-cam", 2}, {"gradient", 1}, {"gradient", 2}}));
  EXPECT_GT(read_picture(file).width(), 300);
  EXPECT_EQ(limn(arguments).code, 7) << "it exists";
}

TEST_F(Commands, BenchSheddingNeedsAModelThatTakesAnySize) {
  const std::string file = folder_ / "shedding.png";
  const auto fixed = limn({"bench", "shedding", model(), picture(), "-o", file});
  EXPECT_NE(fixed.code, 0);
  EXPECT_NE(fixed.err.find("dynamic height and width"), std::string::npos) << fixed.err;
  EXPECT_FALSE(std::filesystem::exists(file));
  const auto tiny = limn({"bench", "shedding", model(), picture(), "--factors", "0.01"});
  EXPECT_NE(tiny.err.find("from 0.25 to 16"), std::string::npos) << tiny.err;
  const auto name = limn({"bench", "shedding", model(), picture(), "-o", "plot.jpg"});
  EXPECT_NE(name.err.find("ends in .png"), std::string::npos) << name.err;
}

TEST_F(Commands, TyposGetTheNearestName) {
  expect_refused(explain(picture(), {"--scor", "prob"}), 2,
                 "no option \"--scor\"; did you mean \"--score\"");
  expect_refused(explain(picture(), {"--scor", "prob"}), 2, "(see limn explain --help)");
  expect_refused(limn({"bench", "runn"}), 2, "no command \"runn\"; did you mean \"run\"");
  expect_refused(limn({"explian"}), 2, "did you mean \"explain\"");
  expect_refused(explain(picture(), {"--seed", "-1"}), 2, "--seed");
}

TEST_F(Commands, DetectorsAreMeasuredAndInspectedWithoutADetection) {
  write_onnx(small_detector().graph().draft(), folder_ / "detector.onnx");
  write_text(folder_ / "detector.limn.json",
             R"({"detector": {"layout": "yolox", "strides": [8]}})");
  const auto inspected = limn({"inspect", folder_ / "detector.onnx"});
  ASSERT_EQ(inspected.code, 0) << inspected.err;
  EXPECT_NE(inspected.out.find("epsilon"), std::string::npos) << inspected.out;
  const auto measured =
      limn({"bench", "cost", folder_ / "detector.onnx", "-m", "lrp", "--runs", "1"});
  ASSERT_EQ(measured.code, 0) << measured.err;
  EXPECT_NE(measured.out.find("lrp"), std::string::npos);
}

TEST_F(Commands, Version) {
  EXPECT_EQ(limn({"--version"}).out, std::string("limn ") + kVersion + "\n");
}

}  // namespace
}  // namespace limn::testing
