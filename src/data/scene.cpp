// Lays out a scene: background, distractors, shapes that may overlap but never hide each other, and
// the place of the tag. Each part draws from a stream of its own, so that a change of one option
// leaves the rest of the picture as it was.
#include "data/scene.h"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace limn::shapes {
namespace {

constexpr double kPi = std::numbers::pi;
enum Stream : std::uint64_t { kLayout = 1, kBackground, kDistractors, kTag, kStyle = 16 };

/// Shapes shrink as their number grows.
double radius_of(int count, Draws& draws) {
  const double scale = count == 1 ? 1.0 : count == 2 ? 0.82 : 0.70 / std::sqrt(count / 3.0);
  return scale * draws.uniform(0.20, 0.34);
}

/// Centers keep this share of the radii between them, so that most of each shape shows.
constexpr double kClosest = 0.74;

bool crowded(const std::vector<SceneShape>& shapes, Point center, double radius) {
  return std::any_of(shapes.begin(), shapes.end(), [&](const SceneShape& other) {
    return length(center.x - other.center.x, center.y - other.center.y) <
           kClosest * (radius + other.radius);
  });
}

/// Anywhere in the picture, or half of the time beside another shape so that the two overlap.
void place(SceneShape& shape, const Scene& scene, Draws& draws) {
  const double wanted = shape.radius;
  for (int attempt = 0; attempt < 400; ++attempt) {
    shape.radius = std::max(wanted * std::pow(0.99, attempt), 0.04);
    const double margin = 0.92 * shape.radius;
    if (!scene.shapes.empty() && draws.chance(0.5)) {
      const auto& other =
          scene
              .shapes[static_cast<std::size_t>(draws.below(static_cast<int>(scene.shapes.size())))];
      const double angle = draws.uniform(0, 2 * kPi);
      const double distance = draws.uniform(kClosest, 1.0) * (shape.radius + other.radius);
      shape.center = {other.center.x + distance * std::cos(angle),
                      other.center.y + distance * std::sin(angle)};
    } else {
      shape.center = {draws.uniform(margin, scene.width - margin),
                      draws.uniform(margin, scene.height - margin)};
    }
    const bool inside = shape.center.x >= margin && shape.center.x <= scene.width - margin &&
                        shape.center.y >= margin && shape.center.y <= scene.height - margin;
    if (inside && !crowded(scene.shapes, shape.center, shape.radius)) return;
  }
}

SceneShape styled_shape(const ShapesOptions& options, std::int64_t index, std::size_t number,
                        Color background) {
  Draws draws(options.seed, index, kStyle + number);
  SceneShape shape;
  const auto classes = static_cast<int>(shape_labels().size());
  shape.outline = static_cast<Outline>(draws.below(classes));
  const double turn = outline_turn(shape.outline);
  shape.angle = draws.uniform(-turn, turn);
  shape.texture = shape_texture(draws, background);
  const double rim = draws.uniform(0, 1);
  const Color main = shape.texture.first;
  if (rim < 0.55) shape.rim = blend(main, {0, 0, 0}, 0.5);
  if (rim > 0.85) shape.rim = blend(main, {1, 1, 1}, 0.85);
  return shape;
}

/// A smooth path that wanders: its direction changes steadily, and the change wanders too.
std::vector<Point> wander(Draws& draws, const Scene& scene) {
  Point at{draws.uniform(0.05, scene.width - 0.05), draws.uniform(0.05, scene.height - 0.05)};
  double direction = draws.uniform(0, 2 * kPi), bend = draws.uniform(-0.5, 0.5);
  const int steps = 14 + draws.below(14);
  std::vector<Point> path{at};
  for (int i = 0; i < steps; ++i) {
    bend = std::clamp(bend + draws.uniform(-0.35, 0.35), -0.7, 0.7);
    direction += bend;
    at = {at.x + 0.03 * std::cos(direction), at.y + 0.03 * std::sin(direction)};
    path.push_back(at);
  }
  return path;
}

Distractor make_distractor(Draws& draws, const Scene& scene) {
  Distractor distractor;
  const int kind = draws.below(3);
  const double angle = draws.uniform(0, kPi);
  distractor.center = {draws.uniform(0, scene.width), draws.uniform(0, scene.height)};
  distractor.width = draws.uniform(0.012, 0.026);
  if (kind == 0) {
    const double reach = draws.uniform(0.25, 0.9) / 2;
    const Point c = distractor.center;
    distractor.path = {{c.x - reach * std::cos(angle), c.y - reach * std::sin(angle)},
                       {c.x + reach * std::cos(angle), c.y + reach * std::sin(angle)}};
  } else if (kind == 1) {
    distractor.path = wander(draws, scene);
  } else {
    distractor.radius = draws.uniform(0.05, 0.13);
    distractor.waves = {draws.uniform(0.18, 0.34), draws.uniform(0.14, 0.26),
                        draws.uniform(0.03, 0.10)};
    for (double& phase : distractor.phases) phase = draws.uniform(0, 2 * kPi);
  }
  // Nearer to the background than a shape is, but for a fifth of them.
  const Color background = scene.background.first;
  const double share = draws.chance(0.2) ? 0.0 : draws.uniform(0.25, 0.55);
  if (distractor.path.empty()) {
    distractor.texture = shape_texture(draws, background);
  } else {
    distractor.texture.first = strong_color(draws, background);
  }
  distractor.texture.first = blend(distractor.texture.first, background, share);
  distractor.texture.second = blend(distractor.texture.second, background, share);
  distractor.texture.origin = distractor.center;
  distractor.texture.extent = distractor.radius;
  return distractor;
}

Tag place_tag(const ShapesOptions& options, std::int64_t index, const Scene& scene) {
  Draws draws(options.seed, index, kTag);
  const double x = kTagWidth / 2 + draws.uniform(0.03, 0.07);
  const double y = kTagHeight / 2 + draws.uniform(0.03, 0.07);
  const bool right = draws.chance(0.5), bottom = draws.chance(0.5);
  return {{right ? scene.width - x : x, bottom ? scene.height - y : y}, draws.uniform(-0.10, 0.10)};
}

/// `p` in the frame of something at `center` turned by `angle`.
Point local(Point p, Point center, double angle) {
  const double c = std::cos(angle), s = std::sin(angle);
  const double x = p.x - center.x, y = p.y - center.y;
  return {c * x + s * y, c * y - s * x};
}

}  // namespace

