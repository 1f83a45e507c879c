// Methods that sample, and detectors, on the command line: standard errors, budgets, partial
// results, boxes.
#include <nlohmann/json.hpp>

#include "cli/fixture.h"
#include "support/small_detector.h"

namespace limn::testing {
namespace {

using Json = nlohmann::json;

class Sampling : public CommandLine {
 protected:
  Json manifest() const { return Json::parse(read_text(out() + "/manifest.json")); }
  /// A bright green cell in the upper right of a picture twice the detector's size.
  std::string detector() const {
    const std::string path = folder_ / "detector.onnx";
    write_onnx(small_detector().graph().draft(), path);
    write_text(folder_ / "detector.limn.json",
               R"({"labels": ["red", "green", "blue"],
                   "detector": {"layout": "yolox", "strides": [8]},
                   "preprocessing": {"resize": "direct", "mean": [0, 0, 0], "std": [1, 1, 1]}})");
    Tensor pixels = at::zeros({64, 64, 3}, at::kByte);
    pixels.slice(0, 0, 16).slice(1, 48, 64).select(2, 1).fill_(255);
    write_text(folder_ / "scene.png", encode_png(pixels));
    return path;
  }
};

TEST_F(Sampling, RiseWritesItsStandardError) {
  const auto result = explain(picture(), {"-m", "rise(n=64, cells=4)"});
  ASSERT_EQ(result.code, 0) << result.err;
  const std::string name = "/cat-rise-n-64-cells-4-top1-standard-error.npy";
  const Tensor error = read_npy(out() + name);
  EXPECT_EQ(error.sizes(), (std::vector<std::int64_t>{30, 40}));
  EXPECT_GT(error.min().item<double>(), 0);
  const Json one = manifest()["results"][0];
  EXPECT_EQ(one["files"]["standard_error"], name.substr(1));
  EXPECT_FALSE(one["partial"].get<bool>());
  EXPECT_NE(result.out.find("64 masks; estimated rank correlation"), std::string::npos);
}

TEST_F(Sampling, ExtremalPerturbationWritesItsMasksAndHistory) {
  const auto result = explain(picture(), {"-m", "extremal-perturbation([0.1,0.3], max-iter=4)"});
  ASSERT_EQ(result.code, 0) << result.err;
  const Json one = manifest()["results"][0];
  const std::string map = one["files"]["map"], stem = map.substr(0, map.size() - 4);
  EXPECT_EQ(one["files"]["masks"], stem + "-masks.npy");
  EXPECT_EQ(one["files"]["history"], stem + "-history.npy");
  const Tensor masks = read_npy(out() + "/" + stem + "-masks.npy");
  EXPECT_EQ(masks.sizes(), (std::vector<std::int64_t>{2, 30, 40}));
  EXPECT_LT((masks.sum(0) - read_npy(out() + "/" + map)).abs().max().item<double>(), 1e-5);
  const Tensor history = read_npy(out() + "/" + stem + "-history.npy");
  EXPECT_EQ(history.sizes(), (std::vector<std::int64_t>{2, 2, 4}));
}

TEST_F(Sampling, ABudgetStopsOnTime) {
  const auto result =
      explain(picture(), {"-m", "rise(n=100000000)", "--budget", "1s", "--batch", "8"});
  ASSERT_EQ(result.code, 0) << result.err;
  const Json one = manifest()["results"][0];
  EXPECT_TRUE(one["partial"].get<bool>());
  EXPECT_LT(one["seconds"].get<double>(), 20);
  EXPECT_NE(one["notes"][0].get<std::string>().find("stopped after"), std::string::npos);
  for (const std::string method : {"extremal-perturbation", "meaningful-perturbation"}) {
    ASSERT_EQ(
        explain(picture(), {"-m", method + "(max-iter=1000000)", "--budget", "4s", "--force"}).code,
        0);
    EXPECT_TRUE(manifest()["results"][0]["partial"].get<bool>()) << method;
  }
}

TEST_F(Sampling, SuperpixelsComeWithTheirStandardErrorAndKeepABudget) {
  const auto result =
      explain(picture(), {"-m", "lime(n=100, n-segments=9)", "-m",
                          "kernelshap(n_samples=100000000, n_segments=9, segments=slic)", "-m",
                          "kernel-shap(n=100000000)", "--budget", "1s", "--batch", "8"});
  ASSERT_EQ(result.code, 0) << result.err;
  const Json results = manifest()["results"];
  for (const auto& one : results) {
    const Tensor error = read_npy(out() + "/" + one["files"]["standard_error"].get<std::string>());
    EXPECT_EQ(error.sizes(), (std::vector<std::int64_t>{30, 40}));
  }
  EXPECT_TRUE(results[0]["gap"].is_null());
  EXPECT_LT(results[1]["gap"].get<double>(), 1e-4);
  EXPECT_FALSE(results[1]["partial"].get<bool>());
  EXPECT_LT(results[2]["gap"].get<double>(), 1e-4);
  EXPECT_TRUE(results[2]["partial"].get<bool>());
  EXPECT_NE(result.out.find("the linear model explains R^2"), std::string::npos);
  EXPECT_NE(result.out.find("exact Shapley values"), std::string::npos);
}

TEST_F(Sampling, BudgetsThatCannotBeKept) {
  for (const char* method : {"rise", "lime", "kernel-shap"}) {
    expect_refused(explain(picture(), {"-m", method, "--budget", "1e-9s"}), 2, "longer --budget");
  }
  expect_refused(explain(picture(), {"-m", "lrp", "--budget", "1s"}), 2, "take -m rise");
  expect_refused(explain(picture(), {"-m", "rise", "--budget=-1s"}), 2, "--budget is -1 s");
  expect_refused(explain(picture(), {"-m", "rise", "--budget", "0s"}), 2, "give a time as 30s");
  EXPECT_NE(explain(picture(), {"-m", "rise", "--budget", "soon"}).code, 0);
}

TEST_F(Sampling, AnInterruptKeepsThePartWhereAsked) {
  const auto run = [&](const std::string& more) {
    // Twice within a moment, as timeout(1) sends it to a process and to its group.
    const std::string command =
        std::string(LIMN_CLI) + " explain '" + model() + "' '" + picture() +
        "' -m 'rise(n=100000000)' -m gradient -o '" + out() + "' " + more + " >/dev/null 2>'" +
        (folder_ / "err") + "' & limn=$!; while [ ! -e '" + out() +
        "' ] && kill -0 $limn; do sleep 0.1; done; sleep 2; kill -INT $limn; sleep 0.05; "
        "kill -INT $limn; wait $limn";
    const int status = std::system(command.c_str());
    return WEXITSTATUS(status);
  };
  EXPECT_EQ(run(""), 130);
  EXPECT_FALSE(std::filesystem::exists(out()));
  EXPECT_EQ(run("--keep-partial"), 130);
  EXPECT_NE(read_text(folder_ / "err").find("kept 1 of 2 maps"), std::string::npos)
      << read_text(folder_ / "err");
  const Json results = manifest()["results"];
  ASSERT_EQ(results.size(), 1u);
  EXPECT_FALSE(manifest()["complete"].get<bool>());
  EXPECT_TRUE(results[0]["partial"].get<bool>());
  EXPECT_TRUE(files().count(results[0]["files"]["map"].get<std::string>()));
}

TEST_F(Sampling, DetectionsAreExplainedInThePicturesGeometry) {
  const std::string path = detector();
  const auto result =
      limn({"explain", path, folder_ / "scene.png", "-m", "d-rise(n=400, cells=4)", "-m",
            "grad-cam", "-t", "top1", "-t", "label:green", "-t", "box:50,2,62,14", "-o", out()});
  ASSERT_EQ(result.code, 0) << result.err;
  const Json results = manifest()["results"];
  ASSERT_EQ(results.size(), 6u);
  for (const auto& one : results) {
    EXPECT_EQ(one["explained"], "box:48,0,64,16 (green)");
    EXPECT_EQ(one["prediction"][0]["label"], "green");
    EXPECT_EQ(one["prediction"][0]["box"].size(), 4u);
    const Tensor map = read_npy(out() + "/" + one["files"]["map"].get<std::string>());
    const std::int64_t best = map.argmax().item<std::int64_t>();
    EXPECT_LT(best / 64, 16) << one["method"];
    EXPECT_GE(best % 64, 48) << one["method"];
  }
  EXPECT_NE(result.out.find("the object vanished under"), std::string::npos);
}

TEST_F(Sampling, DetectorsThatFindNothingOrDoNotFit) {
  const std::string path = detector();
  const auto refused = [&](std::vector<std::string> more, int code, const std::string& words) {
    std::vector<std::string> arguments = {"explain", path, folder_ / "scene.png", "-m", "d-rise",
                                          "-o",      out()};
    arguments.insert(arguments.end(), more.begin(), more.end());
    expect_refused(limn(arguments), code, words);
  };
  // The picture is twice as large as the model's input.
  refused({"-t", "box:0,40,16,60"}, 3,
          "no detection overlaps box:0,40,16,60 by 0.1; detected: box:0 green (94 %) at "
          "48,0,64,16");
  refused({"-t", "label:red"}, 3, "no red is detected; detected: box:0 green");
  refused({"-t", "box:1,2"}, 2, "box:x1,y1,x2,y2");
  refused({"--detector", "yolov8"}, 5, "classes, where 3 have labels");
  refused({"--detector", "boxes-scores-labels"}, 5,
          "layouts: yolox, yolov5, yolov8, boxes-scores-labels");
  expect_refused(explain(picture(), {"-m", "d-rise"}), 5, "not described as a detector");
  expect_refused(explain(picture(), {"-t", "box:0,0,9,9"}), 2, "--detector");
  write_text(folder_ / "detector.limn.json", R"({"detector": "yolo"})");
  expect_refused(limn({"explain", path, folder_ / "scene.png", "-o", out()}), 4, "yolox|yolov5");
}

}  // namespace
}  // namespace limn::testing
