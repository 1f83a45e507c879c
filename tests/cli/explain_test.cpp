// `limn explain` as a process: what it writes, prints and returns.
#include <map>
#include <nlohmann/json.hpp>
#include <opencv2/imgcodecs.hpp>

#include "cli/fixture.h"
#include "limn/model.h"
#include "limn/sidecar.h"

namespace limn::testing {
namespace {

using Json = nlohmann::json;
using ExplainTest = CommandLine;

TEST_F(ExplainTest, WritesMapPicturesAndManifest) {
  const auto result = explain(picture());
  ASSERT_EQ(result.code, 0) << result.err;
  EXPECT_EQ(files(), (std::set<std::string>{"cat-lrp-top1.npy", "cat-lrp-top1-heatmap.png",
                                            "cat-lrp-top1-overlay.png", "manifest.json"}));
  const Tensor map = read_npy(out() + "/cat-lrp-top1.npy");
  EXPECT_EQ(map.sizes(), (std::vector<std::int64_t>{30, 40})) << "the picture's geometry";
  EXPECT_EQ(map.scalar_type(), at::kFloat);
  const Json json = Json::parse(read_text(out() + "/manifest.json"));
  EXPECT_EQ(json["schema"], "limn.manifest/1");
  EXPECT_EQ(json["model"]["sha256"], file_sha256(model()));
  EXPECT_EQ(json["preprocessing"]["source"], "small.limn.json");
  const Json& one = json["results"][0];
  EXPECT_EQ(one["input_sha256"], file_sha256(picture()));
  EXPECT_EQ(one["classes"][0], one["prediction"][0]["class"]);
  EXPECT_EQ(one["geometry"]["original"], Json({30, 40}));
  // The score is the logit of the predicted class, computed here by the library.
  const Model loaded = load_model(model());
  const PreparedInput input =
      preprocess(read_picture(picture()), loaded.preprocessing(), loaded.input_shape());
  const Tensor logits = loaded.run(input.x)[loaded.logits()];
  EXPECT_NEAR(one["score"].get<double>(), logits.max().item<double>(), 1e-5);
  EXPECT_NE(result.out.find("cat-lrp-top1{.npy,-heatmap.png,-overlay.png}"), std::string::npos);
}

TEST_F(ExplainTest, EveryInputMethodAndTarget) {
  std::filesystem::create_directory(folder_ / "pictures");
  std::filesystem::copy(picture(), folder_ / "pictures/a.png");
  std::filesystem::copy(picture(), folder_ / "pictures/b.png");
  write_text(folder_ / "pictures/notes.txt", "no picture");
  const auto result =
      explain(folder_ / "pictures", {"-m", "gradient", "-m", "lrp(composite=epsilon)", "-t",
                                     "top:2", "-t", "class:eel", "--json", "--html"});
  ASSERT_EQ(result.code, 0) << result.err;
  EXPECT_EQ(files().size(), 2u * 2 * 3 * 3 + 2);
  EXPECT_TRUE(files().count("b-lrp-composite-epsilon-class-eel-overlay.png"));
  EXPECT_TRUE(files().count("report.html"));
  std::istringstream lines(result.out);
  std::string line;
  int count = 0;
  for (; std::getline(lines, line); ++count) {
    const Json json = Json::parse(line);
    EXPECT_TRUE(std::filesystem::exists(json["files"]["map"].get<std::string>()));
  }
  EXPECT_EQ(count, 12);
}

TEST_F(ExplainTest, InputsOfOneNameGetFreeNumbers) {
  std::filesystem::create_directory(folder_ / "pictures");
  cv::Mat pixels(24, 24, CV_8UC3, cv::Scalar(40, 90, 200));
  for (const char* name : {"a-2.png", "a.bmp.png", "a.bmp", "a.jpg", "a.png"}) {
    ASSERT_TRUE(cv::imwrite(folder_ / (std::string("pictures/") + name), pixels)) << name;
  }
  const auto result = explain(folder_ / "pictures", {"-m", "gradient"});
  ASSERT_EQ(result.code, 0) << result.err;
  for (const char* stem : {"a-2", "a.bmp", "a", "a-3", "a-4"}) {
    EXPECT_TRUE(files().count(std::string(stem) + "-gradient-top1.npy")) << stem;
  }
  EXPECT_EQ(files().size(), 5u * 3 + 1);
}

TEST_F(ExplainTest, TensorsAreUsedAsTheyAre) {
  at::manual_seed(2);
  const Tensor x = at::randn({2, 3, 24, 24});
  write_npy(folder_ / "x.npy", x);
  for (const char* batch : {"1", "2"}) {
    ASSERT_EQ(explain(folder_ / "x.npy", {"--batch", batch, "--force", "-m", "gradient"}).code, 0);
    const Model loaded = load_model(model());
    const auto expected =
        make_method("gradient")->explain(loaded, x.narrow(0, 1, 1), Target::top1()).map()[0];
    EXPECT_LT((read_npy(out() + "/x-1-gradient-top1.npy") - expected).abs().max().item<double>(),
              1e-5 * expected.abs().max().item<double>());
  }
}

TEST_F(ExplainTest, OneManifestRedoesTheRun) {
  ASSERT_EQ(explain(picture(), {"-t", "class:bee"}).code, 0);
  const Json json = Json::parse(read_text(out() + "/manifest.json"));
  const Tensor first = read_npy(out() + "/cat-lrp-class-bee.npy");
  const std::string again = folder_ / "again";
  const auto result = limn({"explain", model(), picture(), "-o", again, "-m",
                            json["results"][0]["method"], "-t", json["results"][0]["target"]});
  ASSERT_EQ(result.code, 0) << result.err;
  for (const auto& entry : std::filesystem::directory_iterator(again)) {
    if (entry.path().extension() != ".npy") continue;
    EXPECT_TRUE(at::equal(read_npy(entry.path().string()), first));
  }
}

TEST_F(ExplainTest, TheManifestHoldsTheRulesFile) {
  const std::string rules = folder_ / "my.rules", text = "first flat\nlast z+\n";
  write_text(rules, text);
  ASSERT_EQ(explain(picture(), {"-m", "lrp(rules=\"" + rules + "\")"}).code, 0);
  const Json json = Json::parse(read_text(out() + "/manifest.json"));
  const Json one = {{"file", rules}, {"sha256", file_sha256(rules)}, {"text", text}};
  EXPECT_EQ(json["results"][0]["rules"], Json::array({one}));
  ASSERT_EQ(explain(picture(), {"-m", "lrp", "--force"}).code, 0);
  EXPECT_EQ(Json::parse(read_text(out() + "/manifest.json"))["results"][0]["rules"], Json::array());
}

TEST_F(ExplainTest, RulesForNodesThatDoNotExistAreRefused) {
  const std::string rules = folder_ / "my.rules";
  write_text(rules, "op:Conv epsilon\nfeatures* epsilon\n");
  expect_refused(explain(picture(), {"-m", "lrp(rules=\"" + rules + "\")"}), 3,
                 "\"features*\" names no node");
}

TEST_F(ExplainTest, RefusesToOverwrite) {
  ASSERT_EQ(explain(picture()).code, 0);
  const std::string before = read_text(out() + "/manifest.json");
  const auto result = explain(picture());
  EXPECT_EQ(result.code, 7);
  EXPECT_NE(result.err.find("--force"), std::string::npos);
  EXPECT_EQ(read_text(out() + "/manifest.json"), before);
  EXPECT_EQ(explain(picture(), {"--force"}).code, 0);
}

TEST_F(ExplainTest, ForceKeepsOldResultsUntilTheNewOnesAreComplete) {
  ASSERT_EQ(explain(picture()).code, 0);
  const auto contents = [&] {
    std::map<std::string, std::string> all;
    for (const auto& name : files()) all[name] = read_text(out() + "/" + name);
    return all;
  };
  const auto before = contents();
  write_text(folder_ / "zz.png", "no picture");
  const auto broken = limn(
      {"explain", model(), picture(), folder_ / "zz.png", "-o", out(), "--force", "-t", "top1"});
  EXPECT_EQ(broken.code, 6) << broken.err;
  EXPECT_EQ(contents(), before);

  // The same where Ctrl-C ends it.
  std::filesystem::create_directory(folder_ / "many");
  std::filesystem::copy(picture(), folder_ / "many/cat.png");
  for (int i = 0; i < 5000; ++i) {
    std::filesystem::create_hard_link(picture(), folder_ / ("many/d" + std::to_string(i) + ".png"));
  }
  const auto stopped = run_process(
      std::string("timeout --preserve-status -s INT 1.5 ") + LIMN_CLI,
      {"explain", model(), folder_ / "many", "-o", out(), "--force", "--preset", "none"});
  EXPECT_EQ(stopped.code, 130) << stopped.err;
  EXPECT_EQ(contents(), before);

  ASSERT_EQ(explain(picture(), {"--force", "--preset", "none"}).code, 0);
  EXPECT_EQ(files().size(), before.size()) << "no temporary file is left";
  EXPECT_NE(contents(), before);
}

TEST_F(ExplainTest, StrictTurnsDoubtsIntoAnExitCode) {
  // Nothing says how pictures are prepared once the sidecar is gone.
  std::filesystem::remove(folder_ / "small.limn.json");
  const auto doubted = explain(picture(), {"--strict", "-m", "gradient"});
  EXPECT_EQ(doubted.code, 8) << doubted.err;
  EXPECT_NE(doubted.err.find("--preset"), std::string::npos);
  EXPECT_EQ(explain(picture(), {"--force", "--strict", "-m", "gradient", "--preset", "none"}).code,
            0);
  const auto gap =
      explain(picture(), {"--force", "--strict", "--preset", "none", "--max-gap", "0"});
  EXPECT_EQ(gap.code, 8) << gap.out;
}

TEST_F(ExplainTest, ProbabilityIsAScore) {
  ASSERT_EQ(explain(picture(), {"--score", "prob", "--json", "-m", "gradient"}).code, 0);
  const Json json = Json::parse(read_text(out() + "/manifest.json"));
  EXPECT_EQ(json["score"], "prob");
  EXPECT_NEAR(json["results"][0]["score"].get<double>(),
              json["results"][0]["prediction"][0]["probability"].get<double>(), 1e-6);
}

TEST_F(ExplainTest, PrecisionIsRecordedForEachMap) {
  const std::string mixed = "fp32, bf16 for masked pictures";
  const auto recorded = [&](const std::string& precision) {
    const auto result = explain(picture(), {"--precision", precision, "--batch", "auto", "--force",
                                            "-m", "score-cam", "-m", "occlusion(8)"});
    EXPECT_EQ(result.code, 0) << result.err;
    const Json json = Json::parse(read_text(out() + "/manifest.json"));
    EXPECT_EQ(json["batch"], 0);
    EXPECT_EQ(json["results"][0]["precision"], json["precision"]);
    return json;
  };
  const Json low = recorded("bf16");
  EXPECT_EQ(low["precision"], mixed);
  EXPECT_EQ(low["results"][1]["precision"], "fp32");
  EXPECT_NE(low["results"][1]["notes"].dump().find("ran in fp32"), std::string::npos);
  EXPECT_EQ(low["results"][0]["notes"].dump().find("ran in fp32"), std::string::npos);
  const Json full = recorded("fp32");
  EXPECT_EQ(full["precision"], "fp32");
  EXPECT_EQ(full["results"][1]["notes"].dump().find("ran in fp32"), std::string::npos);
  EXPECT_EQ(recorded("fp64")["precision"], "fp64");
  const Json chosen = recorded("auto");
  EXPECT_TRUE(chosen["precision"] == mixed || chosen["precision"] == "fp32");
  EXPECT_EQ(chosen["results"][1]["notes"].dump().find("ran in fp32"), std::string::npos);
}

/// Integrated gradients promise the score minus the baseline's, FullGrad's terms the score, and a
/// message has mass 1; the words and the manifest say which.
TEST_F(ExplainTest, TheGapSaysWhatItMeasures) {
  const auto result = explain(
      picture(), {"-m", "lrp(composite=epsilon)", "-m", "integrated-gradients(n=1)", "-m",
                  "fullgrad", "-m", "excitation-backprop", "-m", "gradient", "--max-gap", "0"});
  ASSERT_EQ(result.code, 0) << result.err;
  const Json results = Json::parse(read_text(out() + "/manifest.json"))["results"];
  std::vector<Json> kinds;
  for (const auto& one : results) kinds.push_back(one["gap_of"]);
  EXPECT_EQ(kinds, (std::vector<Json>{"score", "score-minus-baseline", "terms", "mass", nullptr}));
  EXPECT_NE(result.out.find("misses the score minus the baseline's score by"), std::string::npos);
  EXPECT_NE(result.out.find("its terms, not the map, sum to the score"), std::string::npos);
  EXPECT_NE(result.out.find("of mass 1"), std::string::npos);
  EXPECT_NE(result.err.find("integrated-gradients(n=1): the map's sum misses the score minus"),
            std::string::npos)
      << result.err;
  const auto traits = limn({"list", "ig"});
  EXPECT_NE(traits.out.find("the sum is the score minus the baseline's"), std::string::npos);
}

TEST_F(ExplainTest, LayerReachesCamMethods) {
  ASSERT_EQ(explain(picture(), {"-m", "grad-cam", "--layer", "r1"}).code, 0);
  EXPECT_EQ(Json::parse(read_text(out() + "/manifest.json"))["results"][0]["layer"], "r1");
}

}  // namespace
}  // namespace limn::testing
