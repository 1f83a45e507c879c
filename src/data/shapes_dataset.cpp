// The data set `shapes`: generated pictures of textured shapes with exact masks; needs no files.
#include "data/shapes_dataset.h"

#include "data/dataset_base.h"

namespace limn {
namespace {

struct ShapesDataOptions {
  std::int64_t n = 100;
  std::int64_t seed = 7;
  std::int64_t size = 96;
  std::int64_t min_shapes = 1;
  std::int64_t max_shapes = 3;
  std::int64_t min_pixels = 0;
  std::string tag = "never";
  std::string tag_class = "hexagon";
};

DatasetInfo info() {
  return {.name = "shapes",
          .title = "Shapes",
          .summary = "Generated pictures of textured shapes, several in each, with exact masks.",
          .layout = "needs no files; `limn shapes` writes the same pictures as a VOC folder",
          .source = "limn's own generator"};
}

Fields fields(ShapesDataOptions& o) {
  return {integer_field("n", o.n, 1, 10'000'000, "pictures"),
          integer_field("seed", o.seed, 0, 1'000'000'000, "which pictures"),
          integer_field("size", o.size, 16, 4096, "pixels of a side"),
          integer_field("min-shapes", o.min_shapes, 1, 6, "fewest shapes in a picture"),
          integer_field("max-shapes", o.max_shapes, 1, 6, "most shapes in a picture"),
          integer_field("min-pixels", o.min_pixels, 0, 1'000'000,
                        "classes with fewer visible pixels in a picture do not count as present"),
          choice_field("tag", o.tag, {"never", "on-class", "off-class", "always"},
                       "which pictures carry the tag"),
          text_field("tag-class", o.tag_class, "the class that the tag marks")};
}

TagRule tag_rule(const std::string& name) {
  if (name == "on-class") return TagRule::OnClass;
  if (name == "off-class") return TagRule::OffClass;
  return name == "always" ? TagRule::Always : TagRule::Never;
}

ShapesOptions drawn(const ShapesDataOptions& o) {
  if (o.min_shapes > o.max_shapes) {
    fail(ErrorCode::InvalidArgument, "min-shapes=", o.min_shapes,
         " is above max-shapes=", o.max_shapes);
  }
  ShapesOptions draw;
  draw.seed = static_cast<std::uint64_t>(o.seed);
  draw.width = draw.height = static_cast<int>(o.size);
  draw.min_shapes = static_cast<int>(o.min_shapes);
  draw.max_shapes = static_cast<int>(o.max_shapes);
  draw.tag = tag_rule(o.tag);
  draw.tag_label = shape_label(o.tag_class);
  return draw;
}

class ShapesDataset final : public Dataset {
 public:
  ShapesDataset(const ShapesDataOptions& o, Spec spec)
      : options_(o), draw_(drawn(o)), spec_(std::move(spec)) {}
  const std::string& name() const override { return spec_.name; }
  Spec spec() const override { return spec_; }
  const std::vector<std::string>& labels() const override { return shape_labels(); }
  std::int64_t size() const override { return options_.n; }
  std::string id(std::int64_t index) const override {
    if (index < 0 || index >= options_.n) {
      fail(ErrorCode::InvalidArgument, "shapes: no item ", index, "; it has ", options_.n);
    }
    const std::string digits = std::to_string(index);
    return "shapes-" + std::string(digits.size() < 6 ? 6 - digits.size() : 0, '0') + digits;
  }
  DatasetItem read(std::int64_t index) const override {
    DatasetItem item;
    item.id = id(index);
    const ShapesPicture drawn = shapes_picture(draw_, index);
    item.picture.pixels = drawn.picture.permute({1, 2, 0}).contiguous();
    item.segmentation = at::full({drawn.picture.size(1), drawn.picture.size(2)},
                                 DatasetItem::kBackground, at::kLong);
    for (std::size_t i = 0; i < drawn.shapes.size(); ++i) {
      const ShapeInstance& shape = drawn.shapes[i];
      if (shape.visible_pixels == 0) continue;
      const Tensor mask = drawn.instances == static_cast<std::int64_t>(i + 1);
      item.segmentation.masked_fill_(mask, shape.label);
      item.objects.push_back({.label = shape.label, .box = shape.box, .mask = mask});
    }
    for (int label = 0; label < static_cast<int>(shape_labels().size()); ++label) {
      if (!drawn.holds(label)) continue;
      if (drawn.mask(label).sum().item<std::int64_t>() >= options_.min_pixels) {
        item.labels.push_back(label);
      }
    }
    return item;
  }
  std::vector<DatasetProblem> check() const override { return {}; }

 private:
  ShapesDataOptions options_;
  ShapesOptions draw_;
  Spec spec_;
};

std::unique_ptr<Dataset> open(const ShapesDataOptions& o, Spec spec) {
  return std::make_unique<ShapesDataset>(o, std::move(spec));
}

}  // namespace

ShapesOptions shapes_of(const Spec& spec) {
  ShapesDataOptions options;
  set_fields(fields(options), spec);
  return drawn(options);
}

DatasetEntry dataset_shapes() { return define_dataset<ShapesDataOptions>(info(), fields, open); }

}  // namespace limn
