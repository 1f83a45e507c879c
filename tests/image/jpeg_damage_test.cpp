// Damage in the coded data of JPEG files: found in most cases, never seen in a whole file.
#include "image/jpeg_damage.h"

#include <ATen/ATen.h>

#include <filesystem>
#include <opencv2/imgcodecs.hpp>
#include <random>

#include "image/file.h"
#include "limn/error.h"
#include "limn/image.h"
#include "support/dataset_folder.h"
#include "support/support.h"

namespace limn {
namespace {

/// A picture with soft and hard edges, as JPEG.
std::string jpeg_of(int height, int width, const std::vector<int>& options, int kind = CV_8UC3) {
  cv::Mat picture(height, width, kind);
  cv::theRNG().state = 7;
  cv::randu(picture, 0, 255);
  picture(cv::Rect(0, 0, width / 2, height / 2)).setTo(cv::Scalar(200, 90, 30));
  std::vector<unsigned char> bytes;
  cv::imencode(".jpg", picture, bytes, options);
  return {bytes.begin(), bytes.end()};
}

std::size_t body_of(const std::string& bytes) { return bytes.rfind("\xff\xda") + 14; }

TEST(JpegDamage, WholeFilesAreWhole) {
  for (const int kind : {CV_8UC3, CV_8UC1}) {
    for (const auto& [height, width] : {std::pair{8, 8}, {33, 47}, {100, 64}, {1, 19}}) {
      for (const std::vector<int>& options : {std::vector<int>{cv::IMWRITE_JPEG_QUALITY, 40},
                                              std::vector<int>{cv::IMWRITE_JPEG_QUALITY, 100},
                                              std::vector<int>{cv::IMWRITE_JPEG_RST_INTERVAL, 3},
                                              std::vector<int>{cv::IMWRITE_JPEG_OPTIMIZE, 1},
                                              std::vector<int>{cv::IMWRITE_JPEG_PROGRESSIVE, 1}}) {
        EXPECT_EQ(jpeg_damage(jpeg_of(height, width, options, kind)), "") << height << "x" << width;
      }
    }
  }
  EXPECT_EQ(jpeg_damage(""), "");
  EXPECT_EQ(jpeg_damage("no picture"), "");
}

TEST(JpegDamage, RealPicturesAreWhole) {
  LIMN_REQUIRE_SHARED("data/images/imagenet_100");
  namespace fs = std::filesystem;
  int count = 0;
  for (const auto& one :
       fs::recursive_directory_iterator(testing::shared("data/images/imagenet_100"))) {
    if (!one.is_regular_file() || !is_picture_name(one.path().string())) continue;
    EXPECT_EQ(jpeg_damage(read_file(one.path().string())), "") << one.path();
    ++count;
  }
  EXPECT_GE(count, 100);
}

/// 64 bytes of noise in the body.
TEST(JpegDamage, DamageIsMostlyFound) {
  std::mt19937 random(1);
  int found = 0;
  for (int i = 0; i < 100; ++i) {
    std::string bytes = jpeg_of(120, 160, {cv::IMWRITE_JPEG_QUALITY, 80});
    const std::size_t body = body_of(bytes);
    const std::size_t from = body + random() % (bytes.size() - body - 70);
    for (std::size_t k = 0; k < 64; ++k) bytes[from + k] = static_cast<char>(random());
    found += jpeg_damage(bytes).empty() ? 0 : 1;
  }
  EXPECT_GE(found, 80);
}

TEST(JpegDamage, MissingPartsAreFound) {
  const std::string whole = jpeg_of(120, 160, {cv::IMWRITE_JPEG_QUALITY, 80});
  const std::size_t body = body_of(whole);
  std::string cut = whole;
  cut.erase(body + 700, 900);
  EXPECT_NE(jpeg_damage(cut), "");
  std::string early = whole.substr(0, body + 500) + "\xff\xd9";
  EXPECT_NE(jpeg_damage(early), "");
  std::string parts = jpeg_of(120, 160, {cv::IMWRITE_JPEG_RST_INTERVAL, 5});
  const std::size_t first = parts.find("\xff\xd1"), second = parts.find("\xff\xd2");
  parts.erase(first, second - first);
  EXPECT_NE(jpeg_damage(parts), "");
}

TEST(JpegDamage, AFewBytesOverAreNone) {
  std::string more = jpeg_of(120, 160, {cv::IMWRITE_JPEG_QUALITY, 80});
  more.insert(more.size() - 2, "more");
  EXPECT_EQ(jpeg_damage(more), "");
}

TEST(JpegDamage, DamagedPicturesAreRefusedByName) {
  std::string bytes = jpeg_of(120, 160, {cv::IMWRITE_JPEG_QUALITY, 80});
  EXPECT_EQ(decode_picture(bytes, "a.jpg").height(), 120);
  bytes = bytes.substr(0, body_of(bytes) + 500) + "\xff\xd9";
  LIMN_EXPECT_ERROR("\"a.jpg\": this JPEG file is damaged (Corrupt JPEG data: premature end",
                    decode_picture(bytes, "a.jpg"));
}

/// Whatever the bytes, it ends and says something.
TEST(JpegDamage, NothingCrashesIt) {
  const std::string whole = jpeg_of(33, 47, {cv::IMWRITE_JPEG_QUALITY, 80});
  std::mt19937 random(2);
  for (std::size_t cut = 0; cut < whole.size(); ++cut) jpeg_damage(whole.substr(0, cut));
  for (int i = 0; i < 3000; ++i) {
    std::string bytes = whole;
    for (int k = 0; k < 4; ++k) bytes[random() % bytes.size()] = static_cast<char>(random());
    jpeg_damage(bytes);
  }
}

}  // namespace
}  // namespace limn
