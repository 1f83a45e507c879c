// Activation maximization against plain loops in float64, and what must hold of any model.
#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <cmath>
#include <functional>

#include "base/counter_random.h"
#include "concepts/picture_prior.h"
#include "limn/error.h"
#include "limn/visualization.h"
#include "methods/noise.h"
#include "oracle/plain_climb.h"
#include "support/refusal.h"
#include "support/small_detector.h"
#include "support/small_model.h"
#include "support/support.h"

namespace limn {
namespace {

using namespace testing::climb;

/// Pixels without views: what a plain loop can follow.
VisualizeOptions bare(std::int64_t steps) {
  VisualizeOptions options;
  options.steps = steps;
  options.parametrization = "pixels";
  options.color = "rgb";
  options.jitter = options.scale = options.rotation = 0;
  return options;
}

/// The whole climb of one linear unit, number by number.
Tensor slow_climb(const Tensor& w, const VisualizeOptions& o) {
  const Tensor noise = o.deviation * normal_noise(mix(o.seed), {1, kChannels, kHeight, kWidth});
  std::vector<double> z(noise.data_ptr<double>(), noise.data_ptr<double>() + kCount);
  std::vector<PlainAdam> adam(kCount);
  double size = 0;
  for (std::int64_t i = 0; i < kCount; ++i) size += std::pow(w[i].item<double>(), 2) / kCount;
  std::vector<double> p(kCount);
  const auto pictures = [&] {
    for (std::size_t i = 0; i < kCount; ++i) p[i] = 1 / (1 + std::exp(-z[i]));
  };
  for (std::int64_t t = 1; t <= o.steps; ++t) {
    pictures();
    std::vector<double> down(kCount);
    for (std::size_t i = 0; i < kCount; ++i) {
      down[i] = -w[static_cast<std::int64_t>(i)].item<double>() / std::sqrt(size) +
                o.l2 * 2 * (p[i] - 0.5);
    }
    for (std::size_t c = 0; c < kChannels; ++c) {
      for (std::size_t y = 0; y + 1 < kHeight; ++y) {
        for (std::size_t x = 0; x + 1 < kWidth; ++x) {
          const std::size_t at = (c * kHeight + y) * kWidth + x;
          for (const std::size_t other : {at + kWidth, at + 1}) {
            const double slope = o.tv * 2 * (p[other] - p[at]);
            down[other] += slope;
            down[at] -= slope;
          }
        }
      }
    }
    for (std::size_t i = 0; i < kCount; ++i) {
      z[i] -= adam[i].step(down[i] * p[i] * (1 - p[i]), t, o.rate);
    }
  }
  pictures();
  return at::tensor(p, at::kDouble).view({kChannels, kHeight, kWidth});
}

TEST(Visualize, IsThePlainLoopOnALinearModel) {
  const Tensor w = weights(3);
  VisualizeOptions options = bare(25);
  for (const auto& [tv, l2] : {std::pair<double, double>{0, 0}, {0.3, 0}, {0.2, 0.4}}) {
    options.tv = tv;
    options.l2 = l2;
    const auto all = visualize(linear(w), {{"", 2}, {"", 0}}, options);
    ASSERT_EQ(all.size(), 2u);
    EXPECT_LT(apart(all[0].picture, slow_climb(w[2], options)), 1e-6);
    EXPECT_LT(apart(all[1].picture, slow_climb(w[0], options)), 1e-6);
    // The picture is float32.
    const double score = (w[2] * all[0].picture.to(at::kDouble).flatten()).sum().item<double>();
    EXPECT_NEAR(all[0].activation, score, 1e-5);
    EXPECT_EQ(all[0].trace.numel(), 25);
    EXPECT_NEAR(all[0].trace[0].item<double>(), all[0].start, 1e-9) << "no view: the start itself";
  }
}

TEST(Visualize, OfALinearModelGoesToTheSignOfTheWeights) {
  const Tensor w = weights(1);
  const double highest = w.clamp_min(0).sum().item<double>();
  VisualizeOptions options = bare(400);
  options.rate = 0.1;
  const auto one = visualize(linear(w), {{"", 0}}, options).front();
  const Tensor signs = w[0].gt(0).to(at::kFloat).view({kChannels, kHeight, kWidth});
  EXPECT_LT(apart(one.picture, signs), 0.02);
  EXPECT_GT(one.activation, 0.99 * highest);
  // Frequencies move all pixels at once, and the sigmoid holds a few where they went first.
  options.parametrization = "fourier";
  EXPECT_GT(visualize(linear(w), {{"", 0}}, options).front().activation, 0.9 * highest);
}

TEST(Visualize, TheWeightsOfPricesDoNotDependOnTheModelsScale) {
  const Tensor w = weights(1);
  VisualizeOptions options = bare(20);
  options.tv = 0.2;
  const Tensor one = visualize(linear(w), {{"", 0}}, options).front().picture;
  // Powers of two, so that the model holds the same digits.
  for (const double factor : {0x1p20, 0x1p-60}) {
    EXPECT_LT(apart(visualize(linear(w * factor), {{"", 0}}, options).front().picture, one), 1e-6);
  }
}

TEST(Visualize, StartsFromAPicture) {
  VisualizeOptions options = bare(1);
  options.rate = 1e-6;
  at::manual_seed(3);
  options.start = at::rand({kChannels, kHeight, kWidth}).clamp(0.02, 0.98);
  for (const char* kind : {"pixels", "fourier"}) {
    options.parametrization = kind;
    const auto one = visualize(linear(weights(1)), {{"", 0}}, options).front();
    EXPECT_LT(apart(one.picture, options.start), 1e-4) << kind;
  }
}

Model small() { return Model(Graph(testing::small_model())); }

TEST(Visualize, ActivationsRise) {
  for (const char* kind : {"fourier", "pixels"}) {
    VisualizeOptions options;
    options.parametrization = kind;
    options.steps = 60;
    const auto all =
        visualize(small(), {{"r1", 0}, {"c2", 3}, {"r2", 5}, {"", 4}, {"f", 1}}, options);
    for (const auto& one : all) {
      EXPECT_GT(one.activation, one.start) << kind << " " << one.unit.layer;
      EXPECT_TRUE(one.notes.empty()) << one.notes.front();
      EXPECT_EQ(one.picture.sizes(), (std::vector<std::int64_t>{3, 24, 24}));
      EXPECT_GE(one.picture.min().item<double>(), 0);
      EXPECT_LE(one.picture.max().item<double>(), 1);
    }
    EXPECT_EQ(all[3].unit.layer, "logits");
    // The vector behind the global pool has the means of the map before it.
    const auto mean = visualize(small(), {{"r2", 1}}, options).front();
    EXPECT_NEAR(mean.activation, all[4].activation, 1e-3 * std::abs(mean.activation));
  }
}

TEST(Visualize, ANodesNameStandsForItsFirstOutput) {
  EXPECT_EQ(unit_count(small(), "relu2"), 6);
  EXPECT_EQ(visualize(small(), {{"relu2", 1}}, {.steps = 2}).front().unit.layer, "r2");
}

TEST(Visualize, OneSeedGivesOnePicture) {
  VisualizeOptions options;
  options.steps = 10;
  options.seed = 5;
  const auto picture = [&] { return visualize(small(), {{"r2", 2}}, options).front().picture; };
  const Tensor one = picture();
  EXPECT_TRUE(at::equal(one, picture()));
  options.seed = 6;
  EXPECT_GT(apart(one, picture()), 0.01);
}

TEST(Visualize, APictureDoesNotDependOnTheOtherUnits) {
  const Model model = small().to(at::kDouble);
  VisualizeOptions options;
  options.steps = 10;
  const std::vector<Unit> units = {{"r2", 0}, {"r2", 4}, {"r1", 1}, {"r2", 2}, {"r2", 4}};
  const auto together = visualize(model, units, options);
  options.batch = 1;
  for (std::size_t u = 0; u < units.size(); ++u) {
    const auto alone = visualize(model, {units[u]}, options).front();
    EXPECT_LT(apart(alone.picture, together[u].picture), 1e-5) << u;
    EXPECT_EQ(together[u].unit.channel, units[u].channel);
  }
  // A file that fixes the batch gives the same, two at a time and one left over.
  Draft draft = testing::small_model();
  draft.inputs[0].shape[0] = 2;
  options.batch = 8;
  const auto fixed = visualize(Model(Graph(draft)).to(at::kDouble), units, options);
  for (std::size_t u = 0; u < units.size(); ++u) {
    EXPECT_LT(apart(fixed[u].picture, together[u].picture), 1e-5) << u;
  }
}

TEST(Visualize, TheCenterIsOnePlace) {
  const Model model =
      testing::pointwise(at::tensor({1., -1., 2.}).view({1, 3}), at::zeros({1}), false);
  VisualizeOptions options = bare(20);
  options.size = {5, 7};
  options.place = "center";
  const auto one = visualize(model, {{"v0", 0}}, options).front();
  const Tensor noise = at::sigmoid(0.01 * normal_noise(mix(0), {1, 3, 5, 7}))[0];
  const Tensor moved = (one.picture - noise.to(at::kFloat)).abs().amax(0).gt(1e-3);
  EXPECT_EQ(moved.sum().item<std::int64_t>(), 1);
  EXPECT_TRUE(moved[2][3].item<bool>());
  const auto at = [&](std::int64_t c) { return one.picture[c][2][3].item<double>(); };
  EXPECT_NEAR(one.activation, at(0) - at(1) + 2 * at(2), 1e-5);
}

TEST(Visualize, UnitsOfTokensAreTheLastAxis) {
  testing::DraftBuilder builder;
  builder.input("input", {-1, 3, 4, 4});
  const std::string tokens =
      builder.node("Transpose", {builder.node("Reshape", {"input", builder.integers({0, 3, 16})})},
                   {{"perm", std::vector<std::int64_t>{0, 2, 1}}});
  builder.output(tokens);
  const Model model = Model(Graph(builder.draft())).to(at::kDouble);
  EXPECT_EQ(unit_count(model, tokens), 3);
  const auto one = visualize(model, {{tokens, 1}}, bare(40)).front();
  EXPECT_NEAR(one.activation, one.picture[1].mean().item<double>(), 1e-6);
  EXPECT_GT(one.picture[1].min().item<double>(), 0.7) << "green rises";
  EXPECT_LT(one.picture[0].max().item<double>(), 0.52) << "red stays";
}

TEST(Visualize, GrayModelsGetGrayPictures) {
  const Model model = testing::pointwise(at::ones({2, 1}), at::zeros({2}), true);
  VisualizeOptions options;
  options.steps = 20;
  options.size = {9, 6};
  const auto one = visualize(model, {{"v1", 1}}, options).front();
  EXPECT_EQ(one.picture.sizes(), (std::vector<std::int64_t>{1, 9, 6}));
  EXPECT_GT(one.activation, one.start);
}

/// Unit 0 never fires on gray, unit 1 has no weights, unit 2 is alive.
TEST(Visualize, ClosedUnitsOpenAndDeadOnesAreSaidToBe) {
  const Tensor w = at::tensor({1., 1., 1., 0., 0., 0., -1., 0., 1.}).view({3, 3});
  const Model model = testing::pointwise(w, at::tensor({-1.8, 0.5, 1.0}), true);
  VisualizeOptions options;
  options.steps = 80;
  options.size = {8, 8};
  const auto all = visualize(model, {{"v1", 0}, {"v1", 1}, {"v1", 2}}, options);
  EXPECT_EQ(all[0].start, 0);
  EXPECT_GT(all[0].activation, 0.3);
  EXPECT_FALSE(all[0].dead);
  EXPECT_GT(all[0].opened, 0);
  EXPECT_LT(all[0].opened, 80) << "once it fires it has a gradient of its own";
  EXPECT_TRUE(all[1].dead);
  ASSERT_EQ(all[1].notes.size(), 1u);
  EXPECT_EQ(all[1].notes[0].rfind("dead", 0), 0u);
  EXPECT_EQ(all[1].activation, 0.5);
  EXPECT_FALSE(all[2].dead);
  EXPECT_EQ(all[2].opened, 0);
  EXPECT_TRUE(all[2].notes.empty());
  // The scores behind the mean of the ReLUs open them, too.
  EXPECT_GT(visualize(model, {{"", 0}}, options).front().activation, 0.3);
}

TEST(Visualize, TellsProgress) {
  VisualizeOptions options;
  options.steps = 4;
  options.batch = 2;
  std::vector<double> shares;
  options.progress = [&](double share) { shares.push_back(share); };
  visualize(small(), {{"r1", 0}, {"r1", 1}, {"r1", 2}}, options);
  ASSERT_EQ(shares.size(), 8u);
  EXPECT_TRUE(std::is_sorted(shares.begin(), shares.end()));
  EXPECT_NEAR(shares.back(), 1, 1e-12);
}

TEST(Visualize, RefusesWithWords) {
  const Model model = small();
  const auto refused = [&](
                           const std::vector<Unit>& units, ErrorCode code, const std::string& words,
                           const std::function<void(VisualizeOptions&)>& change = [](auto&) {}) {
    VisualizeOptions options;
    options.steps = 2;
    change(options);
    testing::expect_refused([&] { visualize(model, units, options); }, code, words);
  };
  const auto code = ErrorCode::InvalidArgument;
  refused({}, code, "no unit given");
  refused({{"r9", 0}}, ErrorCode::NotFound, "r1");
  refused({{"r1", 4}}, code, "it has 0 to 3");
  refused({{"r1", -1}}, code, "channel -1");
  refused({{"", 5}}, code, "class 5");
  refused({{"w1", 0}}, ErrorCode::Unsupported, "does not depend on the input");
  refused({{"input", 0}}, ErrorCode::Unsupported, "the input itself");
  refused({{"r1", 0}}, code, "\"rate\" is \"0\"", [](auto& o) { o.rate = 0; });
  refused({{"r1", 0}}, code, "fourier|pixels", [](auto& o) { o.parametrization = "wavelet"; });
  refused({{"r1", 0}}, code, "\"tv\"", [](auto& o) { o.tv = NAN; });
  refused({{"r1", 0}}, code, "\"batch\"", [](auto& o) { o.batch = 0; });
  refused({{"r1", 0}}, code, "leave the size out", [](auto& o) { o.size = {32, 32}; });
  refused({{"r1", 0}}, code, "height and width", [](auto& o) { o.size = {32}; });
  refused({{"r1", 0}}, code, "[3, 24, 24]", [](auto& o) { o.start = at::zeros({3, 8, 8}); });
  refused({{"r1", 0}}, ErrorCode::BadInput, "from 0 to 1", [](auto& o) {
    o.start = at::full({3, 24, 24}, 2.0);
  });
  refused({{"r1", 0}}, ErrorCode::BadInput, "from 0 to 1", [](auto& o) {
    o.start = at::full({3, 24, 24}, NAN);
  });
  testing::expect_refused(
      [&] {
        visualize(testing::linear_scores(at::ones({1, 8}), {2, 2, 2}), {{"", 0}});
      },
      ErrorCode::Unsupported, "no picture of 1 or 3 channels");
  testing::expect_refused(
      [&] {
        const Model open = testing::pointwise(at::ones({1, 3}), at::zeros({1}), false);
        visualize(open, {{"v0", 0}}, {.size = {100'000, 100'000}});
      },
      code, "cannot be made");
}

TEST(Visualize, DetectorsHaveUnitsButNoClasses) {
  const Model model = testing::small_detector();
  testing::expect_refused(
      [&] {
        visualize(model, {{"", 0}});
      },
      ErrorCode::Unsupported, "answers for boxes");
  const auto one = visualize(model, {{"v1", 0}}, {.steps = 100}).front();
  EXPECT_GT(one.activation, one.start);
  EXPECT_GT(one.picture[0].mean().item<double>(), 0.6) << "channel 0 passes red on";
}

TEST(Visualize, RefusesValuesThatAreNotNumbers) {
  testing::DraftBuilder builder;
  builder.input("input", {-1, 3, 4, 4});
  const std::string root =
      builder.node("Sqrt", {builder.node("Sub", {"input", builder.number(2)})});
  builder.output(root);
  testing::expect_refused(
      [&] {
        visualize(Model(Graph(builder.draft())), {{root, 0}});
      },
      ErrorCode::Numerical, "NaN");
}

}  // namespace
}  // namespace limn
