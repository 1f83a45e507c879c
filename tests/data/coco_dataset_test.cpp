// The data set `coco`: small files with every form of mask and every kind of damage, and a hundred
// real pictures.
#include <array>
#include <cmath>

#include "data/coco_json.h"
#include "support/dataset_folder.h"
#include "support/slow_coco.h"
#include "support/support.h"

namespace limn {
namespace {

using testing::Plane;
using testing::problems_of;
using testing::slow_counts;
using testing::slow_polygon;
using testing::slow_text;
using testing::write_file_text;
using testing::write_picture;

/// Two pictures of 8 x 6 pixels and categories whose ids have gaps.
class CocoDataset : public ::testing::Test {
 protected:
  void SetUp() override {
    write_picture(folder_ / "images/COCO_val2014_000000000042.jpg", 6, 8);
    write_picture(folder_ / "images/b.png", 6, 8);
  }
  std::unique_ptr<Dataset> open(const std::string& annotations, const std::string& more = "") {
    write_file_text(folder_ / "instances.json", json(annotations));
    return make_dataset("coco(\"" + (folder_ / "instances.json") + "\"" + more + ")");
  }
  static std::string json(const std::string& annotations) {
    return R"({"info": {"year": 2014}, "licenses": [{"id": 1, "tags": [[1], {}]}, 5],
      "annotations": [)" +
           annotations + R"(],
      "images": [
        {"id": 42, "width": 8, "height": 6, "file_name": "COCO_val2014_000000000042.jpg"},
        {"id": 7, "width": 8, "height": 6, "file_name": "b.png"}],
      "categories": [{"id": 3, "name": "cat"}, {"id": 90, "name": "toothbrush"}]})";
  }
  static std::string annotation(const std::string& more, int category = 90, int image = 42) {
    return concat(R"({"id": 5, "image_id": )", image, R"(, "category_id": )", category, more, "}");
  }
  testing::TemporaryFolder folder_;
};

TEST_F(CocoDataset, AllThreeFormsOfMasksAreRead) {
  Plane plane(6, std::vector<bool>(8));
  for (std::size_t y = 1; y < 4; ++y) {
    for (std::size_t x = 1; x < 5; ++x) plane[y][x] = true;
  }
  std::string counts;
  for (const auto count : slow_counts(plane)) counts += concat(counts.empty() ? "" : ",", count);
  std::string text;
  for (const char c : slow_text(slow_counts(plane))) text += c == '\\' ? "\\\\" : std::string(1, c);
  for (const std::string& shape :
       {std::string("[[1,1,5,1,5,4,1,4]]"), std::string("[[1,1,3,1,3,4,1,4],[3,1,5,1,5,4,3,4]]"),
        R"({"size": [6, 8], "counts": [)" + counts + "]}",
        R"({"size": [6, 8], "counts": ")" + text + "\"}"}) {
    const auto data =
        open(annotation(R"(, "bbox": [1, 1, 4, 3], "iscrowd": 1, "segmentation": )" + shape));
    EXPECT_EQ(problems_of(*data), "") << shape;
    ASSERT_EQ(data->size(), 2);
    EXPECT_EQ(data->labels(), (std::vector<std::string>{"cat", "toothbrush"}));
    const DatasetItem item = data->read(0);
    EXPECT_EQ(item.id, "COCO_val2014_000000000042");
    EXPECT_EQ(item.labels, std::vector<int>{1}) << "90 is the second category";
    ASSERT_EQ(item.objects.size(), 1U);
    EXPECT_TRUE(item.objects[0].crowd);
    EXPECT_EQ(item.objects[0].box, (PixelBox{1, 1, 5, 4}));
    const Truth truth = item.truth(1);
    for (int y = 0; y < 6; ++y) {
      for (int x = 0; x < 8; ++x) {
        EXPECT_EQ(truth.pixels[y][x].item<bool>(),
                  plane[static_cast<std::size_t>(y)][static_cast<std::size_t>(x)])
            << shape << x << ' ' << y;
      }
    }
    EXPECT_TRUE(truth.mask().equal(truth.boxes));
    EXPECT_TRUE(data->read(1).labels.empty()) << "a picture without annotations";
  }
}

TEST_F(CocoDataset, BoxesAreThePixelsThatTheyTouch) {
  const DatasetItem item = open(annotation(R"(, "bbox": [1.5, 0, 3.2, 6.4])"))->read(0);
  EXPECT_EQ(item.objects[0].box, (PixelBox{1, 0, 5, 6}));
  EXPECT_FALSE(item.objects[0].mask.defined());
  const auto outside = open(annotation(R"(, "bbox": [-4, 0, 30, 2])"))->check();
  ASSERT_EQ(outside.size(), 1U);
  EXPECT_TRUE(outside[0].readable);
  EXPECT_NE(outside[0].what.find("annotation 5 (toothbrush): its box leaves"), std::string::npos);
}

