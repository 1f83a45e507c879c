// `limn concepts` as a process, on a demo model and pictures of shapes.
#include <nlohmann/json.hpp>

#include "cli/fixture.h"
#include "support/support.h"

namespace limn::testing {
namespace {

using Json = nlohmann::json;

class Concepts : public CommandLine {
 protected:
  std::string file(const std::string& name) const { return folder_ / name; }
  ProcessResult concepts(const std::string& model, std::vector<std::string> more) const {
    std::vector<std::string> arguments = {"concepts", model};
    arguments.insert(arguments.end(), more.begin(), more.end());
    arguments.emplace_back("--threads");
    arguments.emplace_back("1");
    return limn(arguments);
  }
};

TEST_F(Concepts, ADemoModelIsDescribed) {
  const std::string page = file("units.html");
  const auto result = concepts(demo_model("shapes_vgg.onnx"),
                               {"shapes(n=24)", "--units", "0-3,9", "--json", "-o", page});
  ASSERT_EQ(result.code, 0) << result.err;
  EXPECT_EQ(result.err, "");
  std::istringstream lines(result.out);
  std::vector<Json> all;
  for (std::string line; std::getline(lines, line);) all.push_back(Json::parse(line));
  ASSERT_EQ(all.size(), 6u) << "five units and a summary";
  const Json& summary = all.back();
  EXPECT_EQ(summary["units"], 5);
  EXPECT_EQ(summary["pictures"], 24);
  EXPECT_EQ(summary["masks"], (Json{96, 96}));
  EXPECT_GT(summary["concepts"].size(), 20u);
  for (const char* part : {"forward", "unit_masks", "search"}) {
    EXPECT_GE(summary["seconds"][part].get<double>(), 0);
  }
  EXPECT_EQ(all[4]["unit"], 9);
  bool any = false;
  for (std::size_t i = 0; i < 5; ++i) {
    const double iou = all[i]["iou"], single = all[i]["single_iou"];
    EXPECT_GE(iou, single) << "a formula is at least as good as its best concept";
    EXPECT_LE(iou, 1);
    any = any || iou > 0;
    for (const Json& example : all[i]["examples"]) {
      EXPECT_TRUE(example["picture"].is_number_integer());
      EXPECT_NE(example["id"].get<std::string>().find("shapes"), std::string::npos) << example;
    }
    EXPECT_EQ(all[i]["formula"].is_null(), iou == 0);
  }
  EXPECT_TRUE(any);
  const std::string text = read_text(page);
  EXPECT_NE(text.find("<!DOCTYPE html>"), std::string::npos);
  EXPECT_NE(text.find("data:image/jpeg;base64,"), std::string::npos);
}

TEST_F(Concepts, TableAndFigure) {
  const std::string figure = file("units.png");
  const std::vector<std::string> arguments = {"shapes(n=12)", "--layer", "r2", "--length", "2",
                                              "--quantile",   "0.02",    "-o", figure};
  const auto result = concepts(model(), arguments);
  ASSERT_EQ(result.code, 0) << result.err;
  EXPECT_NE(result.out.find("6 units of 24 x 24 places"), std::string::npos) << result.out;
  // Two lines of heading, six units, the file.
  EXPECT_EQ(std::count(result.out.begin(), result.out.end(), '\n'), 9) << result.out;
  EXPECT_GT(read_picture(figure).height(), 6 * 130);
  EXPECT_EQ(concepts(model(), arguments).code, 7) << "it exists";
}

TEST_F(Concepts, WhatCannotBeDoneIsRefused) {
  const std::string page = out() + "/units.html";
  const auto refused = [&](std::vector<std::string> more, int code, const std::string& words) {
    more.emplace_back("-o");
    more.push_back(page);
    expect_refused(concepts(model(), more), code, words);
  };
  refused({"shapes(n=4)", "--layer", "logits"}, 2, "such as \"r2\"");
  refused({"shapes(n=4)", "--layer", "r3"}, 3, "r2");
  refused({"shapes(n=4)", "--units", "6"}, 2, "0 to 5");
  refused({"shapes(n=4)", "--units", "1-"}, 2, "0,5,8-12");
  refused({"shapes(n=4)", "--units", "1,"}, 2, "0,5,8-12");
  refused({"shapes(n=4)", "--quantile", "0"}, 2, "quantile");
  refused({"shapes(n=4)", "--beam", "0"}, 2, "beam=0");
  refused({"shapes(n=4)", "--operators", "xor"}, 3, "and-not");
  refused({"shape(n=4)"}, 3, "shapes");
  refused({"nosuch"}, 3, "broden(FOLDER)");
  EXPECT_NE(limn({"list", "datasets"}).out.find("broden(FOLDER)"), std::string::npos);
  EXPECT_NE(limn({"list", "broden"}).out.find("index.csv"), std::string::npos);
  refused({"broden(" + out() + ")"}, 3, "index.csv");
  const auto name = concepts(model(), {"shapes(n=4)", "-o", out() + "/units.jpg"});
  expect_refused(name, 2, ".html");
}

}  // namespace
}  // namespace limn::testing
