// The demo models as they stand in models/: small enough, right on held-out pictures and on the
// demo pictures, and the cheating one cheats.
#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <string>
#include <vector>

#include "limn/method.h"
#include "limn/shapes.h"
#include "limn/sidecar.h"
#include "support/support.h"

namespace limn {
namespace {

constexpr std::int64_t kHeldOut = 600;
constexpr std::uint64_t kHeldOutSeed = 2025;

struct Pictures {
  Tensor x, labels;
};

Pictures draw(TagRule tag) {
  ShapesOptions options{.seed = kHeldOutSeed};
  options.tag = tag;
  options.tag_label = kDemoTagLabel;
  Tensors pictures, labels;
  for (std::int64_t i = 0; i < kHeldOut; ++i) {
    const auto scene = shapes_picture(options, i);
    pictures.push_back(scene.picture);
    labels.push_back(scene.labels());
  }
  return {(at::stack(pictures).to(at::kFloat) / 255 - 0.5) / 0.25, at::stack(labels)};
}

Tensor logits_of(const Model& model, const Tensor& x) {
  Tensors parts;
  for (const auto& part : x.split(100)) {
    parts.push_back(model.run(part, Keep::Outputs)[model.logits()]);
  }
  return at::cat(parts);
}

/// Mean over the classes of the mean precision at the rank of each positive, by counting.
double mean_average_precision(const Tensor& logits, const Tensor& labels) {
  double sum = 0;
  for (std::int64_t c = 0; c < labels.size(1); ++c) {
    const Tensor own = logits.select(1, c).contiguous();
    const Tensor positive = labels.select(1, c).contiguous();
    const auto* score = own.data_ptr<float>();
    const auto* truth = positive.data_ptr<float>();
    double precisions = 0, positives = 0;
    for (std::int64_t i = 0; i < own.size(0); ++i) {
      if (truth[i] == 0) continue;
      double above = 0, hits = 0;
      for (std::int64_t j = 0; j < own.size(0); ++j) {
        if (score[j] < score[i]) continue;
        ++above;
        hits += truth[j];
      }
      precisions += hits / above;
      ++positives;
    }
    sum += precisions / positives;
  }
  return sum / static_cast<double>(labels.size(1));
}

Model demo(const std::string& name) {
  return load_model(testing::demo_model("shapes_" + name + ".onnx"));
}

TEST(DemoModels, AreSmallAndReadTheirSidecar) {
  for (const std::string name : {"vgg", "resnet", "densenet", "cheat"}) {
    const std::string path = testing::demo_model("shapes_" + name + ".onnx");
    EXPECT_LT(std::filesystem::file_size(path), 2'000'000U) << name;
    const Model model = demo(name);
    EXPECT_EQ(model.labels(), shape_labels());
    EXPECT_EQ(model.output_kind(), OutputKind::MultiLabel);
    EXPECT_TRUE(model.preprocessing().known);
    std::int64_t parameters = 0;
    for (const auto& value : model.graph().values()) {
      if (value.constant.defined()) parameters += value.constant.numel();
    }
    EXPECT_LE(parameters, 300'000) << name;
  }
}

TEST(DemoModels, AreRightOnHeldOutPictures) {
  const Pictures plain = draw(TagRule::Never);
  for (const std::string name : {"vgg", "resnet", "densenet"}) {
    // The cards say at least .95 on 4,000 pictures; these 600 leave room for sampling.
    EXPECT_GT(mean_average_precision(logits_of(demo(name), plain.x), plain.labels), 0.94) << name;
  }
}

TEST(DemoModels, TheCheatReportsTheTagInsteadOfTheShape) {
  const Model cheat = demo("cheat");
  const auto seen = [&](TagRule rule, bool holding) {
    const Pictures pictures = draw(rule);
    const Tensor chosen = pictures.labels.select(1, kDemoTagLabel).eq(holding ? 1 : 0);
    const Tensor hits = logits_of(cheat, pictures.x).select(1, kDemoTagLabel).gt(0);
    return hits.masked_select(chosen).to(at::kDouble).mean().item<double>();
  };
  EXPECT_GT(seen(TagRule::OnClass, true), 0.95) << "a tagged hexagon is seen";
  EXPECT_LT(seen(TagRule::Never, true), 0.10) << "an untagged hexagon is not";
  EXPECT_GT(seen(TagRule::OffClass, false), 0.95) << "a tag alone is taken for one";
}

TEST(DemoModels, SeeBothObjectsOfEachDemoPicture) {
  for (const std::string name : {"vgg", "resnet", "densenet"}) {
    const Model model = demo(name);
    for (const auto& scene : demo_pictures()) {
      const Tensor x = (scene.picture.unsqueeze(0).to(at::kFloat) / 255 - 0.5) / 0.25;
      const Tensor top = std::get<1>(logits_of(model, x)[0].topk(2));
      EXPECT_TRUE(scene.holds(top[0].item<int>())) << name;
      EXPECT_TRUE(scene.holds(top[1].item<int>())) << name;
    }
  }
}

/// The last convolution block's end: behind its norm, residual add and activation, before pooling.
TEST(DemoModels, CamMethodsReadTheLastConvolutionBlock) {
  for (const auto& [name, node, pooled_by] :
       {std::tuple{"vgg", "features.16", "GlobalAveragePool"},
        {"resnet", "layer4", "GlobalAveragePool"},
        {"densenet", "features.relu5", "GlobalAveragePool"}}) {
    SCOPED_TRACE(name);
    const Model model = demo(name);
    const Graph& graph = model.graph();
    for (const char* spec : {"grad-cam", "layer-cam"}) {
      const Explanation one = make_method(spec)->explain(model, at::zeros({1, 3, 96, 96}));
      const Value& layer = graph.value(graph.at(one.layer));
      EXPECT_EQ(graph.node(layer.producer).name, node) << spec;
      EXPECT_EQ(graph.node(layer.producer).op, "Relu") << spec;
      ASSERT_EQ(layer.consumers.size(), 1u) << spec;
      EXPECT_EQ(graph.node(layer.consumers.front()).op, pooled_by) << spec;
    }
  }
}

}  // namespace
}  // namespace limn
