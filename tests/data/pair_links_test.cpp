// Where links of BiLRP end: on two pictures of shapes that share one object, whose exact masks are
// known.
#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <cstdio>
#include <ostream>

#include "limn/bilrp.h"
#include "limn/image.h"
#include "limn/shapes.h"
#include "limn/sidecar.h"
#include "support/support.h"

namespace limn {
namespace {

struct Sample {
  ShapesPicture scene;
  Tensor x;
  Tensor score;  // [10]
};

/// The one class that both pictures show, or -1: each shows two shapes of different classes, the
/// common one is hardly covered, and the model sees it in both.
int common_class(const Sample& a, const Sample& b) {
  int common = -1, count = 0;
  for (const auto& one : a.scene.shapes) {
    for (const auto& other : b.scene.shapes) {
      if (one.label != other.label) continue;
      ++count;
      const bool whole = one.visible_pixels * 10 >= one.whole_pixels * 7 &&
                         other.visible_pixels * 10 >= other.whole_pixels * 7;
      const bool seen =
          a.score[one.label].item<double>() > 0 && b.score[one.label].item<double>() > 0;
      if (whole && seen) common = one.label;
    }
  }
  return count == 1 ? common : -1;
}

std::vector<Sample> samples(const Model& model, int count) {
  ShapesOptions options;
  options.seed = 77;
  options.min_shapes = options.max_shapes = 2;
  std::vector<Sample> all;
  for (int i = 0; i < count; ++i) {
    Sample one{shapes_picture(options, i), {}, {}};
    if (one.scene.shapes.size() != 2 || one.scene.shapes[0].label == one.scene.shapes[1].label) {
      continue;
    }
    const Picture picture{one.scene.picture.permute({1, 2, 0}).contiguous()};
    one.x = preprocess(picture, model.preprocessing(), model.input_shape()).x;
    one.score = model.run(one.x, Keep::Outputs)[model.logits()][0];
    all.push_back(std::move(one));
  }
  return all;
}

/// Whether a place of the grid holds a pixel of the object.
bool touches(const Tensor& mask, double row, double column, std::int64_t cell) {
  const auto y = static_cast<std::int64_t>(row) * cell,
             x = static_cast<std::int64_t>(column) * cell;
  return mask.slice(0, y, y + cell).slice(1, x, x + cell).any().item<bool>();
}

/// The share of the positive links' relevance that joins the common object with itself.
double share_on_object(const PairExplanation& pair, const Tensor& mask1, const Tensor& mask2,
                       std::int64_t cell) {
  double on = 0, all = 0;
  for (std::int64_t i = 0; i < pair.links.size(0); ++i) {
    const Tensor row = pair.links[i];
    const auto at = [&](std::int64_t k) { return row[k].item<double>(); };
    if (at(4) <= 0) continue;
    all += at(4);
    if (touches(mask1, at(0), at(1), cell) && touches(mask2, at(2), at(3), cell)) on += at(4);
  }
  return all > 0 ? on / all : 0;
}

struct DemoCase {
  const char* model;
  double bound;
};
void PrintTo(const DemoCase& one, std::ostream* out) { *out << one.model; }

class PairLinks : public ::testing::TestWithParam<DemoCase> {};

TEST_P(PairLinks, JoinTheCommonObject) {
  const Model model = load_model(testing::demo_model(std::string(GetParam().model) + ".onnx"));
  const std::vector<Sample> all = samples(model, 60);
  const PairOptions options;
  std::vector<bool> used(all.size(), false);
  double sum = 0;
  int pairs = 0;
  for (std::size_t i = 0; i < all.size() && pairs < 12; ++i) {
    for (std::size_t j = i + 1; j < all.size() && !used[i]; ++j) {
      const int common = used[j] ? -1 : common_class(all[i], all[j]);
      if (common < 0) continue;
      used[i] = used[j] = true;
      const PairExplanation pair = explain_pair(model, all[i].x, all[j].x, options);
      const double share =
          share_on_object(pair, all[i].scene.mask(common), all[j].scene.mask(common), options.cell);
      std::printf("%s, %s: %.3f\n", GetParam().model,
                  shape_labels()[static_cast<std::size_t>(common)].c_str(), share);
      sum += share;
      ++pairs;
    }
  }
  ASSERT_GE(pairs, 8);
  std::printf("%s: mean of %d pairs %.3f\n", GetParam().model, pairs, sum / pairs);
  EXPECT_GE(sum / pairs, GetParam().bound);
}

// The DenseNet's evidence for a class lies around objects, too: its norms stand before their
// convolutions and carry shifts.
INSTANTIATE_TEST_SUITE_P(DemoModels, PairLinks,
                         ::testing::Values(DemoCase{"shapes_vgg", 0.8},
                                           DemoCase{"shapes_resnet", 0.8},
                                           DemoCase{"shapes_densenet", 0.6}));

}  // namespace
}  // namespace limn
