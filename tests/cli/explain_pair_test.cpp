// `limn explain-pair` as a process: what it writes, prints and returns.
#include <nlohmann/json.hpp>
#include <opencv2/core.hpp>
#include <opencv2/imgcodecs.hpp>

#include "cli/fixture.h"
#include "limn/bilrp.h"
#include "limn/sidecar.h"

namespace limn::testing {
namespace {

using Json = nlohmann::json;

class ExplainPairTest : public CommandLine {
 protected:
  void SetUp() override {
    CommandLine::SetUp();
    at::manual_seed(5);
    write_text(other(), encode_png((at::rand({50, 20, 3}) * 255).to(at::kByte)));
  }
  std::string other() const { return folder_ / "dog.png"; }
  ProcessResult pair(std::vector<std::string> inputs, const std::vector<std::string>& more = {},
                     std::string into = "") const {
    inputs.insert(inputs.begin(), {"explain-pair", model()});
    inputs.insert(inputs.end(), {"-o", into.empty() ? out() : into});
    inputs.insert(inputs.end(), more.begin(), more.end());
    return limn(inputs);
  }
  Json manifest() const { return Json::parse(read_text(out() + "/manifest.json")); }
};

TEST_F(ExplainPairTest, WritesLinksMapsPictureAndManifest) {
  const auto result = pair({picture(), other()}, {"--full", "--links", "9", "--layer", "f"});
  ASSERT_EQ(result.code, 0) << result.err;
  EXPECT_EQ(files(), (std::set<std::string>{
                         "cat-embedding.npy", "cat-marginal-overlay.png", "cat-marginal.npy",
                         "dog-embedding.npy", "dog-marginal-overlay.png", "dog-marginal.npy",
                         "joint.npy", "links.npy", "manifest.json", "pair.png"}));
  const Json json = manifest(), &one = json["pair"];
  EXPECT_EQ(json["schema"], "limn.pair/1");
  EXPECT_EQ(json["model"]["sha256"], file_sha256(model()));
  EXPECT_EQ(json["inputs"][1]["input_sha256"], file_sha256(other()));
  EXPECT_EQ(one["layer"], "f");
  EXPECT_EQ(one["links"], 9);
  // The same by the library.
  const Model loaded = load_model(model());
  const auto x = [&](const std::string& path) {
    return preprocess(read_picture(path), loaded.preprocessing(), loaded.input_shape()).x;
  };
  PairOptions options;
  options.layer = "f";
  options.full = true;
  const PairExplanation expected = explain_pair(loaded, x(picture()), x(other()), options);
  EXPECT_NEAR(one["similarity"].get<double>(), expected.similarity, 1e-6);
  EXPECT_NEAR(one["gap"].get<double>(), expected.gap, 1e-5);
  const Tensor joint = read_npy(out() + "/joint.npy");
  EXPECT_EQ(joint.sizes(), (std::vector<std::int64_t>{3, 3, 3, 3}));
  EXPECT_LT((joint - expected.joint).abs().max().item<double>(),
            1e-5 * expected.joint.abs().max().item<double>());
  // The first place's middle, (4, 4) of 24 x 24, in pixels of each picture.
  const Tensor links = read_npy(out() + "/links.npy");
  ASSERT_EQ(links.sizes(), (std::vector<std::int64_t>{9, 5}));
  const double y = (8 * expected.links[0][0].item<double>() + 4) * 30 / 24;
  const double x2 = (8 * expected.links[0][3].item<double>() + 4) * 20 / 24;
  EXPECT_NEAR(links[0][0].item<double>(), y, 1e-9);
  EXPECT_NEAR(links[0][3].item<double>(), x2, 1e-9);
  EXPECT_FALSE(cv::imread(out() + "/pair.png").empty());
  const cv::Mat overlay = cv::imread(out() + "/dog-marginal-overlay.png");
  EXPECT_EQ(overlay.rows * 20, overlay.cols * 50) << "the picture's shape";
  EXPECT_NE(result.out.find("pair.png"), std::string::npos);
}

TEST_F(ExplainPairTest, SaysWhatIsMissingAndWhy) {
  const auto one = pair({picture(), other()}, {"--layer", "f", "--components", "1"});
  ASSERT_EQ(one.code, 0) << one.err;
  EXPECT_NE(one.err.find("only 1 of"), std::string::npos) << one.err;
  const Json few = manifest()["pair"];
  const double similarity = few["similarity"], sum = few["sum"], covered = few["covered"];
  EXPECT_NEAR(few["gap"].get<double>(), std::abs(sum - similarity) / similarity, 1e-9);
  EXPECT_NEAR(few["rules_gap"].get<double>(), std::abs(sum - covered) / covered, 1e-9);
  const auto rules = pair({picture(), other()}, {"--layer", "f", "--max-gap", "0", "--force"});
  EXPECT_NE(rules.err.find("--composite plus-even"), std::string::npos) << rules.err;
  EXPECT_EQ(rules.err.find("only"), std::string::npos) << rules.err;
  EXPECT_NE(rules.out.find("links"), std::string::npos) << rules.out;
}

/// Pixels of a file that are redder or bluer than gray.
int colored(const std::string& path) {
  std::vector<cv::Mat> bgr;
  cv::split(cv::imread(path), bgr);
  cv::Mat difference;
  cv::absdiff(bgr[0], bgr[2], difference);
  return cv::countNonZero(difference > 3);
}

TEST_F(ExplainPairTest, LinksOfNextToNothingAreNotDrawn) {
  // A picture without colors of its own: what is red or blue is a link.
  const std::string gray = folder_ / "gray.png", rules = folder_ / "rules.txt";
  write_text(gray, encode_png((at::rand({40, 40, 1}) * 255).to(at::kByte).repeat({1, 1, 3})));
  ASSERT_EQ(pair({gray, gray}, {"--layer", "f", "--pool", "4"}).code, 0);
  EXPECT_GT(colored(out() + "/pair.png"), 100);
  write_text(rules, "all epsilon epsilon=1e9\n");
  const auto nothing =
      pair({gray, gray}, {"--layer", "f", "--pool", "4", "--rules", rules, "--force"});
  ASSERT_EQ(nothing.code, 0) << nothing.err;
  EXPECT_EQ(colored(out() + "/pair.png"), 0);
  EXPECT_NE(nothing.out.find("next to nothing"), std::string::npos) << nothing.out;
  EXPECT_NE(nothing.err.find("--composite plus-even"), std::string::npos) << nothing.err;
}

TEST_F(ExplainPairTest, RunsOfOneSeedAreEqual) {
  std::vector<std::string> how = {"--layer",     "f",       "--projections", "5",  "--seed", "3",
                                  "--composite", "epsilon", "--similarity",  "dot"};
  ASSERT_EQ(pair({picture(), other()}, how).code, 0);
  const std::string again = folder_ / "again";
  how[1] = "flatten";  // the node's name, which stands for its output
  ASSERT_EQ(pair({picture(), other()}, how, again).code, 0);
  EXPECT_EQ(read_text(out() + "/links.npy"), read_text(again + "/links.npy"));
  EXPECT_EQ(read_npy(out() + "/cat-embedding.npy").numel(), 5);
}

TEST_F(ExplainPairTest, FirstOrderAgainstAPictureOrAStoredEmbedding) {
  ASSERT_EQ(pair({picture(), other()}, {"--first-order", "--layer", "f"}).code, 0);
  EXPECT_FALSE(files().contains("links.npy"));
  const std::string alone = folder_ / "alone";
  const auto result = pair(
      {picture()}, {"--reference", out() + "/dog-embedding.npy", "--layer", "f", "--json"}, alone);
  ASSERT_EQ(result.code, 0) << result.err;
  EXPECT_EQ(read_text(out() + "/cat-marginal.npy"), read_text(alone + "/cat-marginal.npy"));
  EXPECT_NEAR(Json::parse(result.out)["similarity"].get<double>(),
              manifest()["pair"]["similarity"].get<double>(), 1e-9);
}

TEST_F(ExplainPairTest, AnyMethodExplainsTheLikenessToAStoredEmbedding) {
  const std::string stored = folder_ / "stored";
  ASSERT_EQ(
      pair({picture(), other()}, {"--first-order", "--layer", "f", "--pool", "1"}, stored).code, 0);
  const std::string dog = "cosine:" + stored + "/dog-embedding.npy";
  const std::string own = "cosine:" + stored + "/cat-embedding.npy";
  const auto result =
      explain(picture(), {"-t", dog, "-t", own, "--cosine-layer", "f", "-m",
                          "lrp(composite=epsilon-plus)", "-m", "grad-cam", "--json"});
  ASSERT_EQ(result.code, 0) << result.err;
  const Json json = manifest(), &lrp = json["results"][0];
  EXPECT_EQ(json["score"], "cosine");
  EXPECT_EQ(lrp["target"], dog);
  EXPECT_TRUE(lrp["prediction"].empty()) << "a cut model predicts nothing";
  EXPECT_NE(lrp["notes"].dump().find(file_sha256(stored + "/dog-embedding.npy")),
            std::string::npos);
  const Json one = Json::parse(read_text(stored + "/manifest.json"))["pair"];
  EXPECT_NEAR(lrp["score"].get<double>(), one["similarity"].get<double>(), 1e-5);
  EXPECT_NEAR(lrp["map"]["sum"].get<double>(), one["sum"].get<double>(), 1e-5);
  EXPECT_NEAR(json["results"][1]["score"].get<double>(), 1, 1e-6) << "a picture is like itself";
  EXPECT_EQ(limn({"compare", model(), picture(), "-t", dog, "--cosine-layer", "f", "-o",
                  folder_ / "grid.png"})
                .code,
            0);
}

TEST_F(ExplainPairTest, CosineTargetsAreRefusedWithWords) {
  write_npy(folder_ / "f.npy", at::ones({6}, at::kDouble));
  const std::string f = "cosine:" + std::string(folder_ / "f.npy");
  const auto refused = [&](const std::vector<std::string>& more, int code, const char* words) {
    expect_refused(explain(picture(), more), code, words);
  };
  refused({"-t", f, "-t", "top1"}, 2, "once for each kind");
  refused({"-t", f, "--cosine-layer", "f", "--score", "prob"}, 2, "the cosine itself");
  refused({"--cosine-layer", "f"}, 2, "cosine:FILE.npy");
  refused({"-t", f}, 2, "the reference has 6 components");
  refused({"-t", f, "--cosine-layer", "g"}, 3, "nearest");
  refused({"-t", "cosine:nowhere.npy"}, 3, "nowhere.npy");
  refused({"-t", "cosine:"}, 2, "cosine:FILE.npy");
  const auto spray = limn({"spray", model(), picture(), "-t", f, "-o", out()});
  expect_refused(spray, 2, "only `limn explain`");
}

TEST_F(ExplainPairTest, RefusesWithWordsAndLeavesNothing) {
  expect_refused(pair({picture()}), 2, "two inputs");
  expect_refused(pair({picture(), picture() + "x"}), 3, "there is no file");
  expect_refused(pair({picture(), other()}, {"--layer", "nowhere"}), 3, "nowhere");
  expect_refused(pair({picture(), other()}, {"--layer", "f", "--embedding", "mean"}), 2,
                 "no places to average");
  expect_refused(pair({picture(), other()}, {"--composite", "epsilom"}), 3, "epsilon");
  expect_refused(pair({picture(), other()}, {"--full", "--first-order"}), 2, "leave one");
  for (const auto& idle :
       std::vector<std::vector<std::string>>{{"--gammas", ".5"},
                                             {"--gamma", "1"},
                                             {"--composite", "gamma-by-depth", "--epsilon", "1"},
                                             {"--projections", "4", "--components", "2"},
                                             {"--first-order", "--links", "9"}}) {
    expect_refused(pair({picture(), other()}, idle), 2, "has no effect");
  }
  write_npy(folder_ / "short.npy", at::ones({4}, at::kDouble));
  expect_refused(pair({picture()}, {"--layer", "f", "--reference", folder_ / "short.npy"}), 2,
                 "the reference has 4 components");
  write_text(folder_ / "cut.png", "no picture");
  expect_refused(pair({picture(), folder_ / "cut.png"}), 6, "cut.png");
}

TEST_F(ExplainPairTest, RefusesToOverwrite) {
  ASSERT_EQ(pair({picture(), other()}, {"--layer", "f"}).code, 0);
  EXPECT_EQ(pair({picture(), other()}, {"--layer", "f"}).code, 7);
  EXPECT_EQ(pair({picture(), other()}, {"--layer", "f", "--force"}).code, 0);
}

}  // namespace
}  // namespace limn::testing
