// Insertion and deletion against plain loops, one picture at a time, in float64.
#include "limn/insertion_deletion.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <cmath>
#include <numeric>

#include "limn/error.h"
#include "support/small_model.h"
#include "support/support.h"

namespace limn {
namespace {

constexpr std::int64_t kSide = 30, kPixels = kSide * kSide, kClass = 3;

Model small() {
  Draft draft = testing::small_model();
  draft.inputs[0].shape = {-1, 3, -1, -1};
  draft.inputs[0].dim_names = {"N", "", "H", "W"};
  return Model(Graph(draft)).to(at::kDouble);
}

Tensor picture() {
  at::manual_seed(3);
  return at::randn({1, 3, kSide, kSide}, at::kDouble);
}

double probability(const Model& model, const Tensor& x) {
  const Tensor logits = model.run(x, Keep::Outputs)[model.logits()];
  return logits.softmax(1)[0][kClass].item<double>();
}

/// The places of map, largest first, of equal ones the first.
std::vector<std::size_t> order_of(const Tensor& map) {
  const Tensor flat = map.contiguous();
  const auto* value = flat.data_ptr<double>();
  std::vector<std::size_t> order(kPixels);
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t a, std::size_t b) { return value[a] > value[b]; });
  return order;
}

PixelCurve slow_curve(const Model& model, Tensor x, const Tensor& to, const Tensor& map,
                      std::int64_t step) {
  x = x.clone();
  PixelCurve out;
  out.probability.push_back(probability(model, x));
  std::int64_t done = 0;
  for (const std::size_t place : order_of(map)) {
    const auto row = static_cast<std::int64_t>(place) / kSide;
    const auto column = static_cast<std::int64_t>(place) % kSide;
    for (std::int64_t c = 0; c < 3; ++c) x[0][c][row][column] = to[0][c][row][column];
    if (++done % step == 0 || done == kPixels) {
      out.probability.push_back(probability(model, x));
    }
  }
  const auto steps = static_cast<double>(out.probability.size() - 1);
  for (std::size_t i = 1; i < out.probability.size(); ++i) {
    out.area += (out.probability[i] + out.probability[i - 1]) / (2 * steps);
  }
  return out;
}

void expect_equal(const PixelCurve& ours, const PixelCurve& slow) {
  ASSERT_EQ(ours.probability.size(), slow.probability.size());
  for (std::size_t i = 0; i < slow.probability.size(); ++i) {
    EXPECT_NEAR(ours.probability[i], slow.probability[i], 1e-12) << "step " << i;
  }
  EXPECT_NEAR(ours.area, slow.area, 1e-12);
}

TEST(InsertionDeletion, AreThePlainLoops) {
  const Model model = small();
  const Tensor x = picture();
  // Coarse values: many places are equal.
  const Tensor map = (at::randn({kSide, kSide}, at::kDouble) * 3).round();
  for (const std::int64_t step : {1, 37, 100, 5000}) {
    for (const std::int64_t batch : {1, 32}) {
      if (step == 1 && batch == 1) continue;
      PixelCurveOptions options;
      options.step = step;
      options.batch = batch;
      expect_equal(deletion(model, x, map, kClass, options),
                   slow_curve(model, x, at::zeros_like(x), map, step));
      for (const std::string blur : {"rise", "ucag"}) {
        options.blur = blur;
        expect_equal(insertion(model, x, map, kClass, options),
                     slow_curve(model, blurred_start(x, blur), x, map, step));
      }
    }
  }
}

TEST(InsertionDeletion, TakeA28thOfThePictureAStepByDefault) {
  const PixelCurve curve =
      deletion(small(), picture(), at::rand({kSide, kSide}, at::kDouble), kClass);
  EXPECT_EQ(curve.probability.size(), 29U);
}

/// The best and the worst order bound every map: for one class's own picture of evidence, deleting
/// what speaks for it first falls faster than last.
TEST(InsertionDeletion, TellAMapFromItsOpposite) {
  const Model model = small();
  const Tensor x = picture();
  const Tensor base = at::zeros_like(x);
  // The fall of the probability when a single pixel vanishes.
  Tensor map = at::zeros({kSide, kSide}, at::kDouble);
  const double whole = probability(model, x);
  for (std::int64_t i = 0; i < kSide; ++i) {
    for (std::int64_t j = 0; j < kSide; ++j) {
      Tensor holed = x.clone();
      holed.select(2, i).select(2, j).zero_();
      map[i][j] = whole - probability(model, holed);
    }
  }
  EXPECT_LT(deletion(model, x, map, kClass).area, deletion(model, x, -map, kClass).area);
  EXPECT_GT(insertion(model, x, map, kClass).area, insertion(model, x, -map, kClass).area);
}

