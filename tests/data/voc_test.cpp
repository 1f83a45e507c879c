// The VOC folder: read back with pugixml and OpenCV, it says what the pictures' truth says.
#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <opencv2/imgcodecs.hpp>
#include <pugixml.hpp>
#include <sstream>

#include "limn/error.h"
#include "limn/shapes.h"

namespace limn {
namespace {

namespace fs = std::filesystem;

class VocFolder : public testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = (fs::temp_directory_path() / "limn-voc-XXXXXX").string();
    ASSERT_NE(mkdtemp(pattern.data()), nullptr);
    base_ = pattern;
  }
  void TearDown() override { fs::remove_all(base_); }

  static std::string name(int index) { return concat("shapes_00000", index); }
  static std::vector<std::string> lines(const fs::path& path) {
    std::ifstream file(path);
    EXPECT_TRUE(file) << path;
    std::vector<std::string> result;
    for (std::string line; std::getline(file, line);) result.push_back(line);
    return result;
  }
  fs::path base_;
  ShapesOptions options_{.seed = 8, .width = 80, .height = 64, .min_shapes = 2};
};

/// VOC's palette as its own script builds it, for the first 16 indices.
const std::vector<cv::Vec3b> kPalette = {{0, 0, 0},   {0, 0, 128},   {0, 128, 0},   {0, 128, 128},
                                         {128, 0, 0}, {128, 0, 128}, {128, 128, 0}, {128, 128, 128},
                                         {0, 0, 64},  {0, 0, 192},   {0, 128, 64},  {0, 128, 192}};

TEST_F(VocFolder, PicturesBoxesAndMasksSayWhatTheTruthSays) {
  const std::string folder = (base_ / "voc").string();
  write_voc(folder, options_, 8);
  for (int index = 0; index < 8; ++index) {
    const auto truth = shapes_picture(options_, index);
    const cv::Mat jpeg = cv::imread(folder + "/JPEGImages/" + name(index) + ".jpg");
    ASSERT_EQ(jpeg.size(), cv::Size(80, 64));
    const Tensor bytes = at::from_blob(jpeg.data, {64, 80, 3}, at::kByte);
    const Tensor difference = bytes.flip(2).permute({2, 0, 1}).to(at::kFloat) - truth.picture;
    EXPECT_LT(difference.abs().mean().item<float>(), 4);

    pugi::xml_document document;
    ASSERT_TRUE(document.load_file((folder + "/Annotations/" + name(index) + ".xml").c_str()));
    const auto root = document.child("annotation");
    EXPECT_EQ(root.child("filename").text().get(), name(index) + ".jpg");
    EXPECT_EQ(root.child("size").child("width").text().as_int(), 80);
    std::size_t i = 0;
    for (const auto& object : root.children("object")) {
      ASSERT_LT(i, truth.shapes.size());
      const auto& shape = truth.shapes[i++];
      EXPECT_EQ(object.child("name").text().get(), shape_labels()[shape.label]);
      const auto box = object.child("bndbox");
      EXPECT_EQ(box.child("xmin").text().as_int(), shape.box.left + 1);
      EXPECT_EQ(box.child("ymin").text().as_int(), shape.box.top + 1);
      EXPECT_EQ(box.child("xmax").text().as_int(), shape.box.right);
      EXPECT_EQ(box.child("ymax").text().as_int(), shape.box.bottom);
    }
    EXPECT_EQ(i, truth.shapes.size());

    const cv::Mat classes = cv::imread(folder + "/SegmentationClass/" + name(index) + ".png");
    const cv::Mat objects = cv::imread(folder + "/SegmentationObject/" + name(index) + ".png");
    ASSERT_EQ(classes.size(), cv::Size(80, 64));
    const auto owner = truth.instances.accessor<std::uint8_t, 2>();
    for (int y = 0; y < 64; ++y) {
      for (int x = 0; x < 80; ++x) {
        const std::size_t id = owner[y][x];
        const std::size_t label = id ? static_cast<std::size_t>(truth.shapes[id - 1].label) + 1 : 0;
        ASSERT_EQ(objects.at<cv::Vec3b>(y, x), kPalette[id]);
        ASSERT_EQ(classes.at<cv::Vec3b>(y, x), kPalette[label]);
      }
    }
  }
  EXPECT_FALSE(fs::exists(folder + "/TagMask"));
  EXPECT_FALSE(fs::exists(folder + ".partial"));
}

