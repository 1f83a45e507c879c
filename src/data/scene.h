// What stands where in a picture, before any pixel is painted. Lengths are in units of the
// picture's shorter side, so that a scene is the same at every size.
#pragma once
#include <cstdint>
#include <optional>
#include <vector>

#include "data/outline.h"
#include "data/texture.h"
#include "limn/shapes.h"

namespace limn::shapes {

struct SceneShape {
  Outline outline = Outline::Circle;
  Point center;
  double radius = 0.2;
  double angle = 0;
  Texture texture;
  std::optional<Color> rim;  ///< a thin line just inside the outline
};

/// Something that belongs to no class: a stroke along a path, or a wavy blob.
struct Distractor {
  std::vector<Point> path;  ///< a stroke where not empty
  double width = 0.02;      ///< of the stroke
  Point center;             ///< of the blob
  double radius = 0;
  std::array<double, 3> waves{};   ///< heights of the blob's 2nd, 3rd and 5th harmonic
  std::array<double, 3> phases{};  ///< and their phases
  Texture texture;
};

/// A sticker with a bar code; its bars stand at fixed places.
struct Tag {
  Point center;
  double angle = 0;
};
constexpr double kTagWidth = 0.24, kTagHeight = 0.13;

struct Scene {
  double width = 1, height = 1;
  Texture background;
  std::vector<Distractor> distractors;
  std::vector<SceneShape> shapes;
  Tag tag;  ///< where the tag goes if the picture gets one
};

Scene make_scene(const ShapesOptions& options, std::int64_t index);

/// Signed distances, in units of the shorter side.
double shape_distance(const SceneShape& shape, Point p);
double distractor_distance(const Distractor& distractor, Point p);
double tag_distance(const Tag& tag, Point p);
Color tag_color(const Tag& tag, Point p, double pixel);

}  // namespace limn::shapes