/// Whatever its value: a curtain from the top row down, neither all at once nor area 0.
TEST(InsertionDeletion, AConstantMapIsACurtain) {
  const Model model = small();
  const Tensor x = picture(), gray = at::zeros_like(x), blurred = blurred_start(x, "rise");
  const auto curtain = [&](const Tensor& from, const Tensor& to, std::int64_t rows) {
    Tensor out = from.clone();
    out.slice(2, 0, rows).copy_(to.slice(2, 0, rows));
    return probability(model, out);
  };
  for (const double value : {0., 7., -2.}) {
    const Tensor map = at::full({kSide, kSide}, value, at::kDouble);
    // Three rows a step.
    const PixelCurve away = deletion(model, x, map, kClass, {.step = 3 * kSide});
    const PixelCurve back = insertion(model, x, map, kClass, {.step = 3 * kSide});
    ASSERT_EQ(away.probability.size(), 11U);
    for (std::size_t i = 0; i < 11; ++i) {
      const auto rows = static_cast<std::int64_t>(3 * i);
      EXPECT_NEAR(away.probability[i], curtain(x, gray, rows), 1e-12);
      EXPECT_NEAR(back.probability[i], curtain(blurred, x, rows), 1e-12);
    }
    EXPECT_GT(away.area, 0);
  }
}

TEST(InsertionDeletion, TheUcagBlurIsAPlainGaussian) {
  const Tensor x = picture();
  const Tensor blurred = blurred_start(x, "ucag");
  const auto mirrored = [](std::int64_t at) {
    at = std::abs(at);
    return at < kSide ? at : 2 * (kSide - 1) - at;
  };
  for (const auto& [row, column] : {std::pair{0, 0}, {7, 29}, {15, 12}}) {
    double sum = 0, weight = 0;
    for (std::int64_t i = -25; i <= 25; ++i) {
      for (std::int64_t j = -25; j <= 25; ++j) {
        const double w = std::exp(-static_cast<double>(i * i + j * j) / 5000);
        weight += w;
        sum += w * x[0][1][mirrored(row + i)][mirrored(column + j)].item<double>();
      }
    }
    EXPECT_NEAR((blurred[0][1][row][column].item<double>()), sum / weight, 1e-12);
  }
}

TEST(InsertionDeletion, TheScaledBlurIsRisesAt224AndShrinksWithThePicture) {
  at::manual_seed(4);
  const Tensor large = at::randn({1, 3, 224, 300}, at::kDouble);
  EXPECT_TRUE(blurred_start(large, "scaled").equal(blurred_start(large, "rise")));
  // At 96 pixels: reach round(5 * 96 / 224) = 2, sigma 2.14.
  const Tensor small = at::randn({1, 1, 96, 96}, at::kDouble);
  const Tensor kernel = rise_kernel(5, 5.0 * 96 / 224);
  const Tensor plain = at::conv2d(small, kernel.view({1, 1, 5, 5}), {}, 1, 2);
  EXPECT_LT((blurred_start(small, "scaled") - plain).abs().max().item<double>(), 1e-12);
}

TEST(InsertionDeletion, ExplainWhatTheyCannotUse) {
  const Model model = small();
  const Tensor x = picture(), map = at::rand({kSide, kSide});
  const auto message = [&](const auto& run) -> std::string {
    try {
      run();
    } catch (const Error& error) {
      return error.what();
    }
    return "no error";
  };
  const auto expect = [&](const std::string& words, const auto& run) {
    const std::string text = message(run);
    EXPECT_NE(text.find(words), std::string::npos) << text;
  };
  expect("resize the map", [&] { deletion(model, x, at::rand({4, 4}), 0); });
  expect("one picture", [&] { deletion(model, at::cat({x, x}), map, 0); });
  expect("no order", [&] { deletion(model, x, map / 0 * 0, 0); });
  expect("step=-1", [&] { insertion(model, x, map, 0, {.step = -1}); });
  expect("batch=0", [&] { insertion(model, x, map, 0, {.batch = 0}); });
  expect("legal: rise, ucag, scaled", [&] { insertion(model, x, map, 0, {.blur = "box"}); });
  expect("class", [&] { deletion(model, x, map, 77); });
  expect("too small", [&] {
    insertion(model, at::rand({1, 3, 20, 20}), at::rand({20, 20}), 0, {.blur = "ucag"});
  });
  expect("sigma above 0", [] { rise_kernel(11, 0); });
}

}  // namespace
}  // namespace limn
