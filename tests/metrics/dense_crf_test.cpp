// Mean field on lattices against mean field with the exact kernels of all pairs, in float64.
#include "limn/dense_crf.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <cmath>

#include "limn/error.h"

namespace limn {
namespace {

/// n k n for all pairs of rows of `features`.
Tensor exact_kernel(const Tensor& features) {
  const std::int64_t count = features.size(0);
  const Tensor k = at::zeros({count, count}, at::kDouble);
  auto* value = k.data_ptr<double>();
  const Tensor plain = features.contiguous();
  const auto* f = plain.data_ptr<double>();
  for (std::int64_t i = 0; i < count; ++i) {
    for (std::int64_t j = 0; j < count; ++j) {
      double squared = 0;
      for (std::int64_t axis = 0; axis < features.size(1); ++axis) {
        const double apart = f[i * features.size(1) + axis] - f[j * features.size(1) + axis];
        squared += apart * apart;
      }
      value[i * count + j] = std::exp(-squared / 2);
    }
  }
  const Tensor norm = 1 / k.sum(1).sqrt();
  return norm.unsqueeze(1) * k * norm.unsqueeze(0);
}

Tensor slow_crf(const Tensor& unary, const Tensor& picture, const DenseCrfOptions& o) {
  const std::int64_t height = picture.size(0), width = picture.size(1);
  Tensor place = at::zeros({height * width, 2}, at::kDouble);
  for (std::int64_t i = 0; i < height * width; ++i) {
    place[i][0] = static_cast<double>(i % width);
    place[i][1] = static_cast<double>(i / width);
  }
  const Tensor color = picture.to(at::kDouble).view({height * width, 3});
  const Tensor near = exact_kernel(place / o.gaussian_sxy);
  const Tensor alike =
      exact_kernel(at::cat({place / o.bilateral_sxy, color / o.bilateral_srgb}, 1));
  const Tensor energy = -unary.to(at::kDouble).view({unary.size(0), -1}).t();
  const auto normalized = [](const Tensor& e) {
    const Tensor weight = (e - e.amax(1, true)).exp();
    return weight / weight.sum(1, true);
  };
  Tensor q = normalized(energy);
  for (std::int64_t i = 0; i < o.iterations; ++i) {
    q = normalized(energy + o.gaussian_compat * near.matmul(q) +
                   o.bilateral_compat * alike.matmul(q));
  }
  return q.t().reshape(unary.sizes());
}

/// Three regions of other colors with noise: uint8 [h, w, 3].
Tensor scene(std::int64_t height, std::int64_t width) {
  Tensor picture = at::full({height, width, 3}, 70., at::kDouble);
  picture.slice(0, height / 5, height * 3 / 5).slice(1, width / 6, width / 2).fill_(160);
  picture.slice(1, width * 2 / 3, width).select(2, 0).fill_(210);
  picture += at::randn({height, width, 3}, at::kDouble) * 6;
  return picture.round().clamp(0, 255).to(at::kByte);
}

/// Noisy probabilities of `labels` regions: [labels, h, w].
Tensor noisy(std::int64_t labels, std::int64_t height, std::int64_t width) {
  Tensor score = at::randn({labels, height, width}, at::kDouble) * .7;
  score.select(0, 1).slice(0, height / 5, height * 3 / 5).slice(1, width / 6, width / 2) += 1.5;
  if (labels > 2) score.select(0, 2).slice(1, width * 2 / 3, width) += 1.5;
  return score.softmax(0);
}

TEST(DenseCrf, IsNearTheExactField) {
  at::manual_seed(11);
  for (const std::int64_t labels : {2, 3, 4}) {
    const Tensor picture = scene(30, 36), unary = crf_unary(noisy(labels, 30, 36));
    const Tensor ours = dense_crf(unary, picture), exact = slow_crf(unary, picture, {});
    const double agree = (ours.argmax(0) == exact.argmax(0)).to(at::kDouble).mean().item<double>();
    EXPECT_GT(agree, .98) << labels << " labels";
    EXPECT_LT((ours - exact).abs().mean().item<double>(), .02) << labels << " labels";
    // The field changed something, so agreement is not that of the start.
    const double before =
        (unary.argmin(0) == exact.argmax(0)).to(at::kDouble).mean().item<double>();
    EXPECT_LT(before, .95);
    EXPECT_LT((ours.sum(0) - 1).abs().max().item<double>(), 1e-5);
  }
}

TEST(DenseCrf, IsSoftmaxWithoutKernelsOrSteps) {
  at::manual_seed(12);
  const Tensor picture = scene(8, 9), unary = at::randn({3, 8, 9});
  const Tensor expected = (-unary).softmax(0);
  for (const DenseCrfOptions& options :
       {DenseCrfOptions{.iterations = 0},
        DenseCrfOptions{.gaussian_compat = 0, .bilateral_compat = 0}}) {
    EXPECT_LT((dense_crf(unary, picture, options) - expected).abs().max().item<double>(), 1e-6);
  }
}

/// Kernels that reach no other pixel leave each to itself: q <- softmax(-u + 13 q).
TEST(DenseCrf, LeavesPixelsToThemselvesWhereKernelsAreNarrow) {
  at::manual_seed(13);
  const Tensor picture = scene(6, 7), unary = at::randn({2, 6, 7});
  const DenseCrfOptions options{.gaussian_sxy = .02, .bilateral_sxy = .02, .iterations = 5};
  Tensor q = (-unary).to(at::kDouble).softmax(0);
  for (int i = 0; i < 5; ++i) q = (-unary + 13 * q).softmax(0);
  EXPECT_LT((dense_crf(unary, picture, options) - q).abs().max().item<double>(), 1e-4);
}

TEST(DenseCrf, KeepsTiesAndAcceptsOneLabelAndOnePixel) {
  const Tensor gray = at::full({12, 10, 3}, 90, at::kByte);
  const Tensor tie = dense_crf(at::zeros({4, 12, 10}), gray);
  EXPECT_LT((tie - .25).abs().max().item<double>(), 1e-6);
  EXPECT_LT((dense_crf(at::rand({1, 12, 10}), gray) - 1).abs().max().item<double>(), 1e-6);
  EXPECT_EQ(dense_crf(at::rand({2, 1, 1}), gray.slice(0, 0, 1).slice(1, 0, 1)).numel(), 2);
}

TEST(DenseCrf, MakesProbabilitiesOfMaps) {
  const Tensor maps = at::tensor({4., 1., -3., 0., 0., 2., 0., -1.}, at::kDouble).view({2, 2, 2});
  const Tensor p = class_probabilities(maps, 2);
  ASSERT_EQ(p.sizes(), at::IntArrayRef({3, 2, 2}));
  // A: 1, 1/4, 0, 0 and 0, 1, 0, 0.
  const Tensor expected =
      at::tensor({0., 0., 1., 1., 1., .25, 0., 0., 0., 1., 0., 0.}, at::kFloat).view({3, 2, 2});
  EXPECT_TRUE(at::equal(p, expected)) << p;
  EXPECT_NEAR((class_probabilities(maps.slice(0, 0, 1), 2)[0][0][1].item<double>()), .5625, 1e-6);
  // No positive value: background.
  const Tensor none = class_probabilities(at::full({1, 2, 2}, -1.));
  EXPECT_TRUE(at::equal(none[0], at::ones({2, 2})));
  EXPECT_NEAR(crf_unary(at::zeros({1}))[0].item<double>(), -std::log(1e-5), 1e-5);
}

TEST(DenseCrf, ExplainsWhatItCannotUse) {
  const Tensor picture = at::zeros({4, 5, 3}, at::kByte), unary = at::zeros({2, 4, 5});
  const auto expect = [](const std::string& words, const auto& run) {
    try {
      run();
      FAIL() << "no error with " << words;
    } catch (const Error& error) {
      EXPECT_NE(std::string(error.what()).find(words), std::string::npos) << error.what();
    }
  };
  expect("[labels, h, w]", [&] { dense_crf(at::zeros({4, 5}), picture); });
  expect("needs uint8 [4, 5, 3]", [&] { dense_crf(unary, picture.to(at::kFloat)); });
  expect("needs uint8 [4, 5, 3]", [&] { dense_crf(unary, picture.slice(1, 0, 4)); });
  expect("NaN", [&] { dense_crf(unary / 0 * 0, picture); });
  expect("sxy and srgb", [&] { dense_crf(unary, picture, {.bilateral_srgb = 0}); });
  expect("compat", [&] { dense_crf(unary, picture, {.gaussian_compat = -1}); });
  expect("iterations=-1", [&] { dense_crf(unary, picture, {.iterations = -1}); });
  expect("alpha=0", [&] { class_probabilities(at::zeros({1, 4, 5}), 0); });
  expect("[classes, h, w]", [&] { class_probabilities(at::zeros({4, 5})); });
}

/// A picture of VOC's size, two labels, the defaults: the field works at full resolution.
TEST(DenseCrf, RefinesAPictureOfVocSize) {
  at::manual_seed(14);
  const Tensor picture = scene(375, 500);
  // Background has evidence of its own, as the object has.
  const Tensor evidence = at::tensor({.8, 0.}, at::kDouble).view({2, 1, 1});
  const Tensor probabilities = (noisy(2, 375, 500).log() + evidence).softmax(0);
  const Tensor ours = dense_crf(crf_unary(probabilities), picture)[1] > .5;
  Tensor object = at::zeros({375, 500}, at::kBool);
  object.slice(0, 75, 225).slice(1, 83, 250).fill_(true);
  const auto overlap = [&](const Tensor& mask) {
    return (mask.logical_and(object).sum().to(at::kDouble) / mask.logical_or(object).sum())
        .item<double>();
  };
  EXPECT_LT(overlap(probabilities[1] > .5), .75);
  EXPECT_GT(overlap(ours), .98);
}

}  // namespace
}  // namespace limn
