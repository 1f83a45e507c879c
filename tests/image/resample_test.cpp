// Resizing and blurring by name against plain loops in float64.
#include "limn/resample.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <cmath>
#include <functional>

#include "limn/error.h"
#include "limn/image.h"
#include "support/support.h"

namespace limn {
namespace {

const ResizeMode kAll[] = {
    ResizeMode::Bilinear,    ResizeMode::BilinearAlignCorners, ResizeMode::BilinearAntialias,
    ResizeMode::Bicubic,     ResizeMode::BicubicAlignCorners,  ResizeMode::BicubicAntialias,
    ResizeMode::Nearest,     ResizeMode::OpenCvLinear,         ResizeMode::PilBilinear,
    ResizeMode::PilBicubic,  ResizeMode::PilNearest,           ResizeMode::SkimageLinear,
    ResizeMode::TorchRayRise};

std::int64_t clamped(std::int64_t at, std::int64_t size) {
  return std::clamp<std::int64_t>(at, 0, size - 1);
}
std::int64_t mirrored(std::int64_t at, std::int64_t size) {
  while (at < 0 || at >= size) at = at < 0 ? -at : 2 * (size - 1) - at;
  return at;
}

using Border = std::int64_t (*)(std::int64_t, std::int64_t);
using Place = std::function<double(std::int64_t o, std::int64_t in, std::int64_t out)>;

double half_pixel(std::int64_t o, std::int64_t in, std::int64_t out) {
  return (static_cast<double>(o) + 0.5) * static_cast<double>(in) / static_cast<double>(out) - 0.5;
}
double aligned(std::int64_t o, std::int64_t in, std::int64_t out) {
  return out > 1 ? static_cast<double>(o * (in - 1)) / static_cast<double>(out - 1) : 0;
}

/// Weight of the sample at distance d.
double linear(double d) { return std::max(0.0, 1 - std::abs(d)); }
double cubic(double a, double d) {
  d = std::abs(d);
  if (d <= 1) return (a + 2) * d * d * d - (a + 3) * d * d + 1;
  return d < 2 ? a * d * d * d - 5 * a * d * d + 8 * a * d - 4 * a : 0;
}

/// The sum over all samples near a place, one output after the other.
Tensor slow_resize(const Tensor& x, std::int64_t height, std::int64_t width, const Place& place,
                   const std::function<double(double)>& weight, Border border) {
  Tensor out = at::zeros({height, width}, at::kDouble);
  for (std::int64_t i = 0; i < height; ++i) {
    for (std::int64_t j = 0; j < width; ++j) {
      const double y = place(i, x.size(0), height), c = place(j, x.size(1), width);
      double sum = 0;
      for (auto v = static_cast<std::int64_t>(std::floor(y)) - 1; v <= std::floor(y) + 2; ++v) {
        for (auto u = static_cast<std::int64_t>(std::floor(c)) - 1; u <= std::floor(c) + 2; ++u) {
          const double w = weight(static_cast<double>(v) - y) * weight(static_cast<double>(u) - c);
          if (w != 0) sum += w * x[border(v, x.size(0))][border(u, x.size(1))].item<double>();
        }
      }
      out[i][j] = sum;
    }
  }
  return out;
}

/// Pillow's and libtorch's antialiased filters along one axis: weights of the samples inside the
/// picture, normalized.
double antialiased(const std::function<double(std::int64_t)>& sample, std::int64_t in,
                   std::int64_t out, std::int64_t o, const std::function<double(double)>& weight) {
  const double scale = static_cast<double>(in) / static_cast<double>(out);
  const double stretch = std::max(scale, 1.0), middle = (static_cast<double>(o) + 0.5) * scale;
  double sum = 0, weights = 0;
  for (std::int64_t k = 0; k < in; ++k) {
    const double w = weight((static_cast<double>(k) + 0.5 - middle) / stretch);
    sum += w * sample(k);
    weights += w;
  }
  return sum / weights;
}

Tensor slow_antialiased(const Tensor& x, std::int64_t height, std::int64_t width,
                        const std::function<double(double)>& weight) {
  Tensor across = at::zeros({x.size(0), width}, at::kDouble);
  for (std::int64_t i = 0; i < x.size(0); ++i) {
    for (std::int64_t j = 0; j < width; ++j) {
      across[i][j] = antialiased([&](std::int64_t k) { return x[i][k].item<double>(); }, x.size(1),
                                 width, j, weight);
    }
  }
  Tensor out = at::zeros({height, width}, at::kDouble);
  for (std::int64_t i = 0; i < height; ++i) {
    for (std::int64_t j = 0; j < width; ++j) {
      out[i][j] = antialiased([&](std::int64_t k) { return across[k][j].item<double>(); },
                              x.size(0), height, i, weight);
    }
  }
  return out;
}

const std::pair<std::int64_t, std::int64_t> kSizes[] = {{13, 21}, {5, 4}, {7, 9}, {14, 9}, {1, 1}};

void expect_near(const Tensor& ours, const Tensor& slow, const std::string& what,
                 double tolerance = 1e-10) {
  ASSERT_EQ(ours.sizes(), slow.sizes()) << what;
  EXPECT_LT((ours - slow).abs().max().item<double>(), tolerance) << what;
}

TEST(Resample, IsThePlainSumOfNeighbors) {
  at::manual_seed(1);
  const Tensor x = at::randn({7, 9}, at::kDouble);
  const auto torch_cubic = [](double d) { return cubic(-0.75, d); };
  for (const auto& [height, width] : kSizes) {
    const auto check = [&, height = height, width = width](
                           ResizeMode mode, const Place& place,
                           const std::function<double(double)>& weight, Border border) {
      expect_near(resize_tensor(x, height, width, mode),
                  slow_resize(x, height, width, place, weight, border),
                  concat(resize_mode_name(mode), " ", height, " x ", width));
    };
    // Below the first sample libtorch takes that sample itself, as the clamped border does.
    check(ResizeMode::Bilinear, half_pixel, linear, clamped);
    check(ResizeMode::BilinearAlignCorners, aligned, linear, clamped);
    check(ResizeMode::Bicubic, half_pixel, torch_cubic, clamped);
    check(ResizeMode::BicubicAlignCorners, aligned, torch_cubic, clamped);
    check(ResizeMode::SkimageLinear, half_pixel, linear, mirrored);
  }
}

TEST(Resample, AntialiasedFiltersGrowWithTheReduction) {
  at::manual_seed(2);
  const Tensor x = at::randn({7, 9}, at::kDouble);
  const auto sharp_cubic = [](double d) { return cubic(-0.5, d); };
  for (const auto& [height, width] : kSizes) {
    const Tensor triangle = slow_antialiased(x, height, width, linear);
    const Tensor cubed = slow_antialiased(x, height, width, sharp_cubic);
    const auto run = [&, height = height, width = width](ResizeMode mode) {
      return resize_tensor(x, height, width, mode);
    };
    expect_near(run(ResizeMode::PilBilinear), triangle, "pil-bilinear");
    expect_near(run(ResizeMode::PilBicubic), cubed, "pil-bicubic");
    expect_near(run(ResizeMode::BilinearAntialias), triangle, "bilinear-antialias");
    expect_near(run(ResizeMode::BicubicAntialias), cubed, "bicubic-antialias");
  }
}

TEST(Resample, OpenCvAgreesWithLibtorchsBilinear) {
  at::manual_seed(3);
  const Tensor x = at::randn({2, 3, 7, 9});
  for (const auto& [height, width] : kSizes) {
    // OpenCV rounds its weights to float32.
    expect_near(resize_tensor(x, height, width, ResizeMode::OpenCvLinear),
                resize_tensor(x, height, width, ResizeMode::Bilinear), "opencv-linear", 1e-5);
  }
}

TEST(Resample, NearestTakesOneSample) {
  const Tensor x = at::arange(5, at::kFloat).view({1, 5});
  const auto row = [&](std::int64_t width, ResizeMode mode) {
    const Tensor got = resize_tensor(x, 1, width, mode)[0].contiguous();
    return std::vector<float>(got.data_ptr<float>(), got.data_ptr<float>() + width);
  };
  // floor(o 5/3) = 0, 1, 3 and floor((o + .5) 5/3) = 0, 2, 4.
  EXPECT_EQ(row(3, ResizeMode::Nearest), (std::vector<float>{0, 1, 3}));
  EXPECT_EQ(row(3, ResizeMode::PilNearest), (std::vector<float>{0, 2, 4}));
  EXPECT_EQ(row(7, ResizeMode::Nearest), (std::vector<float>{0, 0, 1, 2, 2, 3, 4}));
  EXPECT_EQ(row(7, ResizeMode::PilNearest), (std::vector<float>{0, 1, 1, 2, 3, 3, 4}));
}

/// TorchRay's own steps: mirror one cell at each side, enlarge all cells alike, cut out the middle.
TEST(Resample, TorchRayEnlargesWholeCells) {
  at::manual_seed(4);
  const Tensor x = at::randn({2, 7, 7}, at::kDouble);
  for (const auto& [height, width] : {std::pair{50, 37}, {7, 7}, {9, 100}}) {
    const std::int64_t down = (height + 6) / 7, across = (width + 6) / 7;
    const Tensor padded = at::reflection_pad2d(x.unsqueeze(0), {1, 1, 1, 1});
    const Tensor grown = at::upsample_bilinear2d(padded, {down * 9, across * 9}, false)[0];
    expect_near(resize_tensor(x, height, width, ResizeMode::TorchRayRise),
                grown.narrow(1, down, height).narrow(2, across, width), "torchray-rise");
  }
}

/// Bytes go the way of Pictures, whose bit-for-bit identity with Pillow has tests of its own; the
/// cubic filter overshoots and is cut at 0 and 255.
TEST(Resample, BytesAreWholeNumbersAllAlong) {
  at::manual_seed(5);
  const Tensor bytes = (at::rand({3, 40, 33}) * 256).to(at::kByte);
  for (const auto& [height, width] : {std::pair{24, 20}, {61, 50}, {40, 11}}) {
    const Tensor ours = resize_tensor(bytes, height, width, ResizeMode::PilBilinear);
    const Tensor picture = resize_picture(bytes.permute({1, 2, 0}).contiguous(), height, width);
    EXPECT_TRUE(at::equal(ours, picture.permute({2, 0, 1})));
    const Tensor cubed = resize_tensor(bytes, height, width, ResizeMode::PilBicubic);
    const Tensor across = resize_tensor(bytes.to(at::kDouble), 40, width, ResizeMode::PilBicubic);
    const Tensor exact =
        resize_tensor(across.clamp(0, 255), height, width, ResizeMode::PilBicubic).clamp(0, 255);
    // Both passes round by half at most, and the second's weights enlarge the first's error: their
    // sizes add up to 1.25.
    EXPECT_LT((cubed.to(at::kDouble) - exact).abs().max().item<double>(), 1.15);
  }
  const Tensor edge = at::cat({at::zeros({4, 4}, at::kByte), at::full({4, 4}, 255, at::kByte)});
  const Tensor grown = resize_tensor(edge, 40, 4, ResizeMode::PilBicubic);
  EXPECT_EQ(grown.max().item<int>(), 255);
  EXPECT_EQ(grown.min().item<int>(), 0);
}

TEST(Resample, AConstantStaysAndShapesAreKept) {
  for (const ResizeMode mode : kAll) {
    const Tensor got = resize_tensor(at::full({2, 1, 3, 6, 5}, 0.7), 11, 4, mode);
    EXPECT_EQ(got.sizes(), (at::IntArrayRef{2, 1, 3, 11, 4})) << resize_mode_name(mode);
    EXPECT_LT((got - 0.7).abs().max().item<double>(), 1e-6) << resize_mode_name(mode);
    const Tensor x = at::rand({6, 5});
    if (mode == ResizeMode::TorchRayRise) continue;
    EXPECT_LT((resize_tensor(x, 6, 5, mode) - x).abs().max().item<double>(), 1e-6)
        << resize_mode_name(mode);
  }
}

TEST(Resample, ModesAreKnownByName) {
  for (const ResizeMode mode : kAll) EXPECT_EQ(parse_resize_mode(resize_mode_name(mode)), mode);
  EXPECT_EQ(parse_resize_mode("PIL_bilinear"), ResizeMode::PilBilinear);
}

TEST(Resample, BlursArePlainSums) {
  at::manual_seed(6);
  const Tensor x = at::randn({1, 2, 8, 7}, at::kDouble);
  const double sigma = 1.3;
  for (const Padding padding : {Padding::Zero, Padding::Reflect, Padding::Replicate}) {
    const Tensor got = gaussian_blur(x, 5, 3, sigma, padding);
    ASSERT_EQ(got.sizes(), x.sizes());
    for (std::int64_t i = 0; i < 8; ++i) {
      for (std::int64_t j = 0; j < 7; ++j) {
        double sum = 0, weights = 0;
        for (std::int64_t v = -2; v <= 2; ++v) {
          for (std::int64_t u = -1; u <= 1; ++u) {
            const double w = std::exp(-static_cast<double>(v * v + u * u) / (2 * sigma * sigma));
            const bool inside = i + v >= 0 && i + v < 8 && j + u >= 0 && j + u < 7;
            const auto border = padding == Padding::Reflect ? mirrored : clamped;
            weights += w;
            if (padding == Padding::Zero && !inside) continue;
            sum += w * x[0][1][border(i + v, 8)][border(j + u, 7)].item<double>();
          }
        }
        EXPECT_NEAR((got[0][1][i][j].item<double>()), sum / weights, 1e-12);
      }
    }
  }
}

/// A single one becomes the outer product of TorchRay's taps; sigma 0 changes nothing.
TEST(Resample, TorchRaysSmoothingReachesFourSigma) {
  Tensor x = at::zeros({1, 1, 21, 21}, at::kDouble);
  x[0][0][10][10] = 1;
  EXPECT_TRUE(at::equal(smooth_torchray(x, 0), x));
  const double sigma = 1.6;
  const Tensor got = smooth_torchray(x, sigma, Padding::Zero)[0][0];
  double sum = 0;
  for (int j = -7; j <= 7; ++j)
    sum += std::exp(-std::pow(j / (std::sqrt(2.0) * sigma + 1.1920929e-7), 2));
  for (int i = -8; i <= 8; ++i) {
    const double tap = std::exp(-std::pow(i / (std::sqrt(2.0) * sigma + 1.1920929e-7), 2)) / sum;
    EXPECT_NEAR(got[10 + i][10].item<double>(), std::abs(i) > 7 ? 0 : tap / sum, 1e-14);
  }
}

TEST(Resample, ExplainsWhatItCannotUse) {
  const auto expect = [](const std::string& words, const std::function<void()>& run) {
    std::string text = "no error";
    try {
      run();
    } catch (const Error& error) {
      text = error.what();
    }
    EXPECT_NE(text.find(words), std::string::npos) << text;
  };
  const Tensor x = at::rand({1, 1, 4, 5});
  expect("at least 1", [&] { resize_tensor(x, 0, 5, ResizeMode::Bilinear); });
  expect("at least 1", [&] { resize_tensor(x, 1 << 20, 1 << 20, ResizeMode::Bilinear); });
  expect("height and width", [&] { resize_tensor(at::rand({4}), 2, 2, ResizeMode::Nearest); });
  expect("height and width", [&] { resize_tensor(at::rand({0, 4}), 2, 2, ResizeMode::Nearest); });
  expect("float32 or float64",
         [&] { resize_tensor(x.to(at::kByte), 2, 2, ResizeMode::SkimageLinear); });
  expect("or uint8", [&] { resize_tensor(x.to(at::kLong), 2, 2, ResizeMode::PilBilinear); });
  expect("did you mean", [] { parse_resize_mode("bilinaer"); });
  expect("odd sizes", [&] { gaussian_blur(x, 4, 3, 1); });
  expect("sigma above 0", [&] { gaussian_blur(x, 3, 3, 0); });
  expect("larger than that", [&] { gaussian_blur(x, 9, 3, 1, Padding::Reflect); });
  expect("[N, C, H, W]", [&] { gaussian_blur(x[0], 3, 3, 1); });
  expect("sigma is -1", [&] { smooth_torchray(x, -1); });
}

}  // namespace
}  // namespace limn
