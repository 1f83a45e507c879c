// Passes that take away: identities, what does not depend on the input, inputs that nothing reads.
#include "import/passes.h"

#include <gtest/gtest.h>

#include "support/fused.h"

namespace limn {
namespace {

using testing::DraftBuilder;
using testing::expect_fused;
using testing::ops_of;
using testing::run_draft;
using Integers = std::vector<std::int64_t>;

// Identity and Dropout.

TEST(RemoveIdentities, ChainsAndConstantsBehindThem) {
  DraftBuilder build;
  const auto x = build.node("Identity", {build.node("Identity", {build.input("x")})});
  const auto w = build.node("Identity", {build.constant(at::randn({4, 5}))});
  build.output(build.node("Identity", {build.node("Relu", {build.node("MatMul", {x, w})})}));
  expect_fused(build, at::randn({2, 4}), "MatMul Relu");
  const Draft fused = fuse(build.draft());
  EXPECT_EQ(fused.nodes.at(0).inputs.at(0), "x");
  EXPECT_TRUE(fused.constants.contains(fused.nodes.at(0).inputs.at(1)));
}

TEST(RemoveIdentities, OutputNamesSurvive) {
  DraftBuilder build;
  const auto relu = build.node("Relu", {build.input("x")});
  const auto a = build.node("Identity", {relu});
  const auto b = build.node("Identity", {relu});
  const auto c = build.node("Identity", {build.constant(at::ones({2}))});
  const auto d = build.node("Identity", {"x"});
  for (const auto& name : {a, b, c, d}) build.output(name);
  const Draft fused = fuse(build.draft());
  EXPECT_EQ(ops_of(fused), "Relu Identity Identity");
  EXPECT_EQ(fused.nodes.at(0).outputs.at(0), a);
  EXPECT_EQ(fused.nodes.at(1).inputs.at(0), a);
  EXPECT_EQ(fused.nodes.at(1).outputs.at(0), b);
  EXPECT_TRUE(fused.constants.contains(c));
  EXPECT_EQ(fused.nodes.at(2).inputs.at(0), "x");
}

TEST(RemoveIdentities, DropoutUnlessItTrainsOrItsMaskIsUsed) {
  const auto ops = [](bool trains, bool mask) {
    DraftBuilder build;
    std::vector<std::string> inputs = {build.input("x"), build.number(0.5)};
    if (trains) inputs.push_back(build.constant(at::ones({}, at::kBool)));
    const auto out = build.node("Dropout", inputs);
    build.draft().nodes.back().outputs.push_back("mask");
    build.output(build.node("Relu", {out}));
    if (mask) build.output("mask");
    return ops_of(fuse(build.draft()));
  };
  EXPECT_EQ(ops(false, false), "Relu");
  EXPECT_EQ(ops(true, false), "Dropout Relu");
  EXPECT_EQ(ops(false, true), "Dropout Relu");
}

TEST(RemoveIdentities, ACycleIsAnError) {
  DraftBuilder build;
  build.input("x");
  build.node("Identity", {"v1"});
  build.node("Identity", {"v0"});
  build.output(build.node("Relu", {"v0"}));
  EXPECT_THROW(import_passes(build.draft()), Error);
}

// Constants.

TEST(FoldConstants, ComputesWhatDoesNotDependOnTheInput) {
  DraftBuilder build;
  const auto x = build.input("x");
  const auto product =
      build.node("MatMul", {build.constant(at::randn({4, 3})), build.constant(at::randn({3, 5}))});
  build.output(build.node("MatMul", {x, build.node("Relu", {product})}));
  const Draft folded = fold_constants(build.draft());
  EXPECT_EQ(ops_of(folded), "MatMul");
  EXPECT_EQ(folded.constants.size(), 1u);
  const Tensor input = at::randn({2, 4});
  EXPECT_LT(testing::relative_error(run_draft(folded, input), run_draft(build.draft(), input)),
            1e-6);
}

TEST(FoldConstants, InAnyOrderOfTheFile) {
  DraftBuilder build;
  const auto x = build.input("x");
  build.output(build.node("MatMul", {x, "v1"}));
  build.node("Relu", {"v2"});
  build.node("Relu", {build.constant(at::randn({4, 4}))});
  EXPECT_EQ(ops_of(fold_constants(build.draft())), "MatMul");
}

TEST(FoldConstants, WhatIsOverTheBudgetStays) {
  DraftBuilder build;
  const auto x = build.input("x");
  const auto large = build.node(
      "MatMul", {build.constant(at::randn({40, 1})), build.constant(at::randn({1, 50}))});
  build.output(build.node("MatMul", {x, large}));
  EXPECT_EQ(ops_of(fold_constants(build.draft(), 1999)), "MatMul MatMul");
  EXPECT_EQ(ops_of(fold_constants(build.draft(), 2000)), "MatMul");
}

TEST(FoldConstants, AbsurdSizesAreNeverAllocated) {
  const auto stays = [](const std::string& op, std::vector<Tensor> constants) {
    DraftBuilder build;
    std::vector<std::string> inputs;
    for (auto& value : constants) inputs.push_back(build.constant(std::move(value)));
    const auto x = build.input("x");
    build.output(build.node("MatMul", {x, build.node(op, inputs)}));
    EXPECT_EQ(ops_of(fold_constants(build.draft())), op + " MatMul");
  };
  const Tensor absurd = at::tensor(Integers{1 << 20, 1 << 20}, at::kLong);
  stays("ConstantOfShape", {absurd});
  stays("Expand", {at::ones({1, 1}), absurd});
  stays("Tile", {at::ones({1, 1}), absurd});
  stays("Range",
        {at::scalar_tensor(0, at::kLong), at::scalar_tensor(std::int64_t{1} << 40, at::kLong),
         at::scalar_tensor(1, at::kLong)});
  stays("Pad", {at::ones({1, 1}), at::tensor(Integers{0, 0, 1 << 20, 1 << 20}, at::kLong)});
  stays("Add", {at::ones({1 << 18, 1}), at::ones({1, 1 << 18})});
}

TEST(FoldConstants, AFailingNodeIsNamed) {
  DraftBuilder build;
  const auto x = build.input("x");
  const auto wrong =
      build.node("MatMul", {build.constant(at::randn({4, 3})), build.constant(at::randn({4, 3}))});
  build.output(build.node("MatMul", {x, wrong}));
  try {
    fold_constants(build.draft());
    FAIL();
  } catch (const Error& error) {
    EXPECT_NE(std::string(error.what()).find("node \"n0\" (MatMul, opset 13)"), std::string::npos)
        << error.what();
  }
}

TEST(FoldConstants, DeadNodesAndConstantsGo) {
  DraftBuilder build;
  const auto x = build.input("x");
  build.node("MatMul", {x, build.constant(at::randn({4, 4}))});
  build.output(build.node("Relu", {x}));
  const Draft folded = fold_constants(build.draft());
  EXPECT_EQ(ops_of(folded), "Relu");
  EXPECT_TRUE(folded.constants.empty());
}

TEST(FoldConstants, AValueMadeTwiceIsStillReported) {
  DraftBuilder build;
  const auto x = build.input("x");
  const auto y = build.node("Relu", {x});
  build.node("Relu", {x});
  build.draft().nodes.at(1).outputs = {y};
  build.output(y);
  EXPECT_THROW(Graph(import_passes(build.draft())), Error);
}

TEST(FoldShapes, FixedSizesBecomeConstants) {
  DraftBuilder build(15);
  const auto x = build.input("x", {-1, 3, 8, 9});
  const auto shape = build.node("Shape", {x});
  const auto height =
      build.node("Gather", {shape, build.constant(at::scalar_tensor(2, at::kLong))});
  const auto channels = build.node("Gather", {shape, build.integers({1, -1})});
  const auto tail = build.node("Slice", {shape, build.integers({2}), build.integers({4})});
  const auto part =
      build.node("Shape", {x}, {{"start", std::int64_t{-3}}, {"end", std::int64_t{3}}});
  const auto batch = build.node("Gather", {shape, build.integers({0})});
  for (const auto& name : {height, channels, tail, part, batch}) build.output(name);
  const Draft folded = fold_constants(build.draft());
  EXPECT_EQ(ops_of(folded), "Shape Gather");
  const auto expect = [&](const std::string& name, const Tensor& value) {
    ASSERT_TRUE(folded.constants.contains(name));
    EXPECT_TRUE(testing::same(folded.constants.at(name), value));
  };
  expect(height, at::scalar_tensor(8, at::kLong));
  expect(channels, at::tensor(Integers{3, 9}, at::kLong));
  expect(tail, at::tensor(Integers{8, 9}, at::kLong));
  expect(part, at::tensor(Integers{3, 8}, at::kLong));
}

TEST(FoldShapes, AFixedModelFoldsAll) {
  DraftBuilder build;
  const auto x = build.input("x", {1, 3, 8, 9});
  const auto relu = build.node("Relu", {x});
  build.shape_of(relu, {1, 3, 8, 9});
  const auto shape = build.node("Shape", {relu});
  const auto size = build.node("Size", {relu});
  build.output(relu);
  build.output(shape);
  build.output(size);
  const Draft folded = fold_constants(build.draft());
  EXPECT_EQ(ops_of(folded), "Relu");
  EXPECT_TRUE(
      testing::same(folded.constants.at(shape), at::tensor(Integers{1, 3, 8, 9}, at::kLong)));
  EXPECT_TRUE(testing::same(folded.constants.at(size), at::scalar_tensor(216, at::kLong)));
}

TEST(FoldShapes, AStaleBatchOfAnInnerValueIsNotBelieved) {
  DraftBuilder build;
  const auto relu = build.node("Relu", {build.input("x", {-1, 3})});
  build.shape_of(relu, {1, 3});
  build.output(build.node("Shape", {relu}));
  EXPECT_EQ(ops_of(fold_constants(build.draft())), "Relu Shape");
}

TEST(SingleInput, UnusedInputsVanishAndOthersAreNamed) {
  DraftBuilder build;
  build.input("unused", {1});
  const auto x = build.input("x", {1, 3}), y = build.input("y", {1, 3});
  build.output(build.node("Relu", {x}));
  const Draft one = single_input(build.draft());
  ASSERT_EQ(one.inputs.size(), 1u);
  EXPECT_EQ(one.inputs[0].name, "x");
  build.output(build.node("Relu", {y}));
  try {
    single_input(build.draft());
    ADD_FAILURE();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::Unsupported);
    EXPECT_NE(std::string(error.what()).find("2 inputs, \"x\", \"y\""), std::string::npos)
        << error.what();
  }
}

TEST(SingleInput, IntegersAreRefusedByTheirType) {
  for (const auto& [type, name] : {std::pair{at::kLong, "int64"}, std::pair{at::kBool, "bool"}}) {
    DraftBuilder build;
    build.output(build.node("Relu", {build.input("ids", {1, 3})}));
    build.draft().inputs[0].dtype = type;
    try {
      single_input(build.draft());
      ADD_FAILURE();
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::Unsupported);
      EXPECT_NE(std::string(error.what()).find(std::string("\"ids\" is ") + name),
                std::string::npos)
          << error.what();
    }
  }
  DraftBuilder half;
  half.output(half.node("Relu", {half.input("x", {1, 3})}));
  half.draft().inputs[0].dtype = at::kHalf;
  EXPECT_NO_THROW(single_input(half.draft()));
}

