// Whole models of the shared data folder: ONNX's light models reproduce their expected outputs, and
// a model written back to ONNX and read again computes the same.
#include "import/onnx_reader.h"
#include "limn/graph.h"
#include "limn/model.h"
#include "limn/target.h"
#include "support/support.h"

namespace limn {
namespace {

class LightModels : public ::testing::TestWithParam<const char*> {};

TEST_P(LightModels, ReproduceTheirExpectedOutput) {
  const std::string stem = std::string("data/models/onnx_light/light_") + GetParam();
  LIMN_REQUIRE_SHARED(stem + ".onnx");
  // The light SqueezeNet's thousand equal logits are near 1e10, where float32 steps by 1024: how a
  // kernel orders its sums then decides the softmax. In float64 they are equal, as expected.
  const bool steep = std::string(GetParam()) == "squeezenet";
  const Model model =
      Model::from_onnx(testing::shared(stem + ".onnx")).to(steep ? at::kDouble : at::kFloat);
  const auto shape = model.graph().value(model.input()).info.shape;
  std::int64_t count = 1;
  for (const std::int64_t size : shape) count *= size;
  // arange(n) / n in row-major order is the input ONNX made the outputs with.
  const Tensor x = at::arange(count, at::kFloat).div(static_cast<double>(count)).reshape(shape);
  const Tensor expected = read_tensor_file(testing::shared(stem + "_output_0.pb"));
  const Tape tape = model.run(x, Keep::Outputs);
  const Tensor ours = tape[model.graph().outputs().front()].to(at::kFloat);
  ASSERT_EQ(ours.numel(), expected.numel());
  EXPECT_TRUE(at::allclose(ours.reshape(expected.sizes()), expected, 1e-3, 1e-7));
}

INSTANTIATE_TEST_SUITE_P(Onnx, LightModels,
                         ::testing::Values("bvlc_alexnet", "densenet121", "inception_v1",
                                           "inception_v2", "resnet50", "shufflenet", "squeezenet",
                                           "vgg19", "zfnet512"));

class SharedModels : public ::testing::TestWithParam<const char*> {};

TEST_P(SharedModels, WrittenAndReadAgainComputeTheSame) {
  const std::string name = std::string("data/models/") + GetParam();
  LIMN_REQUIRE_SHARED(name);
  const Model model = Model::from_onnx(testing::shared(name));
  const Model again{Graph(read_onnx_bytes(write_onnx_bytes(model.graph().draft())))};
  auto shape = model.graph().value(model.input()).info.shape;
  shape[0] = 1;
  at::manual_seed(7);
  const Tensor x = at::randn(shape);
  const ValueId out = model.graph().outputs().front(), out_again = again.graph().outputs().front();
  const Tensor first = model.run(x, Keep::Outputs)[out];
  EXPECT_LT(testing::relative_error(again.run(x, Keep::Outputs)[out_again], first), 1e-3);
  // Folding batch norm changes nothing but rounding.
  const Model folded = model.folded();
  EXPECT_LT(testing::relative_error(folded.run(x, Keep::Outputs)[folded.graph().outputs().front()],
                                    first),
            1e-3);
}

INSTANTIATE_TEST_SUITE_P(Data, SharedModels,
                         ::testing::Values("squeezenet1_1.onnx", "mobilenet_v2.onnx",
                                           "resnet20_cifar10.onnx", "densenet_bc_cifar10.onnx",
                                           "yolox_nano_416.onnx"));

}  // namespace
}  // namespace limn
