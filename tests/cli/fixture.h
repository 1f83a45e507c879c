// A folder with a small model, its sidecar and a picture, for tests of the command line.
#pragma once
#include <gtest/gtest.h>

#include <filesystem>
#include <set>

#include "limn/image.h"
#include "limn/npy.h"
#include "support/process.h"
#include "support/small_model.h"

namespace limn::testing {

class CommandLine : public ::testing::Test {
 protected:
  void SetUp() override {
    write_onnx(small_model(), model());
    write_text(folder_ / "small.limn.json", kSmallSidecar);
    at::manual_seed(1);
    write_text(picture(), encode_png((at::rand({30, 40, 3}) * 255).to(at::kByte)));
  }
  std::string model() const { return folder_ / "small.onnx"; }
  std::string picture() const { return folder_ / "cat.png"; }
  std::string out() const { return folder_ / "out"; }

  static ProcessResult limn(const std::vector<std::string>& arguments) {
    return run_process(LIMN_CLI, arguments);
  }
  /// `limn explain` on the small model into out().
  ProcessResult explain(const std::string& input, std::vector<std::string> more = {}) const {
    std::vector<std::string> arguments = {"explain", model(), input, "-o", out()};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return limn(arguments);
  }
  std::set<std::string> files() const {
    std::set<std::string> names;
    if (!std::filesystem::exists(out())) return names;
    for (const auto& entry : std::filesystem::directory_iterator(out())) {
      names.insert(entry.path().filename().string());
    }
    return names;
  }
  /// The code, words in the error, nothing on stdout, and nothing left behind.
  void expect_refused(const ProcessResult& result, int code, const std::string& words) const {
    EXPECT_EQ(result.code, code) << result.err;
    EXPECT_NE(result.err.find(words), std::string::npos) << result.err;
    EXPECT_EQ(result.out, "");
    EXPECT_EQ(result.err.rfind("limn: error: ", 0), 0u) << result.err;
    EXPECT_FALSE(std::filesystem::exists(out())) << "something was left in the output folder";
  }

  TemporaryFolder folder_;
};

}  // namespace limn::testing
