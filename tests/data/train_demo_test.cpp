// The trainer of the demo models as a process: four steps of each kind give a model that limn loads
// and runs, and an interrupted training resumes with the same result.
#include <ATen/ATen.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <thread>
#include <vector>

#include "limn/error.h"
#include "limn/shapes.h"
#include "limn/sidecar.h"

namespace limn {
namespace {

namespace fs = std::filesystem;

/// Starts train_demo with one thread, so that sums come in one order.
pid_t start(std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), {LIMN_TRAIN_DEMO, "--threads", "1"});
  std::vector<char*> raw;
  for (auto& argument : arguments) raw.push_back(argument.data());
  raw.push_back(nullptr);
  const pid_t child = fork();
  if (child == 0) {
    const int sink = open("/dev/null", O_WRONLY);
    dup2(sink, 1);
    dup2(sink, 2);
    execv(raw[0], raw.data());
    _exit(127);
  }
  return child;
}

int wait_for(pid_t child) {
  int status = 0;
  waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

class TrainDemo : public testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = (fs::temp_directory_path() / "limn-train-XXXXXX").string();
    ASSERT_NE(mkdtemp(pattern.data()), nullptr);
    base_ = pattern;
  }
  void TearDown() override { fs::remove_all(base_); }

  std::vector<std::string> tiny(const std::string& folder, const std::string& model) const {
    return {"--model", model,        "-o", (base_ / folder).string(), "--pictures", "64", "--batch",
            "16",      "--held-out", "32"};
  }
  fs::path base_;
};

TEST_F(TrainDemo, FourStepsGiveAModelThatRuns) {
  for (const std::string model : {"vgg", "resnet", "densenet", "cheat"}) {
    auto arguments = tiny("out", model);
    arguments.insert(arguments.end(), {"--epochs", "1", "--steps", "4"});
    ASSERT_EQ(wait_for(start(arguments)), 0) << model;
    const fs::path path = base_ / "out" / ("shapes_" + model + ".onnx");
    EXPECT_LT(fs::file_size(path), 2'000'000U);
    EXPECT_TRUE(fs::exists(base_ / "out" / ("shapes_" + model + ".md")));
    EXPECT_FALSE(fs::exists(base_ / "out" / ("shapes_" + model + ".checkpoint")));

    const Model loaded = load_model(path.string());
    EXPECT_EQ(loaded.labels(), shape_labels());
    EXPECT_EQ(loaded.output_kind(), OutputKind::MultiLabel);
    EXPECT_EQ(loaded.input_shape(), (std::vector<std::int64_t>{3, -1, -1}));
    std::int64_t parameters = 0;
    for (const auto& value : loaded.graph().values()) {
      if (value.constant.defined()) parameters += value.constant.numel();
    }
    EXPECT_LE(parameters, 300'000);
    const Tensor x = shapes_picture({}, 0).picture.unsqueeze(0).to(at::kFloat) / 255;
    const Tensor logits = loaded.run((x - 0.5) / 0.25, Keep::Outputs)[loaded.logits()];
    EXPECT_EQ(logits.sizes(), (std::vector<std::int64_t>{1, 10}));
    EXPECT_TRUE(logits.isfinite().all().item<bool>());
  }
}

TEST_F(TrainDemo, AnInterruptedTrainingResumesWithTheSameResult) {
  auto whole = tiny("whole", "vgg");
  whole.insert(whole.end(), {"--epochs", "6"});
  ASSERT_EQ(wait_for(start(whole)), 0);

  auto broken = tiny("broken", "vgg");
  broken.insert(broken.end(), {"--epochs", "6", "--resume"});
  const pid_t child = start(broken);
  const fs::path checkpoint = base_ / "broken" / "shapes_vgg.checkpoint";
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::minutes(2);
  while (!fs::exists(checkpoint) && std::chrono::steady_clock::now() < deadline) {
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  kill(child, SIGKILL);
  ASSERT_EQ(wait_for(child), -1) << "the training ended before it could be interrupted";
  ASSERT_TRUE(fs::exists(checkpoint));
  ASSERT_FALSE(fs::exists(base_ / "broken" / "shapes_vgg.onnx"));

  ASSERT_EQ(wait_for(start(broken)), 0);
  const Draft expected = read_onnx((base_ / "whole" / "shapes_vgg.onnx").string());
  const Draft resumed = read_onnx((base_ / "broken" / "shapes_vgg.onnx").string());
  ASSERT_EQ(expected.constants.size(), resumed.constants.size());
  for (const auto& [name, tensor] : expected.constants) {
    EXPECT_TRUE(tensor.equal(resumed.constants.at(name))) << name;
  }
}

}  // namespace
}  // namespace limn
