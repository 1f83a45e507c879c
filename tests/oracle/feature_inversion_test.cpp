// Feature inversion against plain loops in float64, and where the picture must come back.
#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <cmath>
#include <functional>

#include "base/counter_random.h"
#include "limn/error.h"
#include "limn/visualization.h"
#include "methods/noise.h"
#include "support/linear_pictures.h"
#include "support/small_model.h"
#include "support/support.h"

namespace limn {
namespace {

Tensor picture(std::int64_t height, std::int64_t width) {
  at::manual_seed(height);
  return 0.1 + 0.8 * at::rand({1, 3, height, width}, at::kDouble);
}

/// An invertible 1 x 1 convolution.
Model invertible() {
  const Tensor w = at::tensor({1., 0.5, -0.25, -0.5, 1., 0.25, 0.25, 0.5, 1.}).view({3, 3});
  return testing::pointwise(w, at::tensor({0.5, -0.5, 0.}), false);
}

TEST(Invert, ALayerThatKeepsEverythingGivesThePictureBack) {
  const Tensor x = picture(10, 12);
  for (const char* kind : {"pixels", "fourier"}) {
    InvertOptions options;
    options.parametrization = kind;
    options.tv = 0;
    options.steps = 2000;
    const Inversion back = invert(invertible(), x, "v0", options);
    EXPECT_LT(back.difference, 0.01) << kind;
    EXPECT_LT(back.error, 1e-4) << kind;
    EXPECT_LT((back.picture - x[0].to(at::kFloat)).abs().max().item<double>(), 0.05) << kind;
    EXPECT_LT((back.original - x[0].to(at::kFloat)).abs().max().item<double>(), 1e-6);
    EXPECT_EQ(back.shape, (std::vector<std::int64_t>{3, 10, 12}));
    EXPECT_EQ(back.trace.numel(), 2000);
    EXPECT_TRUE(back.notes.empty());
  }
}

TEST(Invert, AMeanKeepsTheMeanAlone) {
  const Tensor x = picture(6, 6);
  const Model model = invertible();
  const std::string scores = model.graph().value(model.graph().outputs().front()).name;
  const Inversion back = invert(model, x, scores, {.tv = 0.1});
  EXPECT_LT(back.error, 1e-3);
  EXPECT_LT(
      (back.picture.mean({1, 2}) - x[0].mean({1, 2}).to(at::kFloat)).abs().max().item<double>(),
      0.02);
  EXPECT_LT(back.picture.std().item<double>(), x.std().item<double>());
}

TEST(Invert, SmoothnessPullsNeighborsTogether) {
  const Tensor x = picture(8, 8);
  const auto roughness = [&](double tv) {
    const Tensor p = invert(invertible(), x, "v0", {.steps = 200, .tv = tv}).picture;
    return (p.slice(2, 1) - p.slice(2, 0, -1)).square().sum().item<double>();
  };
  EXPECT_LT(roughness(10), 0.5 * roughness(0));
}

/// Adam on sigmoid pixels, with everything by libtorch's autograd on plain tensors.
TEST(Invert, IsThePlainLoop) {
  const Tensor x = picture(5, 4);
  InvertOptions o;
  o.parametrization = "pixels";
  o.color = "rgb";
  o.steps = 20;
  o.tv = 0.3;
  o.tv_beta = 3;
  o.norm = 0.2;
  o.alpha = 4;
  o.seed = 6;
  const Inversion back = invert(invertible(), x, "v0", o);
  const Tensor w =
      at::tensor({1., 0.5, -0.25, -0.5, 1., 0.25, 0.25, 0.5, 1.}, at::kDouble).view({3, 3});
  const Tensor b = at::tensor({0.5, -0.5, 0.}, at::kDouble).view({3, 1});
  const auto phi = [&](const Tensor& p) { return w.matmul(p.view({3, 20})) + b; };
  const Tensor wanted = phi(x[0]);
  Tensor z = 0.01 * normal_noise(mix(6), {3, 5, 4}), m = at::zeros_like(z), v = at::zeros_like(z);
  for (int t = 1; t <= 20; ++t) {
    const Tensor leaf = z.detach().clone().requires_grad_(true);
    const Tensor p = at::sigmoid(leaf);
    const Tensor error = (phi(p) - wanted).square().sum() / wanted.square().sum();
    EXPECT_NEAR(back.trace[t - 1].item<double>(), error.item<double>(), 1e-9);
    Tensor variation = at::zeros({}, at::kDouble);
    for (std::int64_t c = 0; c < 3; ++c) {
      for (std::int64_t row = 0; row < 4; ++row) {
        for (std::int64_t column = 0; column < 3; ++column) {
          const Tensor here = p[c][row][column];
          variation = variation + ((p[c][row + 1][column] - here).square() +
                                   (p[c][row][column + 1] - here).square())
                                      .pow(1.5);
        }
      }
    }
    const Tensor loss = error + 0.3 * variation / 60 + 0.2 * (2 * p - 1).pow(4).mean();
    loss.backward();
    m = 0.9 * m + 0.1 * leaf.grad();
    v = 0.999 * v + 0.001 * leaf.grad().square();
    z = z - 0.1 * (m / (1 - std::pow(0.9, t))) / ((v / (1 - std::pow(0.999, t))).sqrt() + 1e-8);
  }
  EXPECT_LT((back.picture.to(at::kDouble) - at::sigmoid(z)).abs().max().item<double>(), 1e-6);
}

/// 1e4, then a tenth after steps 1, 41, 81 ...: momentum 0.9 on the input itself.
TEST(Invert, PlainIsMomentumOnTheInput) {
  const Tensor x = picture(40, 40);
  InvertOptions o;
  o.plain = true;
  o.seed = 2;
  const Inversion back = invert(invertible(), x, "v0", o);
  EXPECT_EQ(back.trace.numel(), 201);
  const Tensor w =
      at::tensor({1., 0.5, -0.25, -0.5, 1., 0.25, 0.25, 0.5, 1.}, at::kDouble).view({3, 3});
  const Tensor b = at::tensor({0.5, -0.5, 0.}, at::kDouble).view({3, 1});
  const auto phi = [&](const Tensor& p) { return w.matmul(p.view({3, 1600})) + b; };
  const Tensor wanted = phi(x[0]);
  const double size = wanted.square().sum().item<double>();
  Tensor p = 0.1 * normal_noise(mix(2), {3, 40, 40}), velocity = at::zeros_like(p);
  double rate = 1e4;
  for (int t = 0; t <= 200; ++t) {
    Tensor slope = 0.2 / size * w.t().matmul(phi(p) - wanted).view({3, 40, 40}) + 6e-7 * p.pow(5);
    for (const std::int64_t axis : {1, 2}) {
      // Differences of the last row and column have no term.
      const Tensor here = p.slice(1, 0, 39).slice(2, 0, 39);
      const Tensor next =
          axis == 1 ? p.slice(1, 1, 40).slice(2, 0, 39) : p.slice(1, 0, 39).slice(2, 1, 40);
      const Tensor pull = 2e-8 * (next - here);
      (axis == 1 ? slope.slice(1, 1, 40).slice(2, 0, 39) : slope.slice(1, 0, 39).slice(2, 1, 40)) +=
          pull;
      slope.slice(1, 0, 39).slice(2, 0, 39) -= pull;
    }
    velocity = 0.9 * velocity + slope;
    p = p - rate * velocity;
    if (t % 40 == 0) rate /= 10;
  }
  EXPECT_LT((back.picture.to(at::kDouble) - p.clamp(0, 1)).abs().max().item<double>(), 1e-6);
  EXPECT_LT(back.error, 1e-3);
}

TEST(Invert, ErrorsFallAndOneSeedGivesOnePicture) {
  const Model model{Graph(testing::small_model())};
  at::manual_seed(8);
  const Tensor x = at::rand({1, 3, 24, 24});
  for (const char* layer : {"r1", "c2", "f", ""}) {
    InvertOptions options;
    options.steps = 60;
    const Inversion one = invert(model, x, layer, options);
    EXPECT_LT(one.error, 0.5 * one.trace[0].item<double>()) << layer;
    EXPECT_TRUE(at::equal(invert(model, x, layer, options).picture, one.picture)) << layer;
    options.seed = 1;
    EXPECT_FALSE(at::equal(invert(model, x, layer, options).picture, one.picture)) << layer;
  }
}

TEST(Invert, RefusesWithWords) {
  const auto refused = [](const Model& model, const Tensor& x, const std::string& layer,
                          ErrorCode code, const std::string& words,
                          const InvertOptions& options = {}) {
    try {
      invert(model, x, layer, options);
      FAIL() << "nothing was thrown; expected: " << words;
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), code) << error.what();
      EXPECT_NE(std::string(error.what()).find(words), std::string::npos) << error.what();
    }
  };
  const Model model{Graph(testing::small_model())};
  const Tensor x = at::rand({1, 3, 24, 24});
  refused(model, x, "r9", ErrorCode::NotFound, "r1");
  refused(model, x, "w1", ErrorCode::Unsupported, "does not depend on the input");
  refused(model, x.repeat({2, 1, 1, 1}), "r1", ErrorCode::BadInput, "one picture");
  refused(model, at::rand({1, 3, 8, 8}), "r1", ErrorCode::InvalidArgument, "does not fit");
  refused(model, at::rand({1, 1, 24, 24}), "r1", ErrorCode::BadInput, "1 channels");
  refused(model, at::full({1, 3, 24, 24}, NAN), "r1", ErrorCode::Numerical, "NaN");
  refused(model, x, "r1", ErrorCode::InvalidArgument, "tv-beta", {.tv_beta = 0.5});
  const Model closed = testing::pointwise(at::ones({1, 3}), at::tensor({-5.}), true);
  refused(closed, picture(4, 4), "v1", ErrorCode::Numerical, "is zero for this input");
  // The whole value hangs on 3 numbers: steps of 1e4 are far too long.
  refused(invertible(), picture(1, 1), "v0", ErrorCode::Numerical, "leave plain out",
          {.plain = true});
}

}  // namespace
}  // namespace limn
