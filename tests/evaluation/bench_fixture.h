// A small suite in a folder of its own, and what its runs leave.
#pragma once
#include <gtest/gtest.h>

#include <map>

#include "limn/error.h"
#include "limn/results.h"
#include "limn/runner.h"
#include "support/process.h"
#include "support/small_model.h"

namespace limn::testing {

/// The small model takes five kinds of shapes for its classes.
inline constexpr const char* kShapesSidecar =
    R"({"labels": ["circle", "square", "triangle", "star", "ring"], "output": "multi-label",
        "preprocessing": {"resize": "direct", "mean": [0.5, 0.5, 0.5], "std": [0.25, 0.25, 0.25]}})";

/// What is said when `body` throws.
inline std::string message(const std::function<void()>& body) {
  try {
    body();
  } catch (const Error& error) {
    return error.what();
  }
  return "no error";
}

class Bench : public ::testing::Test {
 protected:
  void SetUp() override {
    write_onnx(small_model(), folder_ / "small.onnx");
    write_text(folder_ / "small.limn.json", kShapesSidecar);
  }
  std::string suite_text(const std::string& data, const std::string& more = "") const {
    return "title A small suite\nmodel small " + (folder_ / "small.onnx") + "\ndata shapes " +
           data +
           "\nmethod gradient\nmethod grad-cam\nmethod smoothgrad(gradient, n=2)\n"
           "metric deletion(step=100)\nlabels top1\nmetric insertion(step=200)\nseed 3\n" +
           more;
  }
  Suite suite(int pictures = 5, const std::string& more = "") const {
    return parse_suite(
        suite_text("shapes(n=" + std::to_string(pictures) + ", size=24, seed=5)", more), "small");
  }
  BenchOptions into(const std::string& name) const {
    BenchOptions options;
    options.folder = folder_ / name;
    options.examples = 1;
    return options;
  }
  /// What a run leaves, by key; seconds, which no two runs share, are left out.
  std::map<std::string, std::string> lines(const std::string& name) const {
    std::map<std::string, std::string> out;
    each_result((folder_ / name) + "/results.jsonl", [&](ResultLine&& line) {
      line.seconds = 0;
      EXPECT_TRUE(out.emplace(line.key(), result_text(line)).second)
          << "written twice: " << line.key();
    });
    return out;
  }
  std::string file(const std::string& name, const std::string& what) const {
    return (folder_ / name) + "/" + what;
  }

  TemporaryFolder folder_;
};

}  // namespace limn::testing
