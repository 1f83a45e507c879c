// From pictures to inputs: PIL's resize bit for bit, torchvision's crop, letterbox, channel order.
#include "limn/error.h"
#include "limn/image.h"

namespace limn {
namespace {

Tensor pattern(std::int64_t height, std::int64_t width) {
  Tensor out = at::empty({height, width, 3}, at::kByte);
  auto* at = out.data_ptr<std::uint8_t>();
  for (std::int64_t y = 0; y < height; ++y) {
    for (std::int64_t x = 0; x < width; ++x) {
      for (std::int64_t c = 0; c < 3; ++c) {
        *at++ = static_cast<std::uint8_t>((x * 37 + y * 91 + c * 53 + x * y * 7) % 256);
      }
    }
  }
  return out;
}

// Sums over all bytes, plain and weighted by their place, from Pillow 9.4's
// Image.resize((width, height), Image.BILINEAR) of pattern(13, 17).
TEST(Resize, EqualsPillowBitForBit) {
  struct Case {
    std::int64_t width, height, sum, weighted;
    std::vector<int> first;
  };
  const std::vector<Case> cases = {
      {5, 4, 7743, 235444, {118, 132, 140, 127, 133, 136, 122, 128, 132, 124, 140, 121}},
      {8, 30, 92697, 412203, {29, 82, 135, 99, 152, 205, 177, 176, 119, 77, 63, 106}},
      {17, 6, 39373, 29145, {72, 125, 131, 115, 121, 174, 111, 164, 107, 153, 96, 149}}};
  for (const auto& one : cases) {
    const Tensor out =
        resize_picture(pattern(13, 17), one.height, one.width).flatten().to(at::kLong);
    EXPECT_EQ(out.sum().item<std::int64_t>(), one.sum);
    EXPECT_EQ((out * at::arange(1, out.numel() + 1)).sum().item<std::int64_t>() % 1000003,
              one.weighted);
    for (std::size_t i = 0; i < one.first.size(); ++i) {
      EXPECT_EQ(out[static_cast<std::int64_t>(i)].item<int>(), one.first[i]) << i;
    }
  }
  EXPECT_TRUE(at::equal(resize_picture(pattern(5, 6), 5, 6), pattern(5, 6)));
}

TEST(Preprocess, DirectNormalizesEachChannel) {
  Preprocessing how;
  how.mean = {0.1, 0.2, 0.3};
  how.std = {0.5, 0.25, 2};
  const Tensor pixels = pattern(8, 8);
  const PreparedInput out = preprocess({pixels}, how, {3, 8, 8});
  for (int c = 0; c < 3; ++c) {
    const double expected =
        (pixels[2][5][c].item<int>() / 255.0 - how.mean[static_cast<std::size_t>(c)]) /
        how.std[static_cast<std::size_t>(c)];
    EXPECT_NEAR(out.x[0][c][2][5].item<float>(), expected, 1e-6);
  }
  how.channel_order = "bgr";
  how.scale = 255;
  how.mean = {103.939, 116.779, 123.68};
  how.std = {1, 1, 1};
  const PreparedInput caffe = preprocess({pixels}, how, {3, 8, 8});
  EXPECT_NEAR(caffe.x[0][0][2][5].item<float>(), pixels[2][5][2].item<int>() - 103.939, 1e-4);
  how.known = true;
  EXPECT_LE((picture_of_input(caffe.x[0], how).to(at::kInt) - pixels.to(at::kInt))
                .abs()
                .max()
                .item<int>(),
            1);
}

TEST(Preprocess, RefusesSizesThatNoMachineHolds) {
  for (const char* resize : {"direct", "short-side", "letterbox"}) {
    Preprocessing how;
    how.resize = resize;
    for (const std::int64_t side : {std::int64_t{60000}, std::int64_t{1} << 40}) {
      try {
        preprocess({pattern(6, 5)}, how, {3, side, side});
        ADD_FAILURE() << resize << " to " << side;
      } catch (const Error& error) {
        EXPECT_EQ(error.code(), ErrorCode::InvalidArgument) << error.what();
      }
    }
  }
}

TEST(Preprocess, ShortSideCropsTheCenterAsTorchvision) {
  Preprocessing how;
  how.resize = "short-side";
  how.short_side = 256;
  how.size = {224, 224};
  // 301 x 517: short side 256 gives 256 x 439 (floor), the crop starts at 16 and round(107.5) =
  // 108.
  const Tensor pixels = pattern(301, 517);
  const PreparedInput out = preprocess({pixels}, how, {3, -1, -1});
  const Tensor expected = resize_picture(pixels, 256, 439).narrow(0, 16, 224).narrow(1, 108, 224);
  EXPECT_TRUE(at::equal(out.seen, expected));
  EXPECT_DOUBLE_EQ(out.geometry.scale_y, 301.0 / 256);
  EXPECT_DOUBLE_EQ(out.geometry.offset_x, 108 * 517.0 / 439);
  how.short_side = 200;
  EXPECT_THROW(preprocess({pixels}, how, {3, -1, -1}), Error);
}

TEST(Preprocess, LetterboxKeepsTheAspect) {
  Preprocessing how;
  how.resize = "letterbox";
  how.size = {416, 416};
  const PreparedInput out = preprocess({pattern(301, 517)}, how, {3, 416, 416});
  const std::int64_t inner = 301 * 416 / 517;
  EXPECT_TRUE(
      at::equal(out.seen.narrow(0, 0, inner), resize_picture(pattern(301, 517), inner, 416)));
  EXPECT_EQ(out.seen.narrow(0, inner, 416 - inner).min().item<int>(), 114);
  EXPECT_EQ(out.seen.narrow(0, inner, 416 - inner).max().item<int>(), 114);
}

// Pillow's convert("L") of pattern(13, 17) starts with these.
TEST(Preprocess, GrayModelsGetPillowsLuminance) {
  const PreparedInput out = preprocess({pattern(13, 17)}, Preprocessing{}, {1, 13, 17});
  const std::vector<int> first = {43, 80, 117, 154, 191, 199, 86, 46, 83, 120, 157, 165};
  for (std::size_t i = 0; i < first.size(); ++i) {
    EXPECT_NEAR(out.x.flatten()[static_cast<std::int64_t>(i)].item<float>() * 255, first[i], 1e-3);
  }
}

TEST(Preprocess, SizesComeFromTheOptionsThenTheModelThenThePicture) {
  const Picture picture{pattern(20, 30)};
  Preprocessing how;
  EXPECT_EQ(preprocess(picture, how, {3, 10, 12}).x.sizes(),
            (std::vector<std::int64_t>{1, 3, 10, 12}));
  EXPECT_EQ(preprocess(picture, how, {3, -1, -1}).x.sizes(),
            (std::vector<std::int64_t>{1, 3, 20, 30}));
  how.size = {7, 9};
  EXPECT_EQ(preprocess(picture, how, {3, -1, -1}).x.sizes(),
            (std::vector<std::int64_t>{1, 3, 7, 9}));
  EXPECT_THROW(preprocess(picture, how, {3, 10, 12}), Error);
  EXPECT_THROW(preprocess(picture, Preprocessing{}, {4, 10, 12}), Error);
  how.mean = {1, 2};
  EXPECT_THROW(preprocess(picture, how, {3, -1, -1}), Error);
}

}  // namespace
}  // namespace limn
