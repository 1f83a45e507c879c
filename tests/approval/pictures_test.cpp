// Figures against approved pictures: heat maps, overlays, grids, words instead of colors.
#include "approval/approve.h"
#include "limn/error.h"
#include "limn/render.h"

namespace limn {
namespace {

using testing::approve_picture;

/// Evidence for at one place, against at another.
Tensor two_blobs(std::int64_t height, std::int64_t width) {
  const Tensor y = at::arange(height, at::kDouble).unsqueeze(1) / static_cast<double>(height);
  const Tensor x = at::arange(width, at::kDouble).unsqueeze(0) / static_cast<double>(width);
  const auto blob = [&](double cy, double cx) {
    return at::exp(-((y - cy).square() + (x - cx).square()) * 60);
  };
  return 0.02 * (blob(.35, .4) - 0.6 * blob(.7, .65));
}

Tensor scene(std::int64_t height, std::int64_t width) {
  const Tensor y = at::arange(height, at::kDouble).unsqueeze(1).expand({height, width});
  const Tensor x = at::arange(width, at::kDouble).unsqueeze(0).expand({height, width});
  return at::stack({y * 255 / static_cast<double>(height), x * 255 / static_cast<double>(width),
                    at::full({height, width}, 120, at::kDouble)},
                   2)
      .to(at::kByte);
}

TEST(Figures, SignedHeatmap) {
  const Tensor map = two_blobs(120, 160);
  approve_picture("heatmap-signed.png", heatmap_figure(map, style_map(map, true)));
}

TEST(Figures, UnsignedHeatmapWithClippedScale) {
  const Tensor map = two_blobs(48, 48).clamp_min(0);
  approve_picture("heatmap-unsigned.png", heatmap_figure(map, style_map(map, false, "", "p99")));
}

TEST(Figures, WordsInsteadOfColors) {
  const Tensor zero = at::zeros({60, 80});
  approve_picture("heatmap-constant.png", heatmap_figure(zero, style_map(zero, true)));
  const Tensor negative = -two_blobs(60, 80).abs() - 1e-3;
  approve_picture("heatmap-negative.png", heatmap_figure(negative, style_map(negative, true)));
}

TEST(Figures, Overlay) {
  const Tensor map = two_blobs(90, 120);
  approve_picture("overlay.png", overlay_figure(scene(90, 120), map, style_map(map, true)));
}

TEST(Figures, Grid) {
  const Tensor map = two_blobs(90, 120), positive = map.clamp_min(0), zero = at::zeros({90, 120});
  const std::vector<GridCell> cells = {{map, style_map(map, true), ""},
                                       {positive, style_map(positive, false), ""},
                                       {zero, style_map(zero, true), ""}};
  approve_picture("grid.png",
                  comparison_grid({"lrp(composite=epsilon-plus)", "grad-cam", "gradient"},
                                  {{scene(90, 120), "class:0 (ant), 81.2 %", cells},
                                   {scene(60, 60), "class:3 (a dog with a long name), 4.0 %", {}}},
                                  {.cell = 160}));
}

TEST(Colors, ZeroIsWhiteAndTheEndsAreTheScale) {
  const Tensor map = at::tensor({-2.0, 0.0, 2.0, 4.0}).view({1, 4});
  const MapStyle style = style_map(map, true, "", "2");
  EXPECT_TRUE(style.clipped);
  const Tensor colors = color_map(map, style)[0];
  EXPECT_TRUE(at::equal(colors[1], at::full({3}, 255, at::kByte)));
  EXPECT_TRUE(at::equal(colors[2], colors[3]));
  EXPECT_GT(colors[2][0].item<int>(), colors[2][2].item<int>()) << "for is red";
  EXPECT_GT(colors[0][2].item<int>(), colors[0][0].item<int>()) << "against is blue";
  EXPECT_EQ(color_layer(map, style)[0][1][3].item<int>(), 0) << "zero is clear";
}

TEST(Colors, ScaleRules) {
  const Tensor map = at::arange(1, 101, at::kDouble).view({10, 10});
  EXPECT_EQ(style_map(map, true, "", "max").high, 100);
  EXPECT_EQ(style_map(map, true, "", "p90").high, 90);
  EXPECT_EQ(style_map(map, true, "", "12.5").high, 12.5);
  for (const char* bad : {"", "p0", "p101", "-1", "x", "p9x", "nan"}) {
    EXPECT_THROW(style_map(map, true, "", bad), Error) << bad;
  }
  EXPECT_THROW(style_map(map, true, "rainbow"), Error);
  for (const auto& info : colormaps()) {
    EXPECT_EQ(colormap_table(info.name).sizes(), (std::vector<std::int64_t>{256, 3}));
  }
}

TEST(Colors, StartAtTheLowestValueOfAMapFarAboveZero) {
  // The 0 is a place that the input never covered.
  const Tensor far = at::tensor({0.0, 0.6, 0.8, 1.0}).view({1, 4});
  const MapStyle style = style_map(far, false, "", "max");
  EXPECT_DOUBLE_EQ(style.low, 0.6);
  EXPECT_NE(style.words.find("start at 0.6"), std::string::npos) << style.words;
  const Tensor layer = color_layer(far, style)[0];
  EXPECT_EQ(layer[0][3].item<int>(), 0);
  EXPECT_EQ(layer[1][3].item<int>(), 0) << "the lowest value is clear";
  EXPECT_EQ(layer[3][3].item<int>(), 255);
  const Tensor colors = color_map(far, style)[0], table = colormap_table("inferno");
  EXPECT_TRUE(at::equal(colors[1], table[0]));
  EXPECT_TRUE(at::equal(colors[3], table[255]));

  const Tensor near = at::tensor({0.1, 0.5, 1.0}).view({1, 3});
  EXPECT_EQ(style_map(near, false, "", "max").low, 0) << "a low minimum keeps zero as the start";
  EXPECT_EQ(style_map(far, true, "", "max").low, -1) << "signed maps keep zero in the middle";
  EXPECT_EQ(style_map(far, false, "", "0.5").low, 0) << "a scale below the lowest value";
}

TEST(Colors, ConcentrationOfOnePixel) {
  Tensor map = at::full({100, 100}, 1e-6, at::kDouble);
  map[3][4] = -1;
  EXPECT_GT(concentration(map), 0.9);
  EXPECT_NEAR(concentration(at::ones({100, 100})), 0.001, 1e-12);
}

}  // namespace
}  // namespace limn
