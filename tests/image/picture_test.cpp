// Decoding: sizes checked before decoding, orientation, gray, alpha, 16 bits, damage.
#include <opencv2/core.hpp>
#include <opencv2/imgcodecs.hpp>

#include "image/picture_header.h"
#include "limn/error.h"
#include "limn/image.h"

namespace limn {
namespace {

std::string encoded(const cv::Mat& image, const std::string& extension) {
  std::vector<unsigned char> bytes;
  cv::imencode(extension, image, bytes);
  return {bytes.begin(), bytes.end()};
}

/// Rows differ from columns, so that a turned picture is seen.
Tensor sample(std::int64_t height, std::int64_t width) {
  Tensor out = at::zeros({height, width, 3}, at::kByte);
  for (std::int64_t y = 0; y < height; ++y) {
    for (std::int64_t x = 0; x < width; ++x) {
      out[y][x][0] = (y * 9) % 256;
      out[y][x][1] = (x * 7) % 256;
      out[y][x][2] = 30;
    }
  }
  return out;
}

std::string big(std::uint64_t value, int count) {
  std::string out;
  for (int i = count; i-- > 0;) out += static_cast<char>(value >> (8 * i) & 255);
  return out;
}

void expect_refused(const std::string& bytes, const std::string& words) {
  try {
    decode_picture(bytes, "x");
    FAIL() << words;
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::BadInput);
    EXPECT_NE(std::string(error.what()).find(words), std::string::npos) << error.what();
  }
}

TEST(Picture, PngKeepsEveryPixel) {
  const Tensor pixels = sample(13, 17);
  EXPECT_TRUE(at::equal(decode_picture(encode_png(pixels)).pixels, pixels));
}

TEST(Picture, GrayAlphaAndSixteenBits) {
  const cv::Mat gray(4, 5, CV_8U, cv::Scalar(77));
  EXPECT_TRUE(
      at::equal(decode_picture(encoded(gray, ".png")).pixels, at::full({4, 5, 3}, 77, at::kByte)));
  // Blue, green, red, alpha: alpha is dropped, the hidden color stays.
  const cv::Mat alpha(2, 3, CV_8UC4, cv::Scalar(10, 20, 30, 0));
  const Tensor color = decode_picture(encoded(alpha, ".png")).pixels;
  EXPECT_EQ(color[0][0][0].item<int>(), 30);
  EXPECT_EQ(color[0][0][2].item<int>(), 10);
  const cv::Mat deep(2, 2, CV_16U, cv::Scalar(0x80ff));
  EXPECT_EQ(decode_picture(encoded(deep, ".png")).pixels.max().item<int>(), 0x80);
  for (const char* format : {".bmp", ".tiff", ".webp", ".ppm", ".jpg"}) {
    const cv::Mat plain(6, 9, CV_8UC3, cv::Scalar(200, 120, 40));
    const std::string bytes = encoded(plain, format);
    const PictureHeader header = read_picture_header(bytes);
    EXPECT_EQ(header.width, 9) << format;
    EXPECT_EQ(header.height, 6) << format;
    const Tensor back = decode_picture(bytes).pixels;
    EXPECT_NEAR(back[3][4][0].item<int>(), 40, 4) << format;
    EXPECT_NEAR(back[3][4][2].item<int>(), 200, 4) << format;
  }
}

TEST(Picture, HonorsTheCamerasOrientation) {
  const Tensor pixels = sample(24, 40);
  const std::string jpeg = encode_jpeg(pixels, 100);
  // Orientation 6: the first row of the file is the right side of the scene.
  const std::string exif =
      std::string("Exif\0\0II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x06\0\0\0\0\0\0\0", 32);
  const std::string turned =
      jpeg.substr(0, 2) + "\xff\xe1" + big(exif.size() + 2, 2) + exif + jpeg.substr(2);
  const Tensor upright = decode_picture(turned).pixels;
  ASSERT_EQ(upright.size(0), 40);
  ASSERT_EQ(upright.size(1), 24);
  const Tensor plain = decode_picture(jpeg).pixels;
  EXPECT_TRUE(at::equal(upright, plain.transpose(0, 1).flip({1})));
}

TEST(Picture, RefusesSizesFromTheHeaderAlone) {
  const std::string png = std::string("\x89PNG\r\n\x1a\n") + big(13, 4) + "IHDR" + big(30000, 4) +
                          big(30000, 4) + std::string("\x08\x02\0\0\0", 5) + big(0, 4);
  expect_refused(png, "30000 x 30000");
  const std::string jpeg =
      "\xff\xd8\xff\xc0" + big(17, 2) + "\x08" + big(30000, 2) + big(30000, 2) + "\x03";
  expect_refused(jpeg, "30000 x 30000");
  expect_refused("P6\n# a comment\n30000 30000\n255\n", "30000 x 30000");
  expect_refused("P6\n99999999999999999999 2\n255\n", "pixels");
}

TEST(Picture, RefusesDamage) {
  expect_refused("", "not a picture");
  expect_refused("hello", "not a picture");
  expect_refused("GIF89a", "not a picture");
  const Tensor pixels = sample(64, 48);
  const std::string png = encode_png(pixels), jpeg = encode_jpeg(pixels);
  for (const double share : {0.1, 0.5, 0.9, 0.99}) {
    const auto keep = [&](const std::string& all) {
      return all.substr(0, static_cast<std::size_t>(share * static_cast<double>(all.size())));
    };
    EXPECT_THROW(decode_picture(keep(png)), Error) << share;
    EXPECT_THROW(decode_picture(keep(jpeg)), Error) << share;
  }
  std::string flipped = png;
  flipped[flipped.size() / 2] = static_cast<char>(flipped[flipped.size() / 2] ^ 0x55);
  EXPECT_THROW(decode_picture(flipped), Error);
}

TEST(Picture, NamesThatLookLikePictures) {
  EXPECT_TRUE(is_picture_name("a/b.JPEG"));
  EXPECT_TRUE(is_picture_name("x.jfif"));
  EXPECT_FALSE(is_picture_name("x.npy"));
  EXPECT_FALSE(is_picture_name("jpg"));
}

}  // namespace
}  // namespace limn
