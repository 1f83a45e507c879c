// The plain variants of activation maximization against loops in float64.
#include <gtest/gtest.h>

#include "base/counter_random.h"
#include "limn/visualization.h"
#include "methods/noise.h"
#include "oracle/plain_climb.h"

namespace limn {
namespace {

using namespace testing::climb;

/// The class variant: quantized gradient steps, byte by byte.
Tensor slow_plain_class(const Tensor& w, std::int64_t steps, std::uint64_t seed, double mean,
                        double deviation) {
  const Tensor noise = uniform_noise(mix(seed), {kChannels, kHeight, kWidth}).flatten();
  Tensor out = at::empty({kCount}, at::kDouble);
  for (std::int64_t i = 0; i < kCount; ++i) {
    double byte = std::floor(255 * noise[i].item<double>());
    for (std::int64_t t = 0; t < steps; ++t) {
      const double x = (byte / 255 - mean) / deviation + 6 * w[i].item<double>();
      byte = std::nearbyint(255 * std::clamp(x * deviation + mean, 0.0, 1.0));
    }
    out[i] = byte / 255;
  }
  return out.view({kChannels, kHeight, kWidth});
}

Model prepared(const Tensor& w) {
  Preprocessing how;
  how.mean = {0.5, 0.5, 0.5};
  how.std = {0.25, 0.25, 0.25};
  return linear(w).with_preprocessing(how);
}

TEST(Visualize, PlainOfAClassIsQuantizedGradientAscent) {
  const Tensor w = weights(2, 0.002);
  VisualizeOptions options;
  options.plain = true;
  options.seed = 4;
  const auto all = visualize(prepared(w), {{"", 0}, {"", 1}}, options);
  EXPECT_EQ(all[0].trace.numel(), 149);
  for (std::int64_t k = 0; k < 2; ++k) {
    EXPECT_LT(
        apart(all[static_cast<std::size_t>(k)].picture, slow_plain_class(w[k], 149, 4, 0.5, 0.25)),
        1e-6);
  }
  options.steps = 7;
  EXPECT_LT(apart(visualize(prepared(w), {{"", 1}}, options).front().picture,
                  slow_plain_class(w[1], 7, 4, 0.5, 0.25)),
            1e-6);
}

TEST(Visualize, PlainOfAUnitIsAdamOnTheInput) {
  const Tensor w = weights(2);
  const Model model = prepared(w);
  const std::string layer = model.graph().value(model.logits()).name;
  VisualizeOptions options;
  options.plain = true;
  options.seed = 9;
  const auto one = visualize(model, {{layer, 1}}, options).front();
  EXPECT_EQ(one.trace.numel(), 30);
  const Tensor noise = uniform_noise(mix(9), {kChannels, kHeight, kWidth}).flatten();
  for (std::int64_t i = 0; i < kCount; ++i) {
    const double byte = std::floor(150 + 30 * noise[i].item<double>());
    EXPECT_GE(byte, 150);
    EXPECT_LT(byte, 180);
    double x = (byte / 255 - 0.5) / 0.25;
    PlainAdam adam;
    for (std::int64_t t = 1; t <= 30; ++t) {
      x -= adam.step(-w[1][i].item<double>() + 1e-6 * x, t, 0.1);
    }
    EXPECT_NEAR(one.picture.flatten()[i].item<double>(), std::clamp(x * 0.25 + 0.5, 0.0, 1.0),
                1e-6);
  }
}

TEST(Visualize, PlainFromAPictureIsDeepDream) {
  const Tensor w = weights(1, 1e-5);
  const Model model = prepared(w);
  VisualizeOptions options;
  options.plain = true;
  at::manual_seed(3);
  options.start = at::rand({kChannels, kHeight, kWidth});
  const auto one =
      visualize(model, {{model.graph().value(model.logits()).name, 0}}, options).front();
  EXPECT_EQ(one.trace.numel(), 250);
  const Tensor start = options.start.flatten();
  for (std::int64_t i = 0; i < kCount; ++i) {
    double x = (start[i].item<double>() - 0.5) / 0.25;
    for (int t = 0; t < 250; ++t) x += 12 * (w[0][i].item<double>() - 1e-4 * x);
    EXPECT_NEAR(one.picture.flatten()[i].item<double>(), std::clamp(x * 0.25 + 0.5, 0.0, 1.0),
                1e-6);
  }
}

}  // namespace
}  // namespace limn
