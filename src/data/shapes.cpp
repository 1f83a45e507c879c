// Paints scenes of shapes and records their truth. Colors: coverage of a pixel taken from the
// signed distance at its center; masks: the sign of that distance, hence exact.
#include "limn/shapes.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>

#include "data/scene.h"
#include "limn/error.h"

namespace limn {
namespace {

using namespace shapes;

void check_range(const char* name, std::int64_t value, std::int64_t low, std::int64_t high) {
  if (value >= low && value <= high) return;
  fail(ErrorCode::InvalidArgument, "shapes: ", name, " is ", value, "; give ", low, " to ", high);
}

void check(const ShapesOptions& options, std::int64_t index) {
  check_range("width", options.width, 16, 4096);
  check_range("height", options.height, 16, 4096);
  check_range("max_shapes", options.max_shapes, 1, 6);
  check_range("min_shapes", options.min_shapes, 1, options.max_shapes);
  check_range("max_distractors", options.max_distractors, 0, 16);
  check_range("tag_label", options.tag_label, 0,
              static_cast<std::int64_t>(shape_labels().size()) - 1);
  if (index < 0) fail(ErrorCode::InvalidArgument, "shapes: picture ", index, "; count from 0");
}

/// The picture while it is painted; `pixel` is the size of a pixel in scene units.
struct Canvas {
  int width, height;
  double pixel;
  std::vector<Color> colors;

