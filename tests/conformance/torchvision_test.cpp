// Models as torchvision exports them, with random weights: our run against torch's own output.
// tools/export_torchvision.py makes them in the build tree; skipped without python3-torchvision.
#include <algorithm>
#include <cstdlib>
#include <filesystem>

#include "limn/method.h"
#include "limn/model.h"
#include "support/support.h"
#include "support/torch_npy.h"

namespace limn {
namespace {

namespace fs = std::filesystem;

struct Export {
  const char* name;
  int size;         ///< small where the architecture allows it
  int batch_norms;  ///< as many nodes as the network has modules: the export folds none
};

/// The newest script's files: an export cut short lacks the input, which is written last.
bool is_exported(const std::string& stem, const fs::path& script) {
  const fs::path last = stem + ".input.npy";
  return fs::exists(last) && fs::last_write_time(last) > fs::last_write_time(script);
}

/// Two float32 runs with different orders of summation, some 100 layers deep.
constexpr double kTolerance = 5e-4;

class Torchvision : public ::testing::TestWithParam<Export> {};

TEST_P(Torchvision, RunsAsTorchDoes) {
  if (std::system("/usr/bin/python3 -c 'import torchvision' 2>/dev/null") != 0) {
    GTEST_SKIP() << "needs python3-torchvision, which is not installed";
  }
  const fs::path script = fs::path(LIMN_MODELS) / "../tools/export_torchvision.py";
  const fs::path folder = fs::path(LIMN_BUILD) / "torchvision";
  const std::string stem = (folder / GetParam().name).string();
  const std::string command = "/usr/bin/python3 '" + script.string() + "' " + GetParam().name +
                              " --random-weights --classes 10 --check --size " +
                              std::to_string(GetParam().size) + " --out '" + folder.string() +
                              "' > /dev/null 2>&1";
  if (!is_exported(stem, script)) {
    ASSERT_EQ(std::system(command.c_str()), 0) << command;
  }
  const Model model = Model::from_onnx(stem + ".onnx");
  const auto& nodes = model.graph().nodes();
  EXPECT_EQ(std::count_if(nodes.begin(), nodes.end(),
                          [](const Node& node) { return node.op == "BatchNormalization"; }),
            GetParam().batch_norms);
  const Tensor x = testing::read_float_npy(stem + ".input.npy");
  const Tensor expected = testing::read_float_npy(stem + ".expected.npy");
  ASSERT_GT(expected.std().item<double>(), 0);
  const ValueId logits = model.graph().outputs().front();
  const Tensor one = model.run(x, Keep::Outputs)[logits];
  EXPECT_LT(testing::relative_error(one, expected), kTolerance);
  // Exported with one picture, run with two: no shape in the file holds the batch.
  const Tensor two = model.run(at::cat({x.flip({3}), x}), Keep::Outputs)[logits];
  ASSERT_EQ(two.size(0), 2);
  EXPECT_LT(testing::relative_error(two.slice(0, 1), expected), kTolerance);
  EXPECT_GT(testing::relative_error(two.slice(0, 0, 1), expected), 2 * kTolerance);
  // Every node has a rule: LRP and the gradient reach the input.
  for (const char* spec : {"lrp(composite=epsilon-plus)", "gradient"}) {
    const Explanation map = make_method(spec)->explain(model, x);
    EXPECT_GT(map.relevance.abs().max().item<double>(), 0) << spec;
  }
}

INSTANTIATE_TEST_SUITE_P(
    Models, Torchvision,
    ::testing::Values(Export{"vgg11", 224, 0}, Export{"resnet18", 64, 20},
                      Export{"resnet50", 64, 53}, Export{"densenet121", 64, 121},
                      Export{"inception_v3", 107, 94}, Export{"squeezenet1_1", 64, 0},
                      Export{"mobilenet_v2", 64, 52}, Export{"mobilenet_v3_small", 64, 34},
                      Export{"shufflenet_v2_x0_5", 64, 56}, Export{"efficientnet_b0", 64, 49},
                      Export{"convnext_tiny", 64, 0}, Export{"vit_b_16", 224, 0},
                      Export{"swin_t", 224, 0}),
    [](const auto& info) { return std::string(info.param.name); });

}  // namespace
}  // namespace limn
