// The parts of feature visualization against plain loops in float64: parametrization, colors,
// smoothness, views.
#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <cmath>
#include <complex>

#include "concepts/parametrization.h"
#include "concepts/picture_prior.h"
#include "support/draft_builder.h"
#include "support/support.h"

namespace limn {
namespace {

/// A space of pictures of this size: a model that only flattens them.
PictureSpace space_of(std::int64_t channels, std::int64_t height, std::int64_t width,
                      const Preprocessing& how = {}) {
  testing::DraftBuilder builder;
  builder.input("input", {-1, channels, height, width});
  builder.output(builder.node("Flatten", {"input"}));
  return PictureSpace(Model(Graph(builder.draft())).with_preprocessing(how).to(at::kDouble), {});
}

Tensor some(at::IntArrayRef sizes, std::uint64_t seed) {
  at::manual_seed(seed);
  return at::rand(sizes, at::kDouble);
}

TEST(Parametrization, AFrequencyWeighsOneOverIt) {
  for (const auto& [h, w] : {std::pair<int, int>{6, 8}, {5, 7}, {1, 4}, {9, 1}}) {
    const Tensor scale = frequency_scale(h, w);
    ASSERT_EQ(scale.sizes(), (std::vector<std::int64_t>{h, w / 2 + 1}));
    for (int u = 0; u < h; ++u) {
      for (int v = 0; v <= w / 2; ++v) {
        const double down = static_cast<double>(u < (h + 1) / 2 ? u : u - h) / h;
        const double right = static_cast<double>(v) / w;
        const double f = std::max(std::hypot(down, right), 1.0 / std::max(h, w));
        EXPECT_NEAR(scale[u][v].item<double>(), 1 / f, 1e-12) << u << ", " << v;
      }
    }
  }
}

TEST(Parametrization, TheLongestColorAxisIsOneLongAndAxesAreNearlyOrthogonal) {
  const Tensor axes = color_axes();
  const Tensor lengths = axes.square().sum(0).sqrt();
  EXPECT_NEAR(lengths[0].item<double>(), 1, 1e-12);
  EXPECT_GT(lengths[0].item<double>(), lengths[1].item<double>());
  EXPECT_GT(lengths[1].item<double>(), lengths[2].item<double>());
  // .26^2 + .27^2 + .27^2 = .2134, and the first axis is brightness.
  EXPECT_NEAR(axes[1][0].item<double>(), 0.27 / std::sqrt(0.2134), 1e-12);
  const Tensor angles = axes.t().matmul(axes);
  EXPECT_LT(std::abs(angles[0][1].item<double>()), 0.02);
}

/// sigmoid(C F^-1(z s) / 4) by sums over frequencies.
Tensor slow_picture(const Tensor& z, const Tensor& colors, std::int64_t h, std::int64_t w) {
  const Tensor scale = frequency_scale(h, w);
  const std::int64_t channels = z.size(1);
  Tensor plane = at::zeros({channels, h, w}, at::kDouble);
  for (std::int64_t c = 0; c < channels; ++c) {
    for (std::int64_t y = 0; y < h; ++y) {
      for (std::int64_t x = 0; x < w; ++x) {
        double sum = 0;
        for (std::int64_t u = 0; u < h; ++u) {
          for (std::int64_t v = 0; v <= w / 2; ++v) {
            const std::complex<double> value(z[0][c][u][v][0].item<double>(),
                                             z[0][c][u][v][1].item<double>());
            const double turn = 2 * M_PI *
                                (static_cast<double>(u * y) / static_cast<double>(h) +
                                 static_cast<double>(v * x) / static_cast<double>(w));
            const bool alone = v == 0 || 2 * v == w;  // others stand for their mirror, too
            sum += (alone ? 1 : 2) * scale[u][v].item<double>() *
                   (value * std::polar(1.0, turn)).real();
          }
        }
        plane[c][y][x] = sum / std::sqrt(static_cast<double>(h * w)) / 4;
      }
    }
  }
  Tensor out = at::zeros_like(plane);
  for (std::int64_t c = 0; c < channels; ++c) {
    for (std::int64_t k = 0; k < channels; ++k) out[c] += colors[c][k] * plane[k];
  }
  return (1 / (1 + (-out).exp())).unsqueeze(0);
}

TEST(Parametrization, IsTheInverseTransformOfWeightedFrequencies) {
  for (const auto& [h, w] : {std::pair<int, int>{4, 6}, {5, 3}}) {
    const PictureSpace space = space_of(3, h, w);
    const Parametrization form("fourier", "decorrelated", space);
    const Tensor z = form.start(3, 0.7);
    ASSERT_EQ(z.sizes(), (std::vector<std::int64_t>{1, 3, h, w / 2 + 1, 2}));
    EXPECT_LT((form.picture(z) - slow_picture(z, color_axes(), h, w)).abs().max().item<double>(),
              1e-12);
    const Parametrization rgb("fourier", "rgb", space);
    EXPECT_LT((rgb.picture(z) - slow_picture(z, at::eye(3, at::kDouble), h, w))
                  .abs()
                  .max()
                  .item<double>(),
              1e-12);
  }
}

TEST(Parametrization, PicturesComeBackFromTheirParameters) {
  for (const char* kind : {"fourier", "pixels"}) {
    for (const char* color : {"decorrelated", "rgb"}) {
      for (const std::int64_t channels : {1, 3}) {
        const Parametrization form(kind, color, space_of(channels, 7, 6));
        const Tensor picture = 0.02 + 0.96 * some({1, channels, 7, 6}, 4);
        EXPECT_LT((form.picture(form.of(picture)) - picture).abs().max().item<double>(), 1e-12)
            << kind << " " << color << " " << channels;
      }
    }
  }
  const Parametrization form("fourier", "decorrelated", space_of(3, 4, 4));
  const Tensor black = form.picture(form.of(at::zeros({1, 3, 4, 4}, at::kDouble)));
  EXPECT_NEAR(black.max().item<double>(), 0.01, 1e-12) << "0 lies nowhere in the sigmoid";
}

TEST(Parametrization, GrayModelsHaveNoColorAxes) {
  const PictureSpace space = space_of(1, 5, 5);
  const Tensor z = Parametrization("pixels", "rgb", space).start(1, 1);
  EXPECT_TRUE(
      at::equal(Parametrization("pixels", "decorrelated", space).picture(z), at::sigmoid(z)));
}

TEST(PictureSpace, GoesToTheInputAndBack) {
  Preprocessing how;
  how.mean = {10, 20, 30};
  how.std = {2, 3, 4};
  how.scale = 255;
  how.channel_order = "bgr";
  const PictureSpace space = space_of(3, 2, 2, how);
  const Tensor picture = some({1, 3, 2, 2}, 9);
  const Tensor x = space.input_of(picture);
  // Blue comes first.
  EXPECT_NEAR(x[0][0][1][0].item<double>(), (255 * picture[0][2][1][0].item<double>() - 10) / 2,
              1e-10);
  EXPECT_LT((space.picture_of(x) - picture).abs().max().item<double>(), 1e-12);
}

TEST(SmoothnessPrice, IsTheSumOverNeighbors) {
  const Tensor pictures = some({2, 3, 5, 4}, 2);
  for (const double beta : {1.0, 2.0, 3.0}) {
    const Tensor price = smoothness_price(pictures, beta);
    for (std::int64_t n = 0; n < 2; ++n) {
      double sum = 0;
      for (std::int64_t c = 0; c < 3; ++c) {
        for (std::int64_t y = 0; y < 4; ++y) {
          for (std::int64_t x = 0; x < 3; ++x) {
            const auto at = [&](std::int64_t i, std::int64_t j) {
              return pictures[n][c][i][j].item<double>();
            };
            const double down = at(y + 1, x) - at(y, x), right = at(y, x + 1) - at(y, x);
            sum += std::pow(down * down + right * right, beta / 2);
          }
        }
      }
      EXPECT_NEAR(price[n].item<double>(), sum, 1e-9) << beta;
    }
  }
  EXPECT_EQ(smoothness_price(some({1, 1, 1, 7}, 1), 2).item<double>(), 0) << "one row";
}

TEST(SmoothnessPrice, HasAFiniteSlopeWhereNeighborsAreEqual) {
  const Tensor flat = at::full({1, 1, 3, 3}, 0.5, at::kDouble).requires_grad_(true);
  smoothness_price(flat, 1).sum().backward();
  EXPECT_TRUE(at::isfinite(flat.grad()).all().item<bool>());
}

/// Bilinear reading at pixel coordinates, gray beyond the border.
double read(const Tensor& plane, double y, double x) {
  double sum = 0.5;
  for (const std::int64_t dy : {0, 1}) {
    for (const std::int64_t dx : {0, 1}) {
      const double row = std::floor(y) + static_cast<double>(dy);
      const double column = std::floor(x) + static_cast<double>(dx);
      const double weight = (1 - std::abs(y - row)) * (1 - std::abs(x - column));
      if (row < 0 || column < 0 || row >= static_cast<double>(plane.size(0)) ||
          column >= static_cast<double>(plane.size(1))) {
        continue;
      }
      sum +=
          weight *
          (plane[static_cast<std::int64_t>(row)][static_cast<std::int64_t>(column)].item<double>() -
           0.5);
    }
  }
  return sum;
}

TEST(View, TurnsZoomsAndShiftsAroundTheMiddle) {
  constexpr std::int64_t kHeight = 6, kWidth = 9;
  const Tensor pictures = some({2, 3, kHeight, kWidth}, 5);
  const double angle = 0.3, zoom = 1.2, down = 1.4, right = -0.7;
  const double h = kHeight, w = kWidth, c = std::cos(angle) / zoom, s = std::sin(angle) / zoom;
  const Tensor matrix =
      at::tensor({c, -s * h / w, 2 * right / w, s * w / h, c, 2 * down / h}, at::kDouble)
          .view({2, 3});
  const Tensor seen = view_of(pictures, matrix);
  for (std::int64_t y = 0; y < kHeight; ++y) {
    for (std::int64_t x = 0; x < kWidth; ++x) {
      const double v = static_cast<double>(y) - (h - 1) / 2,
                   u = static_cast<double>(x) - (w - 1) / 2;
      const double row = s * u + c * v + down + (h - 1) / 2;
      const double column = c * u - s * v + right + (w - 1) / 2;
      EXPECT_NEAR(seen[1][2][y][x].item<double>(), read(pictures[1][2], row, column), 1e-10);
    }
  }
}

TEST(View, StaysWithinItsBoundsAndIsAFunctionOfSeedAndStep) {
  const ViewOptions options{.jitter = 0.1, .scale = 0.25, .rotation = 10};
  double widest = 0, steepest = 0, farthest = 0;
  for (std::uint64_t step = 0; step < 200; ++step) {
    const Tensor m = view_matrix(options, 7, step, 20, 20);
    EXPECT_TRUE(at::equal(m, view_matrix(options, 7, step, 20, 20)));
    const double a = m[0][0].item<double>(), b = m[1][0].item<double>();
    const double zoom = 1 / std::hypot(a, b);
    EXPECT_LE(zoom, 1.25 + 1e-12);
    EXPECT_GE(zoom, 1 / 1.25 - 1e-12);
    widest = std::max(widest, zoom);
    steepest = std::max(steepest, std::abs(std::atan2(b, a)) * 180 / M_PI);
    farthest = std::max(farthest, std::abs(m[0][2].item<double>()) * 20 / 2);
  }
  EXPECT_LE(steepest, 10 + 1e-9);
  EXPECT_GT(steepest, 9);
  EXPECT_LE(farthest, 2 + 1e-9);
  EXPECT_GT(farthest, 1.8);
  EXPECT_GT(widest, 1.2);
  EXPECT_FALSE(at::equal(view_matrix(options, 7, 0, 20, 20), view_matrix(options, 8, 0, 20, 20)));
  const Tensor pictures = some({1, 1, 5, 5}, 6);
  EXPECT_LT((view_of(pictures, view_matrix({}, 7, 0, 5, 5)) - pictures).abs().max().item<double>(),
            1e-12);
}

}  // namespace
}  // namespace limn
