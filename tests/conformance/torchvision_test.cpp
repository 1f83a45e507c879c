// Models as torchvision exports them, with random weights: our run against torch's own output.
// tools/export_torchvision.py makes them in the build tree; skipped without python3-torchvision.
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
  int size;  ///< small where the architecture allows it
};

class Torchvision : public ::testing::TestWithParam<Export> {};

TEST_P(Torchvision, RunsAsTorchDoes) {
  if (std::system("/usr/bin/python3 -c 'import torchvision' 2>/dev/null") != 0) {
    GTEST_SKIP() << "needs python3-torchvision, which is not installed";
  }
  const fs::path folder = fs::path(LIMN_BUILD) / "torchvision";
  const fs::path model_file = folder / (std::string(GetParam().name) + ".onnx");
  const std::string command =
      std::string("/usr/bin/python3 ") + LIMN_MODELS + "/../tools/export_torchvision.py " +
      GetParam().name + " --random-weights --classes 10 --check --size " +
      std::to_string(GetParam().size) + " --out " + folder.string() + " > /dev/null 2>&1";
  if (!fs::exists(model_file)) ASSERT_EQ(std::system(command.c_str()), 0) << command;
  const std::string stem = (folder / GetParam().name).string();
  const Model model = Model::from_onnx(model_file.string());
  const Tensor x = testing::read_float_npy(stem + ".input.npy");
  const Tensor expected = testing::read_float_npy(stem + ".expected.npy");
  const Tape tape = model.run(x, Keep::Outputs);
  EXPECT_LT(testing::relative_error(tape[model.graph().outputs().front()], expected), 1e-3);
  // Every node has a rule: LRP and the gradient reach the input.
  for (const char* spec : {"lrp(composite=epsilon-plus)", "gradient"}) {
    const Explanation map = make_method(spec)->explain(model, x);
    EXPECT_GT(map.relevance.abs().max().item<double>(), 0) << spec;
  }
}

INSTANTIATE_TEST_SUITE_P(
    Models, Torchvision,
    ::testing::Values(Export{"vgg11", 224}, Export{"resnet18", 64}, Export{"resnet50", 64},
                      Export{"densenet121", 64}, Export{"inception_v3", 107},
                      Export{"squeezenet1_1", 64}, Export{"mobilenet_v2", 64},
                      Export{"mobilenet_v3_small", 64}, Export{"shufflenet_v2_x0_5", 64},
                      Export{"efficientnet_b0", 64}, Export{"convnext_tiny", 64},
                      Export{"vit_b_16", 224}, Export{"swin_t", 224}),
    [](const auto& info) { return std::string(info.param.name); });

}  // namespace
}  // namespace limn
