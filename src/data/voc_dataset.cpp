// The data set `voc`: a folder as PASCAL VOC 2007 and 2012 bring it, or `limn shapes` writes it.
// Source: Everingham et al., "The PASCAL Visual Object Classes (VOC) Challenge", 2010, and its
// devkit; boxes there are 1-based and include their last row and column.
#include <algorithm>
#include <cmath>
#include <map>

#include "data/csv_table.h"
#include "data/dataset_base.h"
#include "data/dataset_files.h"
#include "data/palette_png.h"
#include "data/voc_annotation.h"
#include "limn/sidecar.h"

namespace limn {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kMostXml = std::size_t{16} << 20, kMostPng = std::size_t{256} << 20;
constexpr std::int64_t kVoid = 255;

struct VocDataOptions {
  std::string folder;
  std::string set = "val";
  std::string list = "main";
  std::string labels;
  std::string difficult_list;
};

DatasetInfo info() {
  return {.name = "voc",
          .title = "PASCAL VOC",
          .summary = "Boxes, and masks where there are, of VOC 2007 and 2012 or of `limn shapes`.",
          .layout =
              "FOLDER/JPEGImages/ID.jpg, Annotations/ID.xml, ImageSets/Main/SET.txt, and "
              "where present SegmentationClass/ID.png and SegmentationObject/ID.png",
          .source =
              "Everingham, Van Gool, Williams, Winn, Zisserman: The PASCAL Visual Object "
              "Classes (VOC) Challenge, 2010"};
}

Fields fields(VocDataOptions& o) {
  return {text_field("folder", o.folder, "the folder that holds JPEGImages: VOCdevkit/VOC2007"),
          text_field("set", o.set, "which pictures: test, val, train, trainval, cat_val ..."),
          choice_field("list", o.list, {"main", "segmentation"},
                       "the folder below ImageSets that the set is taken from"),
          text_field("labels", o.labels,
                     "file with one class a line; default: the header of FOLDER/labels.csv, which "
                     "`limn shapes` writes, else VOC's 20 classes"),
          text_field("difficult-list", o.difficult_list,
                     "the pointing game's list of difficult pairs; a line a picture: name and one "
                     "0 or 1 a class")};
}

const std::vector<std::string>& voc_labels() {
  static const std::vector<std::string> labels = {
      "aeroplane", "bicycle",     "bird",  "boat",        "bottle", "bus",      "car",
      "cat",       "chair",       "cow",   "diningtable", "dog",    "horse",    "motorbike",
      "person",    "pottedplant", "sheep", "sofa",        "train",  "tvmonitor"};
  return labels;
}

std::vector<std::string> labels_for(const VocDataOptions& o) {
  if (!o.labels.empty()) return read_labels(o.labels);
  const fs::path table = fs::path(o.folder) / "labels.csv";
  if (!fs::exists(table)) return voc_labels();
  const std::vector<std::string> lines = read_lines(table.string());
  const auto rows = parse_csv(lines.empty() ? std::string_view() : lines.front());
  if (rows.empty() || rows[0].cells.size() < 3 || rows[0].cells.back() != "tag") {
    fail(ErrorCode::BadInput, "\"", table.string(),
         "\" does not begin with picture,CLASS,...,tag; give labels=FILE");
  }
  return {rows[0].cells.begin() + 1, rows[0].cells.end() - 1};
}

/// Names of a set; the lists of one class say 1, 0 (difficult) or -1 (absent) behind each.
std::vector<std::string> names_of_set(const VocDataOptions& o) {
  const fs::path folder =
      fs::path(o.folder) / "ImageSets" / (o.list == "main" ? "Main" : "Segmentation");
  const fs::path file = folder / (o.set + ".txt");
  if (!fs::exists(file)) {
    std::vector<std::string> sets;
    std::error_code none;
    for (const auto& entry : fs::directory_iterator(folder, none)) {
      if (entry.path().extension() == ".txt") sets.push_back(entry.path().stem().string());
    }
    fail(ErrorCode::NotFound, "no list \"", file.string(), "\"",
         sets.empty() ? std::string("; give the folder that holds JPEGImages and ImageSets")
                      : "; did you mean set=" + nearest_names(o.set, sets) + "?");
  }
  std::vector<std::string> names;
  for (const std::string& line : read_lines(file.string())) {
    std::istringstream words(line);
    std::string name, flag;
    if (words >> name && !(words >> flag && flag == "-1")) names.push_back(name);
  }
  if (names.empty()) fail(ErrorCode::BadInput, "\"", file.string(), "\" names no picture");
  return names;
}

class VocDataset final : public ListedDataset {
 public:
  VocDataset(const VocDataOptions& o, Spec spec)
      : ListedDataset(std::move(spec), labels_for(o)),
        folder_(o.folder),
        names_(names_of_set(o)),
        label_names_(labels()),
        difficult_(o.difficult_list, labels().size()) {}

  std::int64_t size() const override { return std::ssize(names_); }
  std::string id(std::int64_t index) const override { return names_[checked(index)]; }

  DatasetItem read(std::int64_t index) const override {
    return in_context(
        [&] { return "picture " + id(index); },
        [&] {
          const std::string path = file(index, "JPEGImages", ".jpg");
          Picture picture = read_picture(path);
          DatasetItem item = truth_of(index, {picture.height(), picture.width()}, nullptr);
          item.path = path;
          item.picture = std::move(picture);
          return item;
        });
  }

  std::vector<int> labels_of(std::int64_t index) const override {
    std::vector<DatasetObject> objects;
    for (const VocObject& object : annotation(index).objects) {
      objects.push_back({.label = label_of(index, object)});
    }
    return present_labels(objects);
  }