  Point center(int x, int y) const { return {(x + 0.5) * pixel, (y + 0.5) * pixel}; }
  std::size_t at(int x, int y) const {
    return static_cast<std::size_t>(y) * static_cast<std::size_t>(width) +
           static_cast<std::size_t>(x);
  }
  bool contains(int x, int y) const { return x >= 0 && x < width && y >= 0 && y < height; }
  /// Blends `color(p)` over each pixel within `reach` of `middle` by how much of it lies inside
  /// `distance(p)`, and calls `inside(x, y)` for those, even off the canvas, whose center does.
  template <typename Distance, typename Paint, typename Inside>
  void paint(Point middle, double reach, Distance&& distance, Paint&& color, Inside&& inside) {
    const auto low = [&](double v) {
      return static_cast<int>(std::floor((v - reach) / pixel)) - 1;
    };
    const auto high = [&](double v) {
      return static_cast<int>(std::ceil((v + reach) / pixel)) + 1;
    };
    for (int y = low(middle.y); y < high(middle.y); ++y) {
      for (int x = low(middle.x); x < high(middle.x); ++x) {
        const Point p = center(x, y);
        const double d = distance(p);
        if (d <= 0) inside(x, y);
        const double cover = std::clamp(0.5 - d / pixel, 0.0, 1.0);
        if (cover <= 0 || !contains(x, y)) continue;
        Color& under = colors[at(x, y)];
        under = blend(under, color(p, d), cover);
      }
    }
  }
};

/// The truth as it is built up: what is visible at each pixel.
struct Truth {
  std::vector<std::uint8_t> instances, distractors, tag;
};

void paint_background(Canvas& canvas, const Scene& scene) {
  for (int y = 0; y < canvas.height; ++y) {
    for (int x = 0; x < canvas.width; ++x) {
      canvas.colors[canvas.at(x, y)] =
          texture_color(scene.background, canvas.center(x, y), canvas.pixel);
    }
  }
}

void paint_distractor(Canvas& canvas, const Distractor& distractor, Truth& truth) {
  Point middle = distractor.center;
  double reach = 1.8 * distractor.radius;
  if (!distractor.path.empty()) {
    const auto [left, right] = std::minmax_element(distractor.path.begin(), distractor.path.end(),
                                                   [](Point a, Point b) { return a.x < b.x; });
    const auto [top, bottom] = std::minmax_element(distractor.path.begin(), distractor.path.end(),
                                                   [](Point a, Point b) { return a.y < b.y; });
    middle = {(left->x + right->x) / 2, (top->y + bottom->y) / 2};
    reach = std::max(right->x - left->x, bottom->y - top->y) / 2 + distractor.width;
  }
  canvas.paint(
      middle, reach, [&](Point p) { return distractor_distance(distractor, p); },
      [&](Point p, double) { return texture_color(distractor.texture, p, canvas.pixel); },
      [&](int x, int y) {
        if (canvas.contains(x, y)) truth.distractors[canvas.at(x, y)] = 1;
      });
}

/// Returns how many pixels the whole shape has.
std::int64_t paint_shape(Canvas& canvas, const SceneShape& shape, std::uint8_t id, Truth& truth) {
  constexpr double kRimWidth = 0.017;
  std::int64_t whole = 0;
  canvas.paint(
      shape.center, 1.1 * shape.radius, [&](Point p) { return shape_distance(shape, p); },
      [&](Point p, double distance) {
        const Color fill = texture_color(shape.texture, p, canvas.pixel);
        if (!shape.rim) return fill;
        return blend(fill, *shape.rim,
                     std::clamp(0.5 + (kRimWidth + distance) / canvas.pixel, 0.0, 1.0));
      },
      [&](int x, int y) {
        ++whole;
        if (!canvas.contains(x, y)) return;
        truth.instances[canvas.at(x, y)] = id;
        truth.distractors[canvas.at(x, y)] = 0;
      });
  return whole;
}

void paint_tag(Canvas& canvas, const Tag& tag, Truth& truth) {
  canvas.paint(
      tag.center, kTagWidth / 2 + kTagHeight / 2, [&](Point p) { return tag_distance(tag, p); },
      [&](Point p, double) { return tag_color(tag, p, canvas.pixel); },
      [&](int x, int y) {
        if (!canvas.contains(x, y)) return;
        truth.tag[canvas.at(x, y)] = 1;
        truth.instances[canvas.at(x, y)] = 0;
        truth.distractors[canvas.at(x, y)] = 0;
      });
}

/// Tight around the pixels of `plane` that equal `id`.
PixelBox box_of(const Canvas& canvas, const std::vector<std::uint8_t>& plane, std::uint8_t id,
                std::int64_t& count) {
  PixelBox box{canvas.width, canvas.height, 0, 0};
  count = 0;
  for (int y = 0; y < canvas.height; ++y) {
    for (int x = 0; x < canvas.width; ++x) {
      if (plane[canvas.at(x, y)] != id) continue;
      ++count;
      box = {std::min(box.left, x), std::min(box.top, y), std::max(box.right, x + 1),
             std::max(box.bottom, y + 1)};
    }
  }
  return count > 0 ? box : PixelBox{};
}

bool wants_tag(const ShapesOptions& options, const Scene& scene) {
  const bool held = std::any_of(scene.shapes.begin(), scene.shapes.end(), [&](const auto& shape) {
    return static_cast<int>(shape.outline) == options.tag_label;
  });
  switch (options.tag) {
    case TagRule::Never:
      return false;
    case TagRule::OnClass:
      return held;
    case TagRule::OffClass:
      return !held;
    case TagRule::Always:
      break;
  }
  return true;
}

Tensor picture_tensor(const Canvas& canvas) {
  Tensor picture = at::empty({3, canvas.height, canvas.width}, at::kByte);
  const auto plane =
      static_cast<std::size_t>(canvas.width) * static_cast<std::size_t>(canvas.height);
  auto* data = picture.data_ptr<std::uint8_t>();
  for (std::size_t i = 0; i < plane; ++i) {
    const RgbColor rgb = to_bytes(canvas.colors[i]);
    for (std::size_t c = 0; c < 3; ++c) data[c * plane + i] = rgb[c];
  }
  return picture;
}

Tensor plane_tensor(const Canvas& canvas, const std::vector<std::uint8_t>& plane) {
  Tensor tensor = at::empty({canvas.height, canvas.width}, at::kByte);
  std::copy(plane.begin(), plane.end(), tensor.data_ptr<std::uint8_t>());
  return tensor;
}

}  // namespace

const std::vector<std::string>& shape_labels() {
  static const std::vector<std::string> labels = {"circle",   "square", "triangle", "star",
                                                  "ring",     "cross",  "hexagon",  "heart",
                                                  "crescent", "arrow"};
  return labels;
}

int shape_label(std::string_view name) {
  const auto& labels = shape_labels();
  const auto found = std::find(labels.begin(), labels.end(), name);
  if (found != labels.end()) return static_cast<int>(found - labels.begin());
  fail(ErrorCode::NotFound, "no shape is called \"", name, "\"; did you mean ",
       nearest_names(name, labels), "?");
}

std::string_view texture_name(ShapeTexture texture) {
  constexpr std::array<std::string_view, 6> kNames = {"plain",   "stripes",  "dots",
                                                      "checker", "gradient", "noise"};
  return kNames[static_cast<std::size_t>(texture)];
}

bool ShapesPicture::holds(int label) const {
  return std::any_of(shapes.begin(), shapes.end(), [&](const ShapeInstance& shape) {
    return shape.label == label && shape.visible_pixels > 0;
  });
}

Tensor ShapesPicture::labels() const {
  const auto count = static_cast<std::int64_t>(shape_labels().size());
  Tensor labels = at::zeros({count}, at::kFloat);
  for (int label = 0; label < count; ++label) {
    if (holds(label)) labels.data_ptr<float>()[label] = 1;
  }
  return labels;
}

Tensor ShapesPicture::mask(int label) const {
  Tensor mask = at::zeros_like(instances, at::kBool);
  for (std::size_t i = 0; i < shapes.size(); ++i) {
    if (shapes[i].label == label) mask |= instances.eq(static_cast<std::int64_t>(i + 1));
  }
  return mask;
}

ShapesPicture shapes_picture(const ShapesOptions& options, std::int64_t index) {
  check(options, index);
  const Scene scene = make_scene(options, index);
  const auto pixels =
      static_cast<std::size_t>(options.width) * static_cast<std::size_t>(options.height);
  Canvas canvas{options.width, options.height, 1.0 / std::min(options.width, options.height),
                std::vector<Color>(pixels)};
  Truth truth;
  truth.instances.assign(pixels, 0);
  truth.distractors.assign(pixels, 0);
  truth.tag.assign(pixels, 0);

  paint_background(canvas, scene);
  for (const Distractor& distractor : scene.distractors)
    paint_distractor(canvas, distractor, truth);
  ShapesPicture result;
  for (const SceneShape& shape : scene.shapes) {
    const auto id = static_cast<std::uint8_t>(result.shapes.size() + 1);
    ShapeInstance instance;
    instance.label = static_cast<int>(shape.outline);
    instance.center_x = shape.center.x / canvas.pixel;
    instance.center_y = shape.center.y / canvas.pixel;
    instance.radius = shape.radius / canvas.pixel;
    instance.angle = shape.angle;
    instance.texture = shape.texture.kind;
    instance.color = to_bytes(shape.texture.first);
    instance.second_color = to_bytes(shape.texture.second);
    instance.whole_pixels = paint_shape(canvas, shape, id, truth);
    result.shapes.push_back(instance);
  }
  result.has_tag = wants_tag(options, scene);
  if (result.has_tag) {
    paint_tag(canvas, scene.tag, truth);
    std::int64_t count = 0;
    result.tag_box = box_of(canvas, truth.tag, 1, count);
  }
  for (std::size_t i = 0; i < result.shapes.size(); ++i) {
    ShapeInstance& shape = result.shapes[i];
    shape.box =
        box_of(canvas, truth.instances, static_cast<std::uint8_t>(i + 1), shape.visible_pixels);
  }
  result.picture = picture_tensor(canvas);
  result.instances = plane_tensor(canvas, truth.instances);
  result.distractors = plane_tensor(canvas, truth.distractors).to(at::kBool);
  result.tag = plane_tensor(canvas, truth.tag).to(at::kBool);
  return result;
}

}  // namespace limn
