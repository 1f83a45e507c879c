// The data set `coco`: pictures and an instances JSON. Source: Lin et al., "Microsoft COCO: Common
// Objects in Context", 2014. Category ids have gaps; a label is the category's place in the file.
#include <cmath>
#include <set>

#include "data/coco_json.h"
#include "data/dataset_base.h"
#include "data/dataset_files.h"

namespace limn {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kMostJson = std::size_t{4} << 30;

struct CocoDataOptions {
  std::string annotations;
  std::string images;
  std::string difficult_list;
};

DatasetInfo info() {
  return {.name = "coco",
          .title = "COCO",
          .summary = "Boxes and masks of an instances JSON: polygons and both forms of RLE.",
          .layout =
              "an instances JSON with images, annotations and categories; the pictures in "
              "the folder `images` beside it, or in images=FOLDER",
          .source =
              "Lin, Maire, Belongie, Hays, Perona, Ramanan, Dollar, Zitnick: Microsoft COCO: "
              "Common Objects in Context, 2014"};
}

Fields fields(CocoDataOptions& o) {
  return {
      text_field("annotations", o.annotations, "the JSON: annotations/instances_val2014.json"),
      text_field("images", o.images, "folder of the pictures; default: `images` beside the JSON"),
      text_field("difficult-list", o.difficult_list,
                 "the pointing game's list of difficult pairs; a line a picture: name and one "
                 "0 or 1 a category")};
}

std::string id_of(const std::string& file) {
  return fs::path(file).replace_extension().generic_string();
}

class CocoDataset final : public ListedDataset {
 public:
  CocoDataset(const CocoDataOptions& o, Spec spec, CocoFile file)
      : ListedDataset(std::move(spec), file.labels),
        file_(std::move(file)),
        json_(o.annotations),
        images_(o.images.empty() ? (fs::path(o.annotations).parent_path() / "images").string()
                                 : o.images),
        difficult_(o.difficult_list, labels().size()) {
    expect_folder(images_, "the pictures; give images=FOLDER");
    std::set<std::string> ids;
    for (const CocoImage& image : file_.images) {
      if (!ids.insert(id_of(image.file)).second) {
        fail(ErrorCode::BadInput, "\"", json_, "\" names the picture \"", image.file, "\" twice");
      }
    }
  }

  std::int64_t size() const override { return std::ssize(file_.images); }
  std::string id(std::int64_t index) const override {
    return id_of(file_.images[checked(index)].file);
  }

  DatasetItem read(std::int64_t index) const override {
    return in_context(
        [&] { return "picture " + id(index); },
        [&] {
          const std::string path = picture_path(index);
          Picture picture = read_picture(path);
          DatasetItem item = truth_of(index, {picture.height(), picture.width()}, nullptr);
          item.path = path;
          item.picture = std::move(picture);
          return item;
        });
  }

  std::vector<int> labels_of(std::int64_t index) const override {
    std::vector<DatasetObject> objects;
    for (const std::size_t place : file_.images[checked(index)].annotations) {
      objects.push_back({.label = usable(file_.annotations[place]).label});
    }
    return present_labels(objects);
  }

  std::vector<DatasetProblem> check() const override {
    auto problems = check_each(*this, [&](std::int64_t index, std::vector<DatasetProblem>& found) {
      truth_of(index, picture_size(picture_path(index)), &found);
    });
    for (const std::int64_t id : file_.strays) {
      problems.push_back({.id = concat("annotation ", id),
                          .what = "belongs to a picture that \"" + json_ + "\" does not list",
                          .readable = true});
    }
    return problems;
  }

 private:
  std::string picture_path(std::int64_t index) const {
    return path_inside(images_, file_.images[checked(index)].file);
  }

  std::string place_of(const CocoAnnotation& annotation) const {
    return concat("\"", json_, "\", annotation ", annotation.id);
  }

  /// Throws where the annotation is broken or its category unknown.
  const CocoAnnotation& usable(const CocoAnnotation& annotation) const {
    if (!annotation.broken.empty()) {
      fail(ErrorCode::BadInput, place_of(annotation), ": ", annotation.broken);
    }
    if (annotation.label < 0) {
      fail(ErrorCode::BadInput, place_of(annotation), ": unknown class: no category has the id ",
           annotation.category);
    }
    return annotation;
  }

  /// `problems`: only what is wrong is wanted, masks are not drawn.
  DatasetItem truth_of(std::int64_t index, const PictureSize& size,
                       std::vector<DatasetProblem>* problems) const {
    const CocoImage& image = file_.images[checked(index)];
    DatasetItem item;
    item.id = id_of(image.file);
    expect_size("\"" + json_ + "\" says that it", image.height, image.width, size);
    for (const std::size_t place : image.annotations) {
      const CocoAnnotation& annotation = usable(file_.annotations[place]);
      DatasetObject object{.label = annotation.label, .crowd = annotation.crowd};
      bool outside = false;
      if (annotation.box) object.box = box_of(*annotation.box, size, outside);
      const auto masks =
          in_context([&] { return place_of(annotation); },
                     [&] { return coco_masks(annotation, size.height, size.width); });
      if (problems) {
        const auto report = [&](const char* what) {
          problems->push_back(
              {.id = item.id,
               .what = concat(place_of(annotation), " (",
                              labels()[static_cast<std::size_t>(annotation.label)], "): ", what),
               .readable = true});
        };
        if (outside) report("its box leaves the picture and is cut off");
        bool inside = masks.empty();
        for (const CocoRle& mask : masks) inside = inside || mask.area() > 0;
        if (!inside) report("its mask covers no pixel");
        if (masks.empty() && !annotation.box) report("it has neither box nor mask");
      } else if (!masks.empty()) {
        object.mask = at::zeros({size.height, size.width}, at::kBool);
        for (const CocoRle& mask : masks) paint(mask, object.mask.data_ptr<bool>());
      }
      item.objects.push_back(std::move(object));
    }
    item.labels = present_labels(item.objects);
    item.difficult_list = difficult_.of(item.id, item.labels);
    return item;
  }

  /// The pixels that the box touches. Boxes in COCO's own files end up to half a pixel outside.
  static PixelBox box_of(const std::array<double, 4>& box, const PictureSize& size, bool& outside) {
    const double right = box[0] + box[2], bottom = box[1] + box[3];
    outside = box[0] < -1 || box[1] < -1 || right > static_cast<double>(size.width + 1) ||
              bottom > static_cast<double>(size.height + 1);
    bool cut = false;
    return clipped_box(std::floor(box[0]), std::floor(box[1]), std::ceil(right), std::ceil(bottom),
                       size, cut);
  }

  CocoFile file_;
  std::string json_, images_;
  DifficultList difficult_;
};

std::unique_ptr<Dataset> open(const CocoDataOptions& o, Spec spec) {
  if (o.annotations.empty()) {
    fail(ErrorCode::InvalidArgument,
         "give the JSON: coco(annotations/instances_val2014.json, images=val2014)");
  }
  const std::string text = read_limited(o.annotations, kMostJson);
  CocoFile file =
      in_context([&] { return "\"" + o.annotations + "\""; }, [&] { return parse_coco(text); });
  return std::make_unique<CocoDataset>(o, std::move(spec), std::move(file));
}

}  // namespace

DatasetEntry dataset_coco() {
  return define_dataset<CocoDataOptions>(info(), fields, open, "annotations");
}

}  // namespace limn
