// Models with fresh weights: which layers, in which order, with which numbers.
#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>
#include <set>

#include "limn/sanity.h"
#include "support/draft_builder.h"
#include "support/small_model.h"
#include "support/support.h"

namespace limn {
namespace {

using testing::DraftBuilder;

Model small() { return Model(Graph(testing::small_model())); }

/// The constants that enter each node, by node name and input.
std::map<std::pair<std::string, std::size_t>, Tensor> weights_of(const Model& model) {
  std::map<std::pair<std::string, std::size_t>, Tensor> out;
  for (const auto& node : model.graph().nodes()) {
    for (std::size_t i = 0; i < node.inputs.size(); ++i) {
      if (!model.graph().is_constant(node.inputs[i])) continue;
      out[{node.name, i}] = model.graph().value(node.inputs[i]).constant;
    }
  }
  return out;
}

/// Names of the nodes whose weights differ between two models of one graph.
std::set<std::string> changed(const Model& a, const Model& b) {
  std::set<std::string> out;
  const auto first = weights_of(a), second = weights_of(b);
  EXPECT_EQ(first.size(), second.size());
  for (const auto& [place, weight] : first) {
    if (!weight.equal(second.at(place))) out.insert(place.first);
  }
  return out;
}

std::vector<std::string> names_of(const Graph& graph) {
  std::vector<std::string> names;
  for (const auto& layer : weight_layers(graph)) names.push_back(layer.name);
  return names;
}

/// Normalizations that share constants, a convolution used twice, and a matrix product with its
/// bias behind it.
Model mixed() {
  at::manual_seed(2);
  DraftBuilder b;
  const std::string x = b.input("input", {-1, 4, 8, 8});
  const std::string ones = b.constant(at::full({4}, 2.0F)), zeros = b.constant(at::full({4}, 3.0F));
  const std::string kernel = b.constant(at::randn({4, 4, 3, 3}) * 0.2);
  const std::vector<std::pair<std::string, Attribute>> same = {
      {"pads", std::vector<std::int64_t>{1, 1, 1, 1}}};
  const std::string c1 = b.node("Conv", {x, kernel}, same);
  const std::string n1 = b.node("BatchNormalization", {c1, ones, zeros, zeros, ones});
  const std::string c2 = b.node("Conv", {n1, kernel}, same);
  const std::string n2 =
      b.node("BatchNormalization", {c2, ones, b.constant(at::full({4}, 5.0F)), zeros, ones});
  const std::string r = b.node("Relu", {n2});
  const std::string f = b.node("Flatten", {b.node("GlobalAveragePool", {r})});
  const std::string m = b.node("MatMul", {f, b.constant(at::randn({4, 6}))});
  const std::string a = b.node("Add", {b.constant(at::randn({6})), m});
  b.output(b.node("Mul", {a, b.constant(at::randn({6}))}));
  return Model(Graph(b.draft()));
}

TEST(Randomized, LayersStandFromTheOutputToTheInput) {
  const auto layers = weight_layers(small().graph());
  ASSERT_EQ(layers.size(), 3U);
  EXPECT_EQ(layers[0].name, "fc");
  EXPECT_EQ(layers[0].op, "Gemm");
  EXPECT_EQ(layers[0].parameters, 5 * 6 + 5);
  EXPECT_EQ(layers[1].name, "conv2");
  EXPECT_EQ(layers[2].name, "conv1");
  EXPECT_EQ(layers[2].parameters, 4 * 3 * 9 + 4);
}

TEST(Randomized, SharedWeightsAreOneLayerAndSharedConstantsAreNot) {
  const Model model = mixed();
  // n7: a matrix product with the bias that n8 adds; n0 and n2 share their kernel.
  ASSERT_EQ(names_of(model.graph()), (std::vector<std::string>{"n7", "n3", "n2", "n1"}));
  EXPECT_EQ(changed(model, randomized(model, 0)), (std::set<std::string>{"n7", "n8"}));
  const RandomizeOptions alone{.mode = "independent"};
  EXPECT_EQ(changed(model, randomized(model, 1, alone)), (std::set<std::string>{"n3"}));
  EXPECT_EQ(changed(model, randomized(model, 2, alone)), (std::set<std::string>{"n0", "n2"}));
  const auto after = weights_of(randomized(model, 2, alone));
  EXPECT_TRUE(after.at({"n0", 1}).equal(after.at({"n2", 1}))) << "still shared";
  const auto norm = weights_of(randomized(model, 1));
  for (const auto& [input, value] : {std::pair{1, 1.0}, {2, 0.0}, {3, 0.0}, {4, 1.0}}) {
    const Tensor reset = norm.at({"n3", static_cast<std::size_t>(input)});
    EXPECT_TRUE(reset.eq(value).all().item<bool>()) << input;
  }
  EXPECT_EQ(norm.at({"n1", 1})[0].item<double>(), 2) << "the other norm keeps the shared constant";
}

TEST(Randomized, CascadesDownFromTheOutput) {
  const Model model = small();
  EXPECT_EQ(changed(model, randomized(model, 0)), (std::set<std::string>{"fc"}));
  EXPECT_EQ(changed(model, randomized(model, 1)), (std::set<std::string>{"fc", "conv2"}));
  EXPECT_EQ(changed(model, randomized(model, 2)), (std::set<std::string>{"fc", "conv2", "conv1"}));
  const RandomizeOptions alone{.mode = "independent"};
  EXPECT_EQ(changed(model, randomized(model, 1, alone)), (std::set<std::string>{"conv2"}));
  // A layer's numbers depend on the seed and its place, not on what else is drawn.
  EXPECT_EQ(changed(randomized(model, 1), randomized(model, 2)), (std::set<std::string>{"conv1"}));
  EXPECT_TRUE(changed(randomized(model, 2), randomized(model, 2)).empty());
  EXPECT_EQ(changed(randomized(model, 2), randomized(model, 2, {.seed = 1})).size(), 3U);
  EXPECT_TRUE(changed(model, small()).empty()) << "the model itself is left as it is";
}

/// Uniform in +-1/sqrt(fan in), bias included: the moments and the bounds of torch's
/// reset_parameters.
TEST(Randomized, NumbersAreThoseOfTorch) {
  DraftBuilder b;
  const std::string x = b.input("input", {-1, 16, 8, 8});
  const std::string c =
      b.node("Conv", {x, b.constant(at::zeros({32, 8, 3, 3})), b.constant(at::zeros({32}))},
             {{"group", std::int64_t{2}}});
  const std::string t = b.node("ConvTranspose", {c, b.constant(at::zeros({32, 40, 2, 2}))});
  const std::string f = b.node("Flatten", {b.node("GlobalAveragePool", {t})});
  // transB=0: the weight is [in, out].
  const std::string g =
      b.node("Gemm", {f, b.constant(at::zeros({40, 90})), b.constant(at::zeros({90}))});
  b.output(b.node("MatMul", {g, b.constant(at::zeros({90, 50}))}));
  const Model model(Graph(b.draft()));
  const auto check = [](const Tensor& weight, double low, double high, const char* what) {
    const Tensor wide = weight.to(at::kDouble);
    EXPECT_GE(wide.min().item<double>(), low) << what;
    EXPECT_LE(wide.max().item<double>(), high) << what;
    const double width = high - low, count = static_cast<double>(wide.numel());
    // Five standard errors.
    EXPECT_NEAR(wide.mean().item<double>(), (low + high) / 2, 5 * width / std::sqrt(12 * count))
        << what;
    EXPECT_NEAR(wide.var().item<double>(), width * width / 12,
                5 * width * width / std::sqrt(180 * count))
        << what;
  };
  const auto torch = weights_of(randomized(model, 3));
  for (const auto& [node, fan_in] : {std::pair{"n0", 72.0}, {"n1", 160.0}, {"n4", 40.0}}) {
    check(torch.at({node, 1}), -1 / std::sqrt(fan_in), 1 / std::sqrt(fan_in), node);
  }
  check(torch.at({"n5", 1}), -1 / std::sqrt(90.0), 1 / std::sqrt(90.0), "MatMul");
  check(torch.at({"n0", 2}), -1 / std::sqrt(72.0), 1 / std::sqrt(72.0), "bias");
  const auto xavier = weights_of(randomized(model, 3, {.init = "xavier"}));
  const double bound = std::sqrt(6 / (72.0 + 32 * 9));
  check(xavier.at({"n0", 1}), -bound, bound, "xavier");
  check(xavier.at({"n4", 2}), 0, 1, "xavier bias");
}

/// Which module Quantus resets at each stage, read off its randomized networks.
TEST(Randomized, WalksLayersInTheOrderOfQuantus) {
  LIMN_REQUIRE_SHARED("golden/nets/resnet_b_mprt00.onnx");
  for (const std::string net : {"cnn_tiny_b", "resnet_b"}) {
    const std::string base = testing::shared("golden/nets") + "/" + net;
    const auto path = [&](std::size_t stage) {
      return base + "_mprt" + (stage < 10 ? "0" : "") + std::to_string(stage) + ".onnx";
    };
    Model before = Model::from_onnx(base + ".onnx");
    const auto layers = weight_layers(before.graph());
    for (std::size_t stage = 0; stage < layers.size(); ++stage) {
      const Model after = Model::from_onnx(path(stage));
      EXPECT_EQ(changed(before, after), (std::set<std::string>{layers[stage].name})) << path(stage);
      before = after;
    }
    EXPECT_FALSE(std::filesystem::exists(path(layers.size()))) << "Quantus has as many stages";
  }
}

}  // namespace
}  // namespace limn
