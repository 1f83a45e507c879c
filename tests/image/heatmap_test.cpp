// Maps back in the picture's geometry, on a 301 x 517 picture, with one-pixel impulses.
#include "limn/heatmap.h"

#include "limn/image.h"

namespace limn {
namespace {

constexpr std::int64_t kHeight = 301, kWidth = 517;

Geometry geometry_of(const std::string& resize) {
  Preprocessing how;
  how.resize = resize;
  how.size = {224, 224};
  how.short_side = resize == "short-side" ? 256 : 0;
  return preprocess({at::zeros({kHeight, kWidth, 3}, at::kByte)}, how, {3, 224, 224}).geometry;
}

/// The mean place of a map's weight, in pixels (edges, not centers).
std::pair<double, double> center(const Tensor& map) {
  const Tensor weight = map.to(at::kDouble);
  const double total = weight.sum().item<double>();
  const Tensor y = at::arange(map.size(0), at::kDouble) + 0.5;
  const Tensor x = at::arange(map.size(1), at::kDouble) + 0.5;
  return {(weight.sum(1) * y).sum().item<double>() / total,
          (weight.sum(0) * x).sum().item<double>() / total};
}

TEST(ToOriginal, AnImpulseLandsWhereItsPixelLies) {
  for (const char* resize : {"direct", "short-side", "letterbox"}) {
    const Geometry geometry = geometry_of(resize);
    for (const auto& [row, column] :
         std::vector<std::pair<int, int>>{{20, 30}, {100, 111}, {60, 200}}) {
      Tensor map = at::zeros({224, 224});
      map[row][column] = 1;
      const Tensor out = to_original(map, geometry);
      ASSERT_EQ(out.sizes(), (std::vector<std::int64_t>{kHeight, kWidth}));
      const auto [y, x] = center(out);
      EXPECT_NEAR(y, geometry.scale_y * (row + 0.5) + geometry.offset_y, 0.35) << resize;
      EXPECT_NEAR(x, geometry.scale_x * (column + 0.5) + geometry.offset_x, 0.35) << resize;
    }
  }
}

TEST(ToOriginal, PlacesOutsideTheInputAreZero) {
  const Geometry crop = geometry_of("short-side");
  const Tensor out = to_original(at::ones({224, 224}), crop);
  EXPECT_EQ(out[150][0].item<float>(), 0);
  EXPECT_EQ(out[0][250].item<float>(), 0);
  EXPECT_FLOAT_EQ(out[150][250].item<float>(), 1);
  const auto inside = static_cast<double>((out > 0).sum().item<std::int64_t>());
  EXPECT_NEAR(inside, 224 * crop.scale_y * 224 * crop.scale_x, 0.01 * inside);
  // Nothing of a letterboxed picture is outside; the border below it has no place in it.
  EXPECT_FLOAT_EQ(to_original(at::ones({224, 224}), geometry_of("letterbox")).min().item<float>(),
                  1);
}

TEST(ToOriginal, CoarseMapsAreInterpolatedOverTheWholeInput) {
  const Geometry geometry{224, 224, 224, 224, 1, 1, 0, 0};
  const Tensor map = at::rand({7, 7}, at::kDouble);
  const Tensor out = to_original(map, geometry);
  EXPECT_LT((out - resize_maps(map.unsqueeze(0), 224, 224)[0]).abs().max().item<double>(), 1e-12);
}

TEST(ToOriginal, ReducingSkipsNothing) {
  // A picture of 8 x 8 seen by a model at 64 x 64: one strong input pixel must still show.
  const Geometry geometry{64, 64, 8, 8, 0.125, 0.125, 0, 0};
  for (int i = 0; i < 64; i += 3) {
    Tensor map = at::zeros({64, 64});
    map[i][63 - i] = 1;
    EXPECT_GT(to_original(map, geometry).sum().item<float>(), 0.5f / 64) << i;
  }
}

TEST(ResizeMaps, UsesHalfPixelCenters) {
  const Tensor map = at::tensor({0.0, 1.0}).view({1, 1, 2});
  const Tensor out = resize_maps(map, 1, 4)[0][0];
  const std::vector<double> expected = {0, 0.25, 0.75, 1};
  for (int i = 0; i < 4; ++i) {
    EXPECT_NEAR(out[i].item<double>(), expected[static_cast<std::size_t>(i)], 1e-6);
  }
}

}  // namespace
}  // namespace limn
