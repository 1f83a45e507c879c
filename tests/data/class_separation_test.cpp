// Two objects, two classes: does a map follow its class? On the demo pictures the share of positive
// relevance on the own object over that on both, as the exact masks tell.
#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <string>

#include "limn/method.h"
#include "limn/shapes.h"
#include "limn/sidecar.h"
#include "support/support.h"

namespace limn {
namespace {

/// Mean over pictures and both classes; a map that is the same for both classes has 0.5.
double share_on_own(const Model& model, const std::string& spec) {
  double sum = 0;
  int count = 0;
  for (const auto& scene : demo_pictures()) {
    const int labels[] = {scene.shapes[0].label, scene.shapes[1].label};
    if (labels[0] == labels[1]) continue;
    const Tensor x = (scene.picture.unsqueeze(0).to(at::kFloat) / 255 - 0.5) / 0.25;
    const auto maps = make_method(spec)->explain(
        model, x, {Target::of_class(labels[0]), Target::of_class(labels[1])}, {});
    for (int t = 0; t < 2; ++t) {
      const Tensor positive = maps[static_cast<std::size_t>(t)].map()[0].clamp_min(0);
      const double own = positive.mul(scene.mask(labels[t])).sum().item<double>();
      const double other = positive.mul(scene.mask(labels[1 - t])).sum().item<double>();
      EXPECT_GT(own + other, 0) << spec;
      sum += own / (own + other);
      ++count;
    }
  }
  EXPECT_GT(count, 6);
  return sum / count;
}

class ClassSeparation : public ::testing::TestWithParam<const char*> {};

TEST_P(ClassSeparation, RspAndContrastFollowTheClassWherePositiveContributionsDoNot) {
  const std::string name = GetParam();
  const Model model = load_model(testing::demo_model("shapes_" + name + ".onnx"));
  for (const char* spec : {"lrp(composite=excitation-backprop)", "mwp"}) {
    const double share = share_on_own(model, spec);
    RecordProperty(spec, std::to_string(share));
    EXPECT_LT(share, 0.8) << spec;
  }
  for (const char* spec : {"rsp", "cmwp", "clrp", "sglrp"}) {
    const double share = share_on_own(model, spec);
    RecordProperty(spec, std::to_string(share));
    EXPECT_GT(share, 0.95) << spec;
  }
}

INSTANTIATE_TEST_SUITE_P(DemoModels, ClassSeparation,
                         ::testing::Values("vgg", "resnet", "densenet"));

}  // namespace
}  // namespace limn
