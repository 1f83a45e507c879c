// `limn visualize` and `limn invert` as processes: what they write, print and return.
#include <ATen/ATen.h>

#include <nlohmann/json.hpp>
#include <opencv2/imgcodecs.hpp>

#include "cli/fixture.h"
#include "limn/sidecar.h"
#include "limn/visualization.h"

namespace limn::testing {
namespace {

using Json = nlohmann::json;

class VisualizeTest : public CommandLine {
 protected:
  ProcessResult run(const std::string& name, std::vector<std::string> more,
                    const std::string& into = "") const {
    more.insert(more.begin(), {name, model()});
    more.insert(more.end(), {"--threads", "1", "-o", into.empty() ? out() : into});
    return limn(more);
  }
  ProcessResult visualize(const std::vector<std::string>& more,
                          const std::string& into = "") const {
    return run("visualize", more, into);
  }
  ProcessResult invert(std::vector<std::string> more, const std::string& into = "") const {
    more.insert(more.begin(), picture());
    return run("invert", more, into);
  }
  Json manifest() const { return Json::parse(read_text(out() + "/manifest.json")); }
  cv::Mat image(const std::string& name) const { return cv::imread(out() + "/" + name); }
};

TEST_F(VisualizeTest, WritesAPictureAUnitAGridAndAManifest) {
  const auto result = visualize({"--class", "bee", "--class", "4", "--unit", "r2:0,2-3", "--steps",
                                 "6", "--seed", "3", "--trace", "--batch", "2"});
  ASSERT_EQ(result.code, 0) << result.err;
  EXPECT_EQ(files(), (std::set<std::string>{"class-1-bee.png", "class-4-eel.png", "grid.png",
                                            "manifest.json", "trace.npy", "trace.png",
                                            "unit-r2-0.png", "unit-r2-2.png", "unit-r2-3.png"}));
  const Json json = manifest(), &what = json["visualization"];
  EXPECT_EQ(json["schema"], "limn.visualization/1");
  EXPECT_EQ(json["model"]["sha256"], file_sha256(model()));
  EXPECT_EQ(what["seed"], 3);
  ASSERT_EQ(what["units"].size(), 5u);
  EXPECT_EQ(what["units"][0]["name"], "bee (class 1)");
  EXPECT_EQ(what["units"][0]["layer"], "logits");
  EXPECT_EQ(what["units"][4]["channel"], 3);
  EXPECT_NE(what["options"].get<std::string>().find("parametrization=fourier"), std::string::npos);
  // The same by the library.
  VisualizeOptions options;
  options.steps = 6;
  options.seed = 3;
  const auto same = limn::visualize(load_model(model()), {{"r2", 2}, {"r2", 3}}, options);
  EXPECT_NEAR(what["units"][3]["activation"].get<double>(), same[0].activation, 1e-3);
  const cv::Mat shown = image("unit-r2-2.png");
  ASSERT_EQ(shown.rows, 24);
  ASSERT_EQ(shown.cols, 24);
  EXPECT_NEAR(shown.at<cv::Vec3b>(5, 7)[2], 255 * same[0].picture[0][5][7].item<double>(), 2);
  EXPECT_EQ(read_npy(out() + "/trace.npy").sizes(), (std::vector<std::int64_t>{5, 6}));
  EXPECT_GT(image("grid.png").cols, 3 * 224);
  EXPECT_NE(result.out.find("eel (class 4)"), std::string::npos) << result.out;
  EXPECT_NE(result.out.find("grid.png"), std::string::npos);
}

TEST_F(VisualizeTest, RunsOfOneSeedAreEqual) {
  const std::vector<std::string> how = {"--unit", "r1:all", "--steps", "5"};
  ASSERT_EQ(visualize(how).code, 0);
  EXPECT_EQ(files().size(), 6u) << "four channels, grid and manifest";
  const std::string again = folder_ / "again";
  ASSERT_EQ(visualize(how, again).code, 0);
  EXPECT_EQ(read_text(out() + "/unit-r1-3.png"), read_text(again + "/unit-r1-3.png"));
  EXPECT_EQ(read_text(out() + "/grid.png"), read_text(again + "/grid.png"));
}

TEST_F(VisualizeTest, PlainVariantsAndStartsRun) {
  const auto result = visualize({"--class", "all", "--plain", "--steps", "3", "--json"});
  ASSERT_EQ(result.code, 0) << result.err;
  const Json json = Json::parse(result.out);
  EXPECT_EQ(json["units"].size(), 5u);
  EXPECT_NE(json["options"].get<std::string>().find("plain=true"), std::string::npos);
  const auto dream = visualize({"--unit", "r2:1", "--plain", "--start", picture(), "--force"});
  ASSERT_EQ(dream.code, 0) << dream.err;
  EXPECT_EQ(manifest()["visualization"]["start_sha256"], file_sha256(picture()));
}

TEST_F(VisualizeTest, RefusesWithWords) {
  const auto refused = [&](const std::vector<std::string>& more, int code,
                           const std::string& words) {
    expect_refused(visualize(more), code, words);
  };
  refused({}, 2, "--class NAME");
  refused({"--unit", "r2"}, 2, "VALUE:3");
  refused({"--unit", "r2:"}, 2, "VALUE:3");
  refused({"--unit", "r2:6"}, 2, "channels 0 to 5");
  refused({"--unit", "r2:1-"}, 2, "0,5,8-12");
  refused({"--unit", "rr2:1"}, 3, "r2");
  refused({"--class", "wolf"}, 3, "wolf");
  refused({"--class", "5"}, 3, "5");
  refused({"--class", "bee", "--tv", "-1"}, 2, "\"tv\" is \"-1\"");
  refused({"--class", "bee", "--color", "cmyk"}, 2, "decorrelated|rgb");
  refused({"--class", "bee", "--plain", "--tv", "1"}, 2, "--plain");
  refused({"--class", "bee", "--size", "32"}, 2, "leave the size out");
  refused({"--class", "bee", "--start", folder_ / "no.png"}, 3, "no.png");
}

TEST_F(VisualizeTest, KeepsWhatStandsThere) {
  const std::vector<std::string> how = {"--class", "bee", "--steps", "1"};
  ASSERT_EQ(visualize(how).code, 0);
  const auto again = visualize(how);
  EXPECT_EQ(again.code, 7);
  EXPECT_NE(again.err.find("--force"), std::string::npos) << again.err;
  EXPECT_EQ(visualize({"--class", "bee", "--steps", "1", "--force"}).code, 0);
}

TEST_F(VisualizeTest, InvertsWhatLayersKeep) {
  const auto result =
      invert({"--layer", "r1", "--layer", "f", "--layer", "r1", "--steps", "40", "--trace"});
  ASSERT_EQ(result.code, 0) << result.err;
  EXPECT_EQ(files(), (std::set<std::string>{"grid.png", "invert-f.png", "invert-r1.png",
                                            "manifest.json", "trace.npy"}));
  const Json json = manifest(), &what = json["inversion"];
  EXPECT_EQ(json["schema"], "limn.inversion/1");
  EXPECT_EQ(what["input_sha256"], file_sha256(picture()));
  ASSERT_EQ(what["layers"].size(), 2u);
  EXPECT_EQ(what["layers"][0]["shape"], (std::vector<int>{4, 24, 24}));
  EXPECT_LT(what["layers"][0]["error"].get<double>(),
            what["layers"][0]["start_error"].get<double>());
  EXPECT_EQ(read_npy(out() + "/trace.npy").sizes(), (std::vector<std::int64_t>{2, 40}));
  EXPECT_EQ(image("invert-r1.png").rows, 24);
  EXPECT_NE(result.out.find("4 x 24 x 24"), std::string::npos) << result.out;
}

TEST_F(VisualizeTest, InvertRefusesWithWords) {
  const auto refused = [&](const std::vector<std::string>& more, int code,
                           const std::string& words) { expect_refused(invert(more), code, words); };
  refused({}, 2, "--layer");
  refused({"--layer", "r9"}, 3, "r1");
  refused({"--layer", "r1", "--alpha", "0"}, 2, "\"alpha\" is \"0\"");
  refused({"--layer", "r1", "--plain", "--norm", "1"}, 2, "--plain");
  expect_refused(run("invert", {folder_ / "no.png", "--layer", "r1"}), 3, "no.png");
}

}  // namespace
}  // namespace limn::testing