TEST_F(VocFolder, TheMasksAreIndexedPng) {
  write_voc((base_ / "voc").string(), options_, 1);
  std::ifstream file(base_ / "voc/SegmentationClass/shapes_000000.png", std::ios::binary);
  std::string bytes(64, '\0');
  ASSERT_TRUE(file.read(bytes.data(), 64));
  EXPECT_EQ(bytes[24], 8) << "bit depth";
  EXPECT_EQ(bytes[25], 3) << "color type: indexed";
  EXPECT_EQ(bytes.substr(37, 4), "PLTE");
}

TEST_F(VocFolder, ListsAndTablesCoverEveryPicture) {
  const fs::path folder = base_ / "voc";
  write_voc(folder.string(), options_, 8, {.val_share = 0.25, .progress = {}});
  EXPECT_EQ(lines(folder / "ImageSets/Main/train.txt").size(), 6U);
  EXPECT_EQ(lines(folder / "ImageSets/Main/val.txt"), (std::vector<std::string>{name(6), name(7)}));
  EXPECT_EQ(lines(folder / "ImageSets/Segmentation/trainval.txt").size(), 8U);
  const auto table = lines(folder / "labels.csv");
  ASSERT_EQ(table.size(), 9U);
  EXPECT_EQ(table[0],
            "picture,circle,square,triangle,star,ring,cross,hexagon,heart,crescent,arrow,tag");
  std::size_t instances = 0;
  for (int index = 0; index < 8; ++index) {
    const auto truth = shapes_picture(options_, index);
    std::string expected = name(index);
    for (int label = 0; label < 10; ++label) expected += truth.holds(label) ? ",1" : ",0";
    EXPECT_EQ(table[static_cast<std::size_t>(index) + 1], expected + ",0");
    const auto hearts = lines(folder / "ImageSets/Main/heart_trainval.txt");
    EXPECT_EQ(hearts[static_cast<std::size_t>(index)],
              name(index) + (truth.holds(shape_label("heart")) ? "  1" : " -1"));
    instances += truth.shapes.size();
  }
  EXPECT_EQ(lines(folder / "instances.csv").size(), instances + 1);
}

TEST_F(VocFolder, TagsHaveTheirOwnMasks) {
  const std::string folder = (base_ / "voc").string();
  options_.tag = TagRule::OnClass;
  options_.tag_label = shape_label("star");
  write_voc(folder, options_, 12);
  int tagged = 0;
  for (int index = 0; index < 12; ++index) {
    const auto truth = shapes_picture(options_, index);
    const std::string path =
        folder + "/TagMask/" + (index < 10 ? name(index) : concat("shapes_0000", index)) + ".png";
    ASSERT_EQ(fs::exists(path), truth.has_tag);
    if (!truth.has_tag) continue;
    ++tagged;
    const cv::Mat mask = cv::imread(path, cv::IMREAD_GRAYSCALE);
    const Tensor read = at::from_blob(mask.data, {64, 80}, at::kByte).eq(255);
    EXPECT_TRUE(read.equal(truth.tag));
  }
  EXPECT_GT(tagged, 0);
}

TEST_F(VocFolder, AFolderThatIsNotEmptyIsRefusedAndNothingIsLeft) {
  const fs::path folder = base_ / "voc";
  fs::create_directory(folder);
  std::ofstream(folder / "mine.txt") << "keep";
  EXPECT_THROW(write_voc(folder.string(), options_, 2), Error);
  EXPECT_EQ(lines(folder / "mine.txt"), std::vector<std::string>{"keep"});
  EXPECT_THROW(write_voc((base_ / "other").string(), options_, 4,
                         {.val_share = 0.25,
                          .progress = [](auto, auto) { throw std::runtime_error("stopped"); }}),
               std::runtime_error);
  EXPECT_FALSE(fs::exists(base_ / "other"));
  EXPECT_FALSE(fs::exists(base_ / "other.partial"));
  EXPECT_THROW(write_voc((base_ / "none").string(), options_, 0), Error);
}

}  // namespace
}  // namespace limn
