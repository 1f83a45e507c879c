// BiLRP between two photographs with MobileNet v2, whose depthwise units are often above zero by
// their bias alone.
#include <gtest/gtest.h>

#include "limn/bilrp.h"
#include "limn/image.h"
#include "limn/sidecar.h"
#include "support/support.h"

namespace limn {
namespace {

TEST(PairNatural, PlusEvenKeepsTheSimilarityOfMobileNet) {
  const char* folder = "data/images/imagenet_100/";
  LIMN_REQUIRE_SHARED("data/models/mobilenet_v2.onnx");
  LIMN_REQUIRE_SHARED("data/images/imagenet_100");
  const Model model = Model::from_onnx(testing::shared("data/models/mobilenet_v2.onnx"))
                          .with_preprocessing(Preprocessing::preset("imagenet"));
  const auto x = [&](const char* name) {
    const std::string path = testing::shared(std::string(folder) + name);
    return preprocess(read_picture(path), model.preprocessing(), {3, 224, 224}).x;
  };
  const Tensor husky = x("n02110185_Siberian_husky.JPEG"), wolf = x("n02114548_white_wolf.JPEG");
  PairOptions options;
  options.layer = model.graph().value(model.logits()).name;
  options.embedding = "positive";
  options.components = 2;
  const PairExplanation lost = explain_pair(model, husky, wolf, options);
  EXPECT_GT(lost.rules_gap, 0.99);
  options.composite = "plus-even";
  const PairExplanation kept = explain_pair(model, husky, wolf, options);
  EXPECT_LT(kept.rules_gap, 1e-3);
  EXPECT_GT(kept.gap, 0.5) << "two components are not all";
  EXPECT_GT(kept.links[0][4].item<double>(), 0);
}

}  // namespace
}  // namespace limn