  std::vector<DatasetProblem> check() const override {
    return check_each(*this, [&](std::int64_t index, std::vector<DatasetProblem>& problems) {
      truth_of(index, picture_size(file(index, "JPEGImages", ".jpg")), &problems);
    });
  }

 private:
  std::string file(std::int64_t index, const char* part, const char* ending) const {
    return path_inside(folder_, std::string(part) + "/" + names_[checked(index)] + ending);
  }

  VocAnnotation annotation(std::int64_t index) const {
    const std::string path = file(index, "Annotations", ".xml");
    const std::string text = read_limited(path, kMostXml);
    return in_context([&] { return "annotation \"" + path + "\""; },
                      [&] { return parse_voc_annotation(text); });
  }

  int label_of(std::int64_t index, const VocObject& object) const {
    return in_context([&] { return "annotation \"" + file(index, "Annotations", ".xml") + "\""; },
                      [&] { return label_names_.at(object.name); });
  }

  /// The indices of a mask of the picture's size; undefined where there is no such file.
  Tensor indices(std::int64_t index, const char* part, const PictureSize& size) const {
    const std::string path = file(index, part, ".png");
    if (!fs::exists(path)) return {};
    const Tensor read = palette_indices(read_limited(path, kMostPng), path).to(at::kLong);
    expect_size("mask \"" + path + "\"", read.size(0), read.size(1), size);
    return read;
  }

  DatasetItem truth_of(std::int64_t index, const PictureSize& size,
                       std::vector<DatasetProblem>* problems) const {
    DatasetItem item;
    item.id = id(index);
    const VocAnnotation xml = annotation(index);
    if (xml.width > 0 && xml.height > 0) expect_size("its annotation", xml.height, xml.width, size);
    for (const VocObject& object : xml.objects) {
      bool outside = false;
      // VOC 2012 has a few boxes with fractions of a pixel.
      const PixelBox box =
          clipped_box(std::round(object.left) - 1, std::round(object.top) - 1,
                      std::round(object.right), std::round(object.bottom), size, outside);
      item.objects.push_back(
          {.label = label_of(index, object), .box = box, .difficult = object.difficult});
      if (outside && problems) {
        problems->push_back({.id = item.id,
                             .what = concat("object ", item.objects.size(), " (", object.name,
                                            "): its box leaves the picture and is cut off"),
                             .readable = true});
      }
    }
    add_masks(index, size, item);
    item.labels = present_labels(item.objects);
    item.difficult_list = difficult_.of(item.id, item.labels);
    return item;
  }

  void add_masks(std::int64_t index, const PictureSize& size, DatasetItem& item) const {
    const Tensor classes = indices(index, "SegmentationClass", size);
    if (!classes.defined()) return;
    const Tensor unknown = (classes > std::ssize(labels())).logical_and_(classes != kVoid);
    if (unknown.any().item<bool>()) {
      fail(ErrorCode::BadInput, "mask \"", file(index, "SegmentationClass", ".png"),
           "\" holds the index ", classes.masked_select(unknown)[0].item<std::int64_t>(),
           ", and there are ", labels().size(), " classes");
    }
    item.segmentation = classes.sub(1).masked_fill_(classes == kVoid, DatasetItem::kUnlabelled);
    const Tensor instances = indices(index, "SegmentationObject", size);
    if (!instances.defined()) return;
    const auto last = instances.masked_fill(instances == kVoid, 0).max().item<std::int64_t>();
    for (std::int64_t instance = 1; instance <= last; ++instance) {
      const Tensor mask = instances == instance;
      if (!mask.any().item<bool>()) continue;
      const auto label = static_cast<int>(
          std::get<0>(item.segmentation.masked_select(mask).mode()).item<std::int64_t>());
      if (DatasetObject* owner = owner_of(mask, label, instance, item.objects)) owner->mask = mask;
    }
  }

  /// The object whose mask this is: the one of this number, or, where its class is another, the one
  /// of the mask's class with the most of the mask in its box.
  static DatasetObject* owner_of(const Tensor& mask, int label, std::int64_t instance,
                                 std::vector<DatasetObject>& objects) {
    const auto fits = [&](const DatasetObject& object) {
      return object.label == label && !object.mask.defined();
    };
    if (instance <= std::ssize(objects)) {
      DatasetObject& numbered = objects[static_cast<std::size_t>(instance - 1)];
      if (fits(numbered)) return &numbered;
    }
    DatasetObject* best = nullptr;
    std::int64_t most = 0;
    for (DatasetObject& object : objects) {
      if (!fits(object)) continue;
      const PixelBox& box = object.box;
      const auto inside = mask.slice(0, box.top, box.bottom)
                              .slice(1, box.left, box.right)
                              .sum()
                              .item<std::int64_t>();
      if (inside > most) {
        most = inside;
        best = &object;
      }
    }
    return best;
  }

  std::string folder_;
  std::vector<std::string> names_;
  LabelNames label_names_;
  DifficultList difficult_;
};

std::unique_ptr<Dataset> open(const VocDataOptions& o, Spec spec) {
  if (o.folder.empty()) {
    fail(ErrorCode::InvalidArgument, "give the folder: voc(VOCdevkit/VOC2007, set=test)");
  }
  expect_folder(o.folder, "a PASCAL VOC folder with JPEGImages, Annotations and ImageSets");
  return std::make_unique<VocDataset>(o, std::move(spec));
}

}  // namespace

DatasetEntry dataset_voc() {
  return define_dataset<VocDataOptions>(info(), fields, open, "folder");
}

}  // namespace limn
