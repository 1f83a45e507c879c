// `limn data` and `limn list` of data sets and metrics as processes.
#include <nlohmann/json.hpp>

#include "cli/fixture.h"
#include "limn/shapes.h"

namespace limn::testing {
namespace {

using Json = nlohmann::json;
using DataCommand = CommandLine;

std::string voc(const std::string& folder) { return "voc(\"" + folder + "\", set=trainval)"; }

TEST_F(DataCommand, SaysWhatThereIs) {
  const auto result = limn({"data", "shapes(n=12, seed=3)"});
  ASSERT_EQ(result.code, 0) << result.err;
  EXPECT_EQ(result.out.rfind("shapes(n=12, seed=3, size=96", 0), 0u) << result.out;
  EXPECT_NE(result.out.find("12 pictures, 10 classes"), std::string::npos) << result.out;
  EXPECT_NE(result.out.find("  heart\n"), std::string::npos) << result.out;
  EXPECT_NE(result.out.find("Nothing is wrong."), std::string::npos) << result.out;
}

TEST_F(DataCommand, CountsThePicturesOfEachClass) {
  const std::string folder = folder_ / "voc";
  const ShapesOptions options{.seed = 4};
  write_voc(folder, options, 9);
  const auto result = limn({"data", voc(folder), "--json"});
  ASSERT_EQ(result.code, 0) << result.err;
  const Json json = Json::parse(result.out);
  EXPECT_EQ(json["size"], 9);
  EXPECT_EQ(json["unreadable"], 0);
  EXPECT_TRUE(json["problems"].empty());
  for (int label = 0; label < 10; ++label) {
    int count = 0;
    for (int index = 0; index < 9; ++index) count += shapes_picture(options, index).holds(label);
    const Json& one = json["classes"][static_cast<std::size_t>(label)];
    EXPECT_EQ(one["name"], shape_labels()[static_cast<std::size_t>(label)]);
    EXPECT_EQ(one["pictures"], count);
  }
}

TEST_F(DataCommand, ListsProblemsAndEndsWithTheCodeOfTheFirst) {
  const std::string folder = folder_ / "voc";
  write_voc(folder, {.seed = 4}, 4);
  std::filesystem::remove(folder + "/JPEGImages/shapes_000002.jpg");
  write_text(folder + "/Annotations/shapes_000003.xml", "<annotation><object></annotation>");
  const auto result = limn({"data", voc(folder)});
  EXPECT_EQ(result.code, 3) << "a picture is not there";
  EXPECT_NE(result.out.find("2 problems; 2 pictures cannot be read"), std::string::npos)
      << result.out;
  EXPECT_NE(result.out.find("shapes_000002: cannot open"), std::string::npos) << result.out;
  EXPECT_NE(result.out.find("not XML, line 1"), std::string::npos) << result.out;
  const auto json = limn({"data", voc(folder), "--json"});
  EXPECT_EQ(json.code, 3);
  EXPECT_EQ(Json::parse(json.out)["problems"].size(), 2u);
  EXPECT_EQ(limn({"data", voc(folder), "--no-check"}).code, 6) << "the XML alone is read";
}

TEST_F(DataCommand, RefusesWhatIsNoDataSet) {
  expect_refused(limn({"data", "vox"}), 3, "did you mean \"voc\"");
  expect_refused(limn({"data", "voc"}), 2, "give the folder");
  expect_refused(limn({"data", "voc(" + (folder_ / "none") + ")"}), 3, "no folder");
  expect_refused(limn({"data", "shapes(n=0)"}), 2, "legal: a whole number from 1");
}

TEST_F(DataCommand, ListsKnowDataSetsAndMetrics) {
  const auto sets = limn({"list", "datasets"});
  ASSERT_EQ(sets.code, 0) << sets.err;
  for (const char* name : {"shapes", "voc", "coco", "imagenet", "gtsegs", "csv"}) {
    EXPECT_NE(sets.out.find(std::string("  ") + name + " "), std::string::npos) << sets.out;
    const auto one = limn({"list", name});
    EXPECT_EQ(one.code, 0) << one.err;
    EXPECT_NE(one.out.find("layout"), std::string::npos) << one.out;
  }
  const auto all = limn({"list", "metrics"});
  EXPECT_NE(all.out.find("  deletion "), std::string::npos) << all.out;
  const auto metric = limn({"list", "deletion"});
  ASSERT_EQ(metric.code, 0) << metric.err;
  EXPECT_NE(metric.out.find("lower is better, from 0 to 1"), std::string::npos) << metric.out;
  expect_refused(limn({"list", "cocoo"}), 3, "\"coco\"");
}

}  // namespace
}  // namespace limn::testing
