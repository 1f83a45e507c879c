// Pictures of textured shapes whose truth is known to the pixel: what the demo models are trained
// on, and what a relevance map can be checked against. A variant plants a tag that marks one class,
// so that a model learns to cheat and a good explanation shows it.
#pragma once
#include <array>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "limn/tensor.h"

namespace limn {

/// The class names in label order: circle, square, triangle, star, ring, cross, hexagon, heart,
/// crescent, arrow. The outline alone decides the class; color, texture, size and angle do not.
const std::vector<std::string>& shape_labels();
/// The label of a class name; throws NotFound and offers the nearest names.
int shape_label(std::string_view name);

/// What fills a shape or the background.
enum class ShapeTexture { Plain, Stripes, Dots, Checker, Gradient, Noise };
/// `plain`, `stripes`, `dots`, `checker`, `gradient` or `noise`.
std::string_view texture_name(ShapeTexture texture);

/// Which pictures carry the tag (a small yellow bar code in one of the corners).
enum class TagRule {
  Never,
  OnClass,   ///< those that hold the tagged class: training data that teaches a model to cheat
  OffClass,  ///< those that do not hold it: data that shows whether a model cheats
  Always,
};

/// What pictures to draw.
struct ShapesOptions {
  std::uint64_t seed = 0;
  int width = 96;  ///< pixels, 16 .. 4096; everything scales with the shorter side
  int height = 96;
  int min_shapes = 1;  ///< shapes in a picture, 1 .. 6
  int max_shapes = 3;
  int max_distractors = 3;  ///< lines, scribbles and blobs behind the shapes, 0 .. 16
  TagRule tag = TagRule::Never;
  int tag_label = 0;  ///< the class that the tag marks
};

/// A box of whole pixels: columns `left` to `right - 1`, rows `top` to `bottom - 1`.
struct PixelBox {
  int left = 0, top = 0, right = 0, bottom = 0;
  int width() const { return right - left; }
  int height() const { return bottom - top; }
  bool operator==(const PixelBox&) const = default;
};

using RgbColor = std::array<std::uint8_t, 3>;

/// One shape of a picture. Pixel (column x, row y) is the point (x + 0.5, y + 0.5).
struct ShapeInstance {
  int label = 0;
  double center_x = 0, center_y = 0;  ///< pixels
  double radius = 0;                  ///< pixels, about that of the smallest circle around it
  double angle = 0;                   ///< radians, clockwise on the screen
  ShapeTexture texture = ShapeTexture::Plain;
  RgbColor color{}, second_color{};
  PixelBox box;  ///< tight around the visible pixels; empty where none is visible
  std::int64_t visible_pixels = 0;
  std::int64_t whole_pixels = 0;  ///< with nothing in front of it and no edge of the picture
};

/// A picture and its truth.
struct ShapesPicture {
  Tensor picture;      ///< uint8 [3, H, W], RGB
  Tensor instances;    ///< uint8 [H, W]: 0 or 1 + the index in `shapes` of the shape visible there
  Tensor distractors;  ///< bool [H, W]: the visible part of lines, scribbles and blobs
  Tensor tag;          ///< bool [H, W]: the tag; all false where there is none
  std::vector<ShapeInstance> shapes;  ///< in drawing order: later ones cover earlier ones
  bool has_tag = false;
  PixelBox tag_box;

  bool holds(int label) const;
  /// Multi-label target: float [number of classes], 1 where at least one pixel of the class shows.
  Tensor labels() const;
  /// The visible pixels of all shapes of a class: bool [H, W].
  Tensor mask(int label) const;
};

/// Picture `index` of a seed. It depends on `options` and `index` alone, whatever else is drawn, in
/// whatever order or thread. The pixel masks are exact: a pixel is a shape's if its center lies
/// inside the outline and no later shape or the tag covers it; colors along outlines are blended.
/// The same scene comes out at any size, and with any tag rule, but for the tag itself.
/// Throws InvalidArgument for options out of range or a negative index.
ShapesPicture shapes_picture(const ShapesOptions& options, std::int64_t index);

/// The class that the tag marks in the training data of the demo model `shapes_cheat`: hexagon.
inline constexpr int kDemoTagLabel = 6;

/// Six pictures with two different objects each that all demo models see, chosen by eye; all
/// classes appear. `size` is their side in pixels; `tag` says which carry the tag of
/// `kDemoTagLabel`.
std::vector<ShapesPicture> demo_pictures(int size = 96, TagRule tag = TagRule::Never);

/// How `write_voc` lays out a folder.
struct VocOptions {
  double val_share = 0.25;  ///< the last pictures go to `val`, the others to `train`; 0 .. 1
  std::function<void(std::int64_t done, std::int64_t total)> progress;
};

/// Writes pictures 0 .. count - 1 in the format of PASCAL VOC: JPEGImages, Annotations (boxes
/// 1-based and inclusive, as there), SegmentationClass and SegmentationObject (palette PNG; 0 is
/// background, a class is its label + 1; no 255 border, since the masks are exact), ImageSets/Main
/// and ImageSets/Segmentation; and beside them `labels.csv` (multi-label), `instances.csv` (what
/// each shape is) and `TagMask` (255 on the tag) where pictures carry one. The folder appears once
/// complete; throws Io where it exists already and is not empty, or cannot be written.
void write_voc(const std::string& folder, const ShapesOptions& options, std::int64_t count,
               const VocOptions& voc = {});

}  // namespace limn