Scene make_scene(const ShapesOptions& options, std::int64_t index) {
  Scene scene;
  const double side = std::min(options.width, options.height);
  scene.width = options.width / side;
  scene.height = options.height / side;
  Draws background(options.seed, index, kBackground);
  scene.background = background_texture(background);
  scene.background.origin = {scene.width / 2, scene.height / 2};

  Draws draws(options.seed, index, kDistractors);
  const int distractors = draws.below(options.max_distractors + 1);
  for (int i = 0; i < distractors; ++i) scene.distractors.push_back(make_distractor(draws, scene));

  Draws layout(options.seed, index, kLayout);
  const int count = options.min_shapes + layout.below(options.max_shapes - options.min_shapes + 1);
  for (int i = 0; i < count; ++i) {
    SceneShape shape = styled_shape(options, index, scene.shapes.size(), scene.background.first);
    shape.radius = radius_of(count, layout);
    place(shape, scene, layout);
    shape.texture.origin = shape.center;
    shape.texture.extent = shape.radius;
    scene.shapes.push_back(shape);
  }
  scene.tag = place_tag(options, index, scene);
  return scene;
}

double shape_distance(const SceneShape& shape, Point p) {
  const Point q = local(p, shape.center, shape.angle);
  return shape.radius * outline_distance(shape.outline, {q.x / shape.radius, q.y / shape.radius});
}

double distractor_distance(const Distractor& distractor, Point p) {
  if (!distractor.path.empty()) {
    double nearest = 1e300;
    for (std::size_t i = 1; i < distractor.path.size(); ++i) {
      nearest = std::min(nearest, segment_distance(p, distractor.path[i - 1], distractor.path[i]));
    }
    return nearest - distractor.width / 2;
  }
  const double x = p.x - distractor.center.x, y = p.y - distractor.center.y;
  const double angle = std::atan2(y, x);
  const auto& wave = distractor.waves;
  const auto& phase = distractor.phases;
  const double edge = 1 + wave[0] * std::cos(2 * angle + phase[0]) +
                      wave[1] * std::cos(3 * angle + phase[1]) +
                      wave[2] * std::cos(5 * angle + phase[2]);
  return length(x, y) - distractor.radius * edge;
}

double tag_distance(const Tag& tag, Point p) {
  const Point q = local(p, tag.center, tag.angle);
  const double x = std::abs(q.x) - kTagWidth / 2, y = std::abs(q.y) - kTagHeight / 2;
  return length(std::max(x, 0.0), std::max(y, 0.0)) + std::min(std::max(x, y), 0.0);
}

Color tag_color(const Tag& tag, Point p, double pixel) {
  // Bars from left to right as shares of the tag's width: left edge and right edge of each.
  constexpr std::array<std::array<double, 2>, 5> kBars = {
      {{0.12, 0.22}, {0.30, 0.36}, {0.44, 0.58}, {0.66, 0.72}, {0.78, 0.88}}};
  constexpr Color kYellow{1.0, 0.87, 0.20}, kInk{0.10, 0.10, 0.14};
  const Point q = local(p, tag.center, tag.angle);
  double nearest = 1e300;
  for (const auto& [left, right] : kBars) {
    const double x =
        std::abs(q.x + kTagWidth * (0.5 - (left + right) / 2)) - kTagWidth * (right - left) / 2;
    nearest = std::min(nearest, std::max(x, std::abs(q.y) - 0.32 * kTagHeight));
  }
  return blend(kYellow, kInk, std::clamp(0.5 - nearest / pixel, 0.0, 1.0));
}

}  // namespace limn::shapes
