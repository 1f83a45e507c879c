// What a long run and a large model may take of memory.
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "limn/method.h"
#include "support/quick_specs.h"
#include "support/random_graph.h"
#include "support/support.h"

namespace limn {
namespace {

double field_of_status(const std::string& name) {
  std::ifstream status("/proc/self/status");
  std::string line;
  while (std::getline(status, line)) {
    if (line.rfind(name + ":", 0) == 0) return std::stod(line.substr(name.size() + 1)) / 1024;
  }
  return 0;
}

#ifdef __has_feature
#if __has_feature(address_sanitizer)
#define LIMN_KEEPS_FREED_MEMORY
#endif
#endif

double resident_megabytes() { return field_of_status("VmRSS"); }

TEST(Memory, TwoThousandExplanationsAreFlat) {
  if (resident_megabytes() == 0) GTEST_SKIP() << "needs /proc/self/status";
#ifdef LIMN_KEEPS_FREED_MEMORY
  GTEST_SKIP() << "AddressSanitizer keeps freed memory for a while";
#endif
  const Model model{Graph(testing::random_graph(3))};
  at::manual_seed(1);
  std::vector<std::unique_ptr<Method>> all;
  for (const auto& spec : testing::quick_specs()) all.push_back(make_method(spec));
  double before = 0;
  for (int i = 0; i < 2000; ++i) {
    // Inputs of several sizes of batch, so that what is kept per size shows, too.
    const Tensor x = at::randn({1 + i % 3, 3, 12, 14});
    all[static_cast<std::size_t>(i) % all.size()]->explain(model, x);
    if (i == 500) before = resident_megabytes();
  }
  EXPECT_LT(resident_megabytes() - before, 8);
}

/// A model of 256 MB: what it takes beyond its weights is small, so no copy of them is made.
TEST(Memory, LargeLayersAreNotCopied) {
  const double start = field_of_status("VmHWM");
  if (start == 0) GTEST_SKIP() << "needs /proc/self/status";
  const std::string folder = testing::temporary_folder("memory"), file = folder + "/large.onnx";
  const double weights = 256;
  if (const pid_t child = fork(); child == 0) {
    // Made in a process of its own, whose peak is not ours.
    Draft draft;
    draft.opset = 13;
    ValueInfo input, output;
    input.name = "x";
    input.shape = {1, 3, 64, 64};
    input.dim_names.resize(4);
    input.has_shape = true;
    output.name = "y";
    draft.inputs = {input};
    draft.outputs = {output};
    draft.constants["w"] = at::full({3 * 64 * 64, 5461}, 0.001);
    draft.nodes = {{.name = "f",
                    .op = "Flatten",
                    .domain = "",
                    .opset = 13,
                    .attributes = {},
                    .inputs = {"x"},
                    .outputs = {"f"}},
                   {.name = "y",
                    .op = "Gemm",
                    .domain = "",
                    .opset = 13,
                    .attributes = {},
                    .inputs = {"f", "w"},
                    .outputs = {"y"}}};
    write_onnx(draft, file);
    _exit(0);
  } else {
    int status = 0;
    waitpid(child, &status, 0);
    ASSERT_EQ(status, 0);
  }
  const Model model = Model::from_onnx(file);
  const auto map = make_method("lrp(epsilon-plus)")->explain(model, at::rand({1, 3, 64, 64}));
  EXPECT_GT(map.relevance.abs().max().item<double>(), 0);
  EXPECT_LT(field_of_status("VmHWM") - start, 2.5 * weights);
  std::filesystem::remove_all(folder);
}

}  // namespace
}  // namespace limn