TEST(ImportPasses, WeightsFromConstantOfShapeBecomeConstants) {
  for (const char* name : {"squeezenet", "resnet50", "shufflenet"}) {
    const std::string path = concat("data/models/onnx_light/light_", name, ".onnx");
    LIMN_REQUIRE_SHARED(path);
    const Draft draft = import_passes(read_onnx(testing::shared(path)));
    EXPECT_EQ(ops_of(draft).find("ConstantOfShape"), std::string::npos) << name;
    EXPECT_NO_THROW(Graph(fold_batch_norm(draft))) << name;
  }
}

TEST(ImportPasses, SharedModelsKeepTheirInputsAndOutputs) {
  LIMN_REQUIRE_SHARED("data/models");
  for (const char* name : {"squeezenet1_1", "mobilenet_v2", "densenet_bc_cifar10",
                           "resnet20_cifar10", "yolox_nano_416"}) {
    const Draft before = read_onnx(testing::shared(concat("data/models/", name, ".onnx")));
    const Draft after = import_passes(before);
    ASSERT_EQ(after.inputs.size(), before.inputs.size());
    EXPECT_EQ(after.inputs.at(0).name, before.inputs.at(0).name);
    ASSERT_EQ(after.outputs.size(), before.outputs.size());
    EXPECT_EQ(after.outputs.at(0).name, before.outputs.at(0).name);
    EXPECT_LE(after.nodes.size(), before.nodes.size());
  }
}

}  // namespace
}  // namespace limn