TEST_F(CocoDataset, ABrokenAnnotationSpoilsItsPictureAlone) {
  const auto expect = [&](const std::string& words, const std::string& bad) {
    const auto data = open(bad + "," + annotation(R"(, "bbox": [1, 1, 2, 2])", 3, 7));
    const auto problems = data->check();
    ASSERT_EQ(problems.size(), 1U) << bad;
    EXPECT_FALSE(problems[0].readable);
    EXPECT_EQ(problems[0].id, "COCO_val2014_000000000042");
    EXPECT_NE(problems[0].what.find(words), std::string::npos) << problems[0].what;
    LIMN_EXPECT_ERROR(words, data->read(0));
    EXPECT_EQ(data->read(1).labels, std::vector<int>{0});
  };
  expect("annotation 5: unknown class: no category has the id 8", annotation("", 8));
  expect("\"bbox\" is [1,2]", annotation(R"(, "bbox": [1, 2])"));
  expect("\"bbox\" is", annotation(R"(, "bbox": [1, 2, -3, 4])"));
  expect("\"segmentation\" is 5", annotation(R"(, "segmentation": 5)"));
  expect("\"segmentation\" is 1", annotation(R"(, "segmentation": [1, 2, 3, 4, 5, 6])"));
  expect("a polygon of 4 numbers", annotation(R"(, "segmentation": [[1, 2, 3, 4]])"));
  expect("\"counts\" is missing", annotation(R"(, "segmentation": {"size": [6, 8]})"));
  expect("a run of -4", annotation(R"(, "segmentation": {"size": [6, 8], "counts": [-4]})"));
  expect("a run of 1e+18", annotation(R"(, "segmentation": {"size": [6, 8], "counts": [1e18]})"));
  expect("\"size\" is [60000,60000]",
         annotation(R"(, "segmentation": {"size": [60000, 60000], "counts": [1]})"));
  expect("its mask is 8 x 5 pixels, the picture 8 x 6",
         annotation(R"(, "segmentation": {"size": [5, 8], "counts": [40]})"));
  expect("cover 40", annotation(R"(, "segmentation": {"size": [6, 8], "counts": [40]})"));
}

TEST_F(CocoDataset, FilesThatSayNothingAreRefusedWhereItIsKnown) {
  const auto opened = [&](const std::string& json) {
    write_file_text(folder_ / "instances.json", json);
    return make_dataset("coco(\"" + (folder_ / "instances.json") + "\")");
  };
  LIMN_EXPECT_ERROR("not JSON: ", opened("{\"images\": ["));
  LIMN_EXPECT_ERROR("no list \"images\"", opened("[]"));
  LIMN_EXPECT_ERROR("no list \"images\"", opened("{\"annotations\": [], \"categories\": []}"));
  LIMN_EXPECT_ERROR("images[0] is no object", opened("{\"images\": [1]}"));
  LIMN_EXPECT_ERROR("images[0]: \"width\" is missing", opened("{\"images\": [{\"id\": 1}]}"));
  LIMN_EXPECT_ERROR("annotations[0]: \"image_id\" is missing", open("{\"id\": 5}"));
  std::string deep;
  for (int i = 0; i < 100000; ++i) deep += "[";
  LIMN_EXPECT_ERROR("nested too deep", open(annotation(", \"segmentation\": " + deep)));
  std::string many = "[[0";
  for (int i = 0; i < 4'000'001; ++i) many += ",1";
  LIMN_EXPECT_ERROR("annotations[0]: more than 4000000 values",
                    open(annotation(", \"segmentation\": " + many + "]]")));
  LIMN_EXPECT_ERROR("give the JSON", make_dataset("coco"));
  LIMN_EXPECT_ERROR("cannot open", make_dataset("coco(nowhere.json)"));
  std::filesystem::remove_all(folder_ / "images");
  LIMN_EXPECT_ERROR("give images=FOLDER", open(""));
}

TEST_F(CocoDataset, PicturesAreCheckedAgainstTheFile) {
  write_picture(folder_ / "images/b.png", 6, 9);
  std::filesystem::remove(folder_ / "images/COCO_val2014_000000000042.jpg");
  const auto data = open(annotation("", 3, 1000));
  const std::string problems = problems_of(*data);
  EXPECT_NE(problems.find("000042: cannot open"), std::string::npos) << problems;
  EXPECT_NE(problems.find("says that it is 8 x 6 pixels, the picture 9 x 6"), std::string::npos);
  EXPECT_NE(problems.find("annotation 5: belongs to a picture that"), std::string::npos);
}

