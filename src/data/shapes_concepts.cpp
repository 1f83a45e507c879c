// Concepts of the shapes pictures, exact to the pixel: what a shape is, its color, texture and
// size, and the things that belong to no class: distractors and the tag. A shape's color is that
// of the palette which its fill is made of, whatever its pattern adds.
#include <ATen/ATen.h>

#include <array>
#include <limits>

#include "data/concept_sources.h"
#include "data/shapes_dataset.h"

namespace limn {
namespace {

struct NamedColor {
  const char* name;
  RgbColor color;
};
constexpr std::array<NamedColor, 14> kColors = {{{"red", {0xe4, 0x57, 0x2e}},
                                                 {"red", {0xc0, 0x28, 0x3d}},
                                                 {"orange", {0xf3, 0xa7, 0x12}},
                                                 {"green", {0x6b, 0xa5, 0x3a}},
                                                 {"teal", {0x17, 0xa3, 0x98}},
                                                 {"blue", {0x3f, 0x8e, 0xfc}},
                                                 {"blue", {0x2e, 0x50, 0x77}},
                                                 {"purple", {0x8e, 0x45, 0x85}},
                                                 {"purple", {0x6a, 0x5a, 0xcd}},
                                                 {"pink", {0xe5, 0x6b, 0x8a}},
                                                 {"brown", {0xa6, 0x62, 0x2d}},
                                                 {"gray", {0x5d, 0x6d, 0x7e}},
                                                 {"white", {0xff, 0xff, 0xff}},
                                                 {"black", {0x00, 0x00, 0x00}}}};
constexpr std::array<ShapeTexture, 6> kTextures = {ShapeTexture::Plain,    ShapeTexture::Stripes,
                                                   ShapeTexture::Dots,     ShapeTexture::Checker,
                                                   ShapeTexture::Gradient, ShapeTexture::Noise};

std::string color_name(RgbColor color) {
  const char* nearest = "";
  int least = std::numeric_limits<int>::max();
  for (const auto& [name, known] : kColors) {
    int distance = 0;
    for (std::size_t i = 0; i < 3; ++i) distance += (color[i] - known[i]) * (color[i] - known[i]);
    if (distance < least) {
      least = distance;
      nearest = name;
    }
  }
  return nearest;
}

/// By the radius as a share of the picture's shorter side; shapes have 0.04 to 0.34.
std::string size_name(const ShapeInstance& shape, const ShapesOptions& draw) {
  const double share = shape.radius / std::min(draw.width, draw.height);
  return share < 0.17 ? "small" : share < 0.24 ? "medium" : "large";
}

class ShapesConcepts final : public ConceptSource {
 public:
  explicit ShapesConcepts(std::unique_ptr<Dataset> dataset)
      : dataset_(std::move(dataset)), draw_(shapes_of(dataset_->spec())) {
    for (const auto& name : shape_labels()) concepts_.push_back({name, "class"});
    for (const auto& one : kColors) {
      if (find(one.name) < 0) concepts_.push_back({one.name, "color"});
    }
    for (const auto texture : kTextures) {
      concepts_.push_back({std::string(texture_name(texture)), "texture"});
    }
    for (const char* name : {"small", "medium", "large"}) concepts_.push_back({name, "size"});
    for (const char* name : {"distractor", "tag"}) concepts_.push_back({name, "other"});
  }
  Spec spec() const override { return dataset_->spec(); }
  const std::vector<ConceptLabel>& concepts() const override { return concepts_; }
  std::int64_t size() const override { return dataset_->size(); }
  ConceptPicture read(std::int64_t index) const override {
    const ShapesPicture drawn = shapes_picture(draw_, index);
    ConceptPicture out{dataset_->id(index), drawn.picture.permute({1, 2, 0}).contiguous(), {}};
    for (std::size_t i = 0; i < drawn.shapes.size(); ++i) {
      const ShapeInstance& shape = drawn.shapes[i];
      if (shape.visible_pixels == 0) continue;
      const Tensor mask = drawn.instances == static_cast<std::int64_t>(i + 1);
      out.masks.emplace_back(shape.label, mask);
      out.masks.emplace_back(find(color_name(shape.color)), mask);
      out.masks.emplace_back(find(std::string(texture_name(shape.texture))), mask);
      out.masks.emplace_back(find(size_name(shape, draw_)), mask);
    }
    out.masks.emplace_back(find("distractor"), drawn.distractors);
    out.masks.emplace_back(find("tag"), drawn.tag);
    return out;
  }

 private:
  int find(const std::string& name) const {
    for (std::size_t i = 0; i < concepts_.size(); ++i) {
      if (concepts_[i].name == name) return static_cast<int>(i);
    }
    return -1;
  }

  std::unique_ptr<Dataset> dataset_;
  ShapesOptions draw_;
  std::vector<ConceptLabel> concepts_;
};

}  // namespace

std::unique_ptr<ConceptSource> shapes_concepts(std::unique_ptr<Dataset> dataset) {
  return std::make_unique<ShapesConcepts>(std::move(dataset));
}

}  // namespace limn
