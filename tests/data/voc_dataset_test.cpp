// The data set `voc`: folders of `limn shapes` come back exactly, and hand-written ones as written.
#include "data/palette_png.h"
#include "limn/shapes.h"
#include "support/dataset_folder.h"

namespace limn {
namespace {

using testing::cut_in_half;
using testing::problems_of;
using testing::write_file_text;
using testing::write_picture;

std::string object_xml(const std::string& name, const std::string& box, bool difficult = false) {
  std::istringstream sides(box);
  std::string left, top, right, bottom;
  sides >> left >> top >> right >> bottom;
  return "<object><name>" + name + "</name><difficult>" + (difficult ? "1" : "0") +
         "</difficult><bndbox><xmin>" + left + "</xmin><ymin>" + top + "</ymin><xmax>" + right +
         "</xmax><ymax>" + bottom + "</ymax></bndbox><part><name>head</name></part></object>";
}

/// Two pictures of 30 x 20 pixels: a person and two cats with masks; a difficult dog without.
class VocDataset : public ::testing::Test {
 protected:
  void SetUp() override {
    for (const char* name : {"000001", "000002"}) {
      write_picture(folder_ / (std::string("JPEGImages/") + name + ".jpg"), 20, 30);
    }
    annotate("000001", object_xml("person", "1 1 10 20") + object_xml("cat", "12 3 20 9") +
                           object_xml("cat", "21.2 3 30 9.4", true));
    annotate("000002", object_xml("dog", "5 6 7 8", true));
    write_file_text(folder_ / "ImageSets/Main/test.txt", "000001\r\n000002\n");
    write_file_text(folder_ / "ImageSets/Main/dog_test.txt", "000001 -1\n000002  0\n");
    write_file_text(folder_ / "ImageSets/Segmentation/test.txt", "000001\n");
    classes_ = at::zeros({20, 30}, at::kByte);
    objects_ = at::zeros({20, 30}, at::kByte);
    put(classes_, 0, 20, 0, 10, 15);
    put(objects_, 0, 20, 0, 10, 1);
    put(classes_, 2, 9, 11, 20, 8);
    put(objects_, 2, 9, 11, 20, 2);
    put(classes_, 2, 9, 10, 11, 255);
    put(objects_, 2, 9, 10, 11, 255);
    write_masks();
  }
  static void put(Tensor& plane, int top, int bottom, int left, int right, int value) {
    plane.slice(0, top, bottom).slice(1, left, right).fill_(value);
  }
  void annotate(const std::string& name, const std::string& objects, int width = 30) {
    write_file_text(folder_ / ("Annotations/" + name + ".xml"),
                    concat("<annotation><size><width>", width, "</width><height>20</height>",
                           "<depth>3</depth></size>\n", objects, "</annotation>"));
  }
  void write_mask(const std::string& path, const Tensor& plane) {
    const auto png = palette_png(plane.data_ptr<std::uint8_t>(), static_cast<int>(plane.size(1)),
                                 static_cast<int>(plane.size(0)));
    write_file_text(folder_ / path, {png.begin(), png.end()});
  }
  void write_masks() {
    write_mask("SegmentationClass/000001.png", classes_);
    write_mask("SegmentationObject/000001.png", objects_);
  }
  /// classes_ in VOC's colors.
  Tensor colors() const {
    Tensor out = at::empty({20, 30, 3}, at::kByte);
    for (int y = 0; y < 20; ++y) {
      for (int x = 0; x < 30; ++x) {
        const RgbColor color = voc_color(classes_[y][x].item<std::uint8_t>());
        for (int c = 0; c < 3; ++c) out[y][x][c] = color[static_cast<std::size_t>(c)];
      }
    }
    return out;
  }
  std::unique_ptr<Dataset> open(const std::string& options = "set=test") {
    return make_dataset("voc(\"" + folder_.path() + "\", " + options + ")");
  }