TEST_F(CocoDataset, TheDifficultListIsFoundByTheNameOfThePicture) {
  write_file_text(folder_ / "hard.txt", "COCO_val2014_000000000042\t0\t1\n");
  const std::string both = annotation("", 3) + "," + annotation("");
  const auto data = open(both, ", difficult-list=\"" + (folder_ / "hard.txt") + "\"");
  EXPECT_EQ(data->read(0).labels, (std::vector<int>{0, 1}));
  EXPECT_EQ(data->read(0).difficult_list, std::vector<int>{1});
}

/// The area between the corners (shoelace formula) and the length of the outline.
std::array<double, 2> area_and_length(const std::vector<double>& xy) {
  double area = 0, length = 0;
  for (std::size_t i = 0; i < xy.size(); i += 2) {
    const std::size_t j = (i + 2) % xy.size();
    area += xy[i] * xy[j + 1] - xy[j] * xy[i + 1];
    length += std::hypot(xy[j] - xy[i], xy[j + 1] - xy[i + 1]);
  }
  return {std::abs(area) / 2, length};
}

/// Do no two sides cross?
bool simple(const std::vector<double>& xy) {
  const auto side = [&](std::size_t a, std::size_t b, std::size_t c) {
    const double cross =
        (xy[b] - xy[a]) * (xy[c + 1] - xy[a + 1]) - (xy[b + 1] - xy[a + 1]) * (xy[c] - xy[a]);
    return (cross > 0) - (cross < 0);
  };
  for (std::size_t i = 0; i < xy.size(); i += 2) {
    const std::size_t i2 = (i + 2) % xy.size();
    for (std::size_t j = i + 4; j < xy.size(); j += 2) {
      const std::size_t j2 = (j + 2) % xy.size();
      if (side(i, i2, j) * side(i, i2, j2) < 0 && side(j, j2, i) * side(j, j2, i2) < 0)
        return false;
    }
  }
  return true;
}

TEST(Coco100, AreasBoxesAndMasksAgree) {
  LIMN_REQUIRE_SHARED("data/coco100/instances.json");
  const std::string path = testing::shared("data/coco100/instances.json");
  const auto data = make_dataset("coco(\"" + path + "\")");
  ASSERT_EQ(data->size(), 100);
  EXPECT_EQ(data->labels().size(), 80U);
  EXPECT_EQ(problems_of(*data), "");
  const CocoFile file = parse_coco(testing::read_text(path));
  ASSERT_EQ(file.annotations.size(), 746U);
  int simple_ones = 0;
  for (std::int64_t index = 0; index < data->size(); ++index) {
    const DatasetItem item = data->read(index);
    EXPECT_EQ(data->labels_of(index), item.labels);
    const auto& places = file.images[static_cast<std::size_t>(index)].annotations;
    ASSERT_EQ(item.objects.size(), places.size());
    for (std::size_t i = 0; i < places.size(); ++i) {
      const std::string where = concat(item.id, " object ", i);
      const DatasetObject& object = item.objects[i];
      const CocoAnnotation& annotation = file.annotations[places[i]];
      ASSERT_EQ(annotation.polygons.size(), 1U);
      const std::vector<double>& polygon = annotation.polygons[0];
      const auto [area, length] = area_and_length(polygon);
      EXPECT_NEAR(area, annotation.area, 1e-6) << where;
      // Where a ring crosses itself, the mask changes sides and the formula's area does not.
      if (simple(polygon)) {
        ++simple_ones;
        EXPECT_NEAR(object.mask.sum().item<double>(), area, 0.15 * length) << where;
      }
      Tensor outside = object.mask.clone();
      const PixelBox& box = object.box;
      outside.slice(0, std::max(box.top - 1, 0), box.bottom + 1)
          .slice(1, std::max(box.left - 1, 0), box.right + 1)
          .fill_(false);
      EXPECT_FALSE(outside.any().item<bool>()) << where;
      if (index % 10 > 0) continue;
      const Plane slow = slow_polygon(polygon, static_cast<int>(item.picture.height()),
                                      static_cast<int>(item.picture.width()));
      const bool* pixel = object.mask.data_ptr<bool>();
      for (const auto& row : slow) {
        for (const bool inside : row) ASSERT_EQ(*pixel++, inside) << where;
      }
    }
  }
  EXPECT_EQ(simple_ones, 662);
}

}  // namespace
}  // namespace limn