  testing::TemporaryFolder folder_;
  Tensor classes_, objects_;
};

constexpr int kCat = 7, kDog = 11, kPerson = 14;

TEST_F(VocDataset, FoldersOfShapesComeBackExactly) {
  const ShapesOptions options{.seed = 3, .width = 90, .height = 70, .min_shapes = 2};
  const std::string folder = folder_ / "shapes";
  write_voc(folder, options, 12, {.val_share = 0.25, .progress = {}});
  const auto data = make_dataset("voc(\"" + folder + "\", set=trainval)");
  ASSERT_EQ(data->size(), 12);
  EXPECT_EQ(data->labels(), shape_labels()) << "from labels.csv";
  EXPECT_EQ(problems_of(*data), "");
  EXPECT_EQ(make_dataset("voc(\"" + folder + "\")")->size(), 3) << "val";
  for (std::int64_t index = 0; index < 12; ++index) {
    const ShapesPicture drawn = shapes_picture(options, index);
    const DatasetItem item = data->read(index);
    ASSERT_EQ(item.objects.size(), drawn.shapes.size());
    for (std::size_t i = 0; i < drawn.shapes.size(); ++i) {
      EXPECT_EQ(item.objects[i].label, drawn.shapes[i].label);
      EXPECT_EQ(item.objects[i].box, drawn.shapes[i].box);
      EXPECT_TRUE(item.objects[i].mask.equal(drawn.instances == static_cast<std::int64_t>(i + 1)));
    }
    EXPECT_EQ(data->labels_of(index), item.labels);
    for (int label = 0; label < 10; ++label) {
      EXPECT_TRUE(item.truth(label).pixels.equal(drawn.mask(label)));
      EXPECT_TRUE((item.segmentation == label).equal(drawn.mask(label)));
      EXPECT_EQ(std::count(item.labels.begin(), item.labels.end(), label), drawn.holds(label));
    }
  }
}

TEST_F(VocDataset, BoxesMasksAndFlagsAreAsWritten) {
  const auto data = open();
  ASSERT_EQ(data->size(), 2);
  EXPECT_EQ(data->labels().size(), 20U);
  EXPECT_EQ(problems_of(*data), "");
  const DatasetItem item = data->read(0);
  EXPECT_EQ(item.id, "000001");
  EXPECT_EQ(item.picture.width(), 30);
  EXPECT_EQ(item.labels, (std::vector<int>{kCat, kPerson}));
  ASSERT_EQ(item.objects.size(), 3U);
  // Rows ymin - 1 .. ymax - 1 and columns xmin - 1 .. xmax - 1 belong to the box.
  EXPECT_EQ(item.objects[0].box, (PixelBox{0, 0, 10, 20}));
  EXPECT_EQ(item.objects[1].box, (PixelBox{11, 2, 20, 9}));
  EXPECT_EQ(item.objects[2].box, (PixelBox{20, 2, 30, 9})) << "fractions are rounded";
  EXPECT_TRUE(item.objects[1].mask.equal(objects_ == 2));
  EXPECT_FALSE(item.objects[2].mask.defined());

  const Truth cats = item.truth(kCat);
  Tensor boxes = at::zeros({20, 30}, at::kByte);
  put(boxes, 2, 9, 11, 30, 1);
  EXPECT_TRUE(cats.boxes.equal(boxes == 1)) << "the difficult one included";
  EXPECT_TRUE(cats.pixels.equal(classes_ == 8));
  EXPECT_TRUE(cats.ignored.equal(classes_ == 255));
  EXPECT_FALSE(cats.all_difficult);

  const DatasetItem second = data->read(1);
  EXPECT_EQ(second.labels, std::vector<int>{kDog});
  EXPECT_TRUE(second.truth(kDog).all_difficult);
  EXPECT_FALSE(second.segmentation.defined());
  EXPECT_FALSE(second.truth(kDog).pixels.defined());
  EXPECT_EQ(second.truth(kDog).mask().sum().item<std::int64_t>(), 9);
}

TEST_F(VocDataset, SetsAndListsOfOneClassSelect) {
  EXPECT_EQ(open("set=test, list=segmentation")->size(), 1);
  const auto dogs = open("set=dog_test");
  ASSERT_EQ(dogs->size(), 1);
  EXPECT_EQ(dogs->id(0), "000002");
  LIMN_EXPECT_ERROR("did you mean set=\"test\"", open("set=tset"));
}

TEST_F(VocDataset, AnInstanceNumberOfAnotherClassGoesToTheBoxItFills) {
  // Number 1 is the person in the XML; here it is the mask of the second cat.
  objects_.zero_();
  put(classes_, 2, 9, 20, 30, 8);
  put(objects_, 2, 9, 20, 30, 1);
  write_masks();
  const DatasetItem item = open()->read(0);
  EXPECT_FALSE(item.objects[0].mask.defined());
  EXPECT_FALSE(item.objects[1].mask.defined());
  EXPECT_TRUE(item.objects[2].mask.equal(objects_ == 1));
}

TEST_F(VocDataset, TheDifficultListIsTorchRays) {
  std::string flags;
  for (int label = 0; label < 20; ++label) flags += label == kCat ? "\t1" : "\t0";
  write_file_text(folder_ / "difficult.txt", "000001" + flags + "\n");
  const std::string option = "set=test, difficult-list=\"" + (folder_ / "difficult.txt") + "\"";
  const auto data = open(option);
  const DatasetItem item = data->read(0);
  EXPECT_EQ(item.difficult_list, std::vector<int>{kCat});
  EXPECT_TRUE(item.truth(kCat).in_difficult_list);
  EXPECT_FALSE(item.truth(kPerson).in_difficult_list);
  EXPECT_TRUE(data->read(1).truth(kDog).in_difficult_list) << "a picture that is not on the list";
  EXPECT_TRUE(open()->read(0).difficult_list.empty()) << "no list at all";

  write_file_text(folder_ / "difficult.txt", "000001\t1\t0\n");
  LIMN_EXPECT_ERROR("line 1: 2 flags; expected one for each of 20", open(option));
  write_file_text(folder_ / "difficult.txt", "000001" + flags + "\n000002\tyes\n");
  LIMN_EXPECT_ERROR("line 2: \"yes\"", open(option));
}

TEST_F(VocDataset, MasksMayBeIndexedGrayOrInColor) {
  const Tensor gray = classes_.unsqueeze(2).expand({20, 30, 3}).contiguous();
  EXPECT_TRUE(palette_indices(encode_png(colors()), "color").equal(classes_));
  LIMN_EXPECT_ERROR("not in VOC's palette", palette_indices(encode_png(gray.clamp(7)), "other"));
  const auto png = palette_png(classes_.data_ptr<std::uint8_t>(), 30, 20);
  const std::string bytes(png.begin(), png.end());
  EXPECT_TRUE(palette_indices(bytes, "indexed").equal(classes_));
  LIMN_EXPECT_ERROR("truncated", palette_indices(bytes.substr(0, bytes.size() - 20), "cut"));
  LIMN_EXPECT_ERROR("is no PNG", palette_indices("GIF89a", "gif"));
  std::string damaged = bytes;
  for (std::size_t i = bytes.find("IDAT") + 8; i + 20 < bytes.size(); ++i) damaged[i] = '\x55';
  LIMN_EXPECT_ERROR("mask \"damaged\"", palette_indices(damaged, "damaged"));
}

TEST_F(VocDataset, WhatIsWrongIsNamedAndTheRestIsRead) {
  annotate("000001", object_xml("unicorn", "1 1 10 20"));
  EXPECT_NE(problems_of(*open()).find("000001.xml\": unknown class \"unicorn\""),
            std::string::npos);
  LIMN_EXPECT_ERROR("unknown class \"unicorn\"", open()->read(0));
  EXPECT_EQ(open()->read(1).id, "000002");

  annotate("000001", object_xml("cat", "1 1 40 20"));
  const auto cut = open()->check();
  ASSERT_EQ(cut.size(), 1U);
  EXPECT_TRUE(cut[0].readable);
  EXPECT_NE(cut[0].what.find("object 1 (cat): its box leaves"), std::string::npos);
  EXPECT_EQ(open()->read(0).objects[0].box, (PixelBox{0, 0, 30, 20}));

  annotate("000001", object_xml("cat", "9 1 4 20"));
  LIMN_EXPECT_ERROR("object 1: \"cat\": its box ends before it begins", open()->read(0));
  annotate("000001", object_xml("cat", "9 1 x 20"));
  LIMN_EXPECT_ERROR("<xmax> is \"x\"", open()->read(0));
  annotate("000001", object_xml("cat", "9 1 nan 20"));
  LIMN_EXPECT_ERROR("<xmax> is \"nan\"", open()->read(0));
  annotate("000001", object_xml("cat", "1 1 4 20"), 31);
  LIMN_EXPECT_ERROR("its annotation is 31 x 20 pixels, the picture 30 x 20", open()->read(0));
  annotate("000001", "<object>\n</annotation>");
  LIMN_EXPECT_ERROR("not XML, line 3", open()->read(0));
  std::filesystem::remove(folder_ / "Annotations/000001.xml");
  LIMN_EXPECT_ERROR("cannot open", open()->read(0));
  EXPECT_EQ(open()->check().at(0).code, ErrorCode::NotFound);
}

TEST_F(VocDataset, MasksThatDoNotFitAreRefused) {
  const Tensor small = classes_.slice(0, 0, 19).contiguous();
  write_mask("SegmentationClass/000001.png", small);
  EXPECT_NE(problems_of(*open()).find("is 30 x 19 pixels, the picture 30 x 20"), std::string::npos);
  put(classes_, 0, 1, 0, 1, 77);
  write_masks();
  LIMN_EXPECT_ERROR("holds the index 77, and there are 20 classes", open()->read(0));
  cut_in_half(folder_ / "SegmentationClass/000001.png");
  LIMN_EXPECT_ERROR("000001.png\" is truncated", open()->read(0));
}

TEST_F(VocDataset, MissingAndBrokenPicturesAreFoundBeforeWorkStarts) {
  cut_in_half(folder_ / "JPEGImages/000001.jpg");
  std::filesystem::remove(folder_ / "JPEGImages/000002.jpg");
  const auto problems = open()->check();
  ASSERT_EQ(problems.size(), 2U);
  EXPECT_NE(problems[0].what.find("truncated"), std::string::npos) << problems[0].what;
  EXPECT_EQ(problems[1].code, ErrorCode::NotFound);
  write_file_text(folder_ / "ImageSets/Main/test.txt", "../../../etc/passwd\n");
  LIMN_EXPECT_ERROR("leads out of", open()->read(0));
  LIMN_EXPECT_ERROR("no folder", make_dataset("voc(nowhere)"));
  LIMN_EXPECT_ERROR("give the folder", make_dataset("voc"));
}

}  // namespace
}  // namespace limn
