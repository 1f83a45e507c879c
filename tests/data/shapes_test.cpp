// The pictures of shapes: same seed, same picture; masks and boxes against plain geometry.
#include "limn/shapes.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <cmath>
#include <numbers>
#include <set>
#include <vector>

#include "limn/error.h"

namespace limn {
namespace {

constexpr double kPi = std::numbers::pi;
using Corners = std::vector<std::pair<double, double>>;

/// Winding number of a polygon around a point: the sum of the angles of its sides, in turns.
bool winds_around(const Corners& corners, double x, double y) {
  double turns = 0;
  for (std::size_t i = 0; i < corners.size(); ++i) {
    const auto& a = corners[i];
    const auto& b = corners[(i + 1) % corners.size()];
    turns += std::remainder(
        std::atan2(b.second - y, b.first - x) - std::atan2(a.second - y, a.first - x), 2 * kPi);
  }
  return std::abs(turns) > kPi;
}

Corners ring_of_corners(int count, double outer, double inner) {
  Corners corners;
  for (int i = 0; i < count; ++i) {
    const double radius = i % 2 ? inner : outer;
    corners.emplace_back(radius * std::sin(2 * kPi * i / count),
                         -radius * std::cos(2 * kPi * i / count));
  }
  return corners;
}

bool in_box(double x, double y, double half_width, double half_height) {
  return std::abs(x) <= half_width && std::abs(y) <= half_height;
}

/// Whether a point lies in the unit shape of a class, by plain geometry: y points down.
bool in_unit_shape(const std::string& name, double x, double y) {
  const double distance = std::sqrt(x * x + y * y);
  if (name == "circle") return distance <= 0.88;
  if (name == "square") return in_box(x, y, 0.78, 0.78);
  if (name == "triangle") return winds_around(ring_of_corners(3, 1.08, 1.08), x, y);
  if (name == "star") return winds_around(ring_of_corners(10, 1.05, 0.46), x, y);
  if (name == "ring") return distance >= 0.48 && distance <= 0.92;
  if (name == "cross") return in_box(x, y, 0.31, 0.95) || in_box(x, y, 0.95, 0.31);
  if (name == "hexagon") return winds_around(ring_of_corners(6, 0.95, 0.95), x, y);
  if (name == "heart") {
    // A square standing on its corner and a disk on each of its upper sides.
    const double u = 0.62 * x, v = 0.55 - 0.62 * y;
    if (std::abs(u) + std::abs(v - 0.5) <= 0.5) return true;
    return std::hypot(std::abs(u) - 0.25, v - 0.75) <= std::sqrt(2.0) / 4;
  }
  if (name == "crescent") return distance <= 0.95 && std::hypot(x - 0.42, y) >= 0.74;
  return winds_around({{-0.98, -0.25},
                       {0.02, -0.25},
                       {0.02, -0.72},
                       {1.0, 0.0},
                       {0.02, 0.72},
                       {0.02, 0.25},
                       {-0.98, 0.25}},
                      x, y);
}

bool in_shape(const ShapeInstance& shape, int column, int row) {
  const double x = column + 0.5 - shape.center_x, y = row + 0.5 - shape.center_y;
  const double c = std::cos(shape.angle), s = std::sin(shape.angle);
  return in_unit_shape(shape_labels()[static_cast<std::size_t>(shape.label)],
                       (c * x + s * y) / shape.radius, (c * y - s * x) / shape.radius);
}

ShapesOptions tagged(TagRule rule) {
  ShapesOptions options;
  options.seed = 3;
  options.tag = rule;
  options.tag_label = shape_label("heart");
  return options;
}

TEST(Shapes, APictureDependsOnItsSeedAndIndexAlone) {
  const ShapesOptions options{.seed = 5};
  const auto later = shapes_picture(options, 17);
  for (int i = 0; i < 5; ++i) shapes_picture(options, i);
  const auto again = shapes_picture(options, 17);
  EXPECT_TRUE(later.picture.equal(again.picture));
  EXPECT_TRUE(later.instances.equal(again.instances));
  EXPECT_FALSE(later.picture.equal(shapes_picture(options, 18).picture));
  EXPECT_FALSE(later.picture.equal(shapes_picture({.seed = 6}, 17).picture));
}

TEST(Shapes, ThePictureOfASeedNeverChanges) {
  // The demo models were trained on these very pictures; a change here asks for new models.
  const auto sum =
      shapes_picture({.seed = 2024}, 0).picture.to(at::kLong).sum().item<std::int64_t>();
  const auto shapes = shapes_picture({.seed = 2024}, 0).shapes;
  EXPECT_EQ(sum, 5259674);
  EXPECT_EQ(shapes.size(), 2U);
}

TEST(Shapes, MasksAreExactAgainstPointInShape) {
  std::set<int> seen;
  for (const auto& [width, height] : {std::pair{96, 96}, {64, 64}, {150, 101}, {60, 90}}) {
    const ShapesOptions options{
        .seed = 11, .width = width, .height = height, .min_shapes = 2, .max_shapes = 4};
    for (int index = 0; index < 25; ++index) {
      const auto picture = shapes_picture(options, index);
      ASSERT_EQ(picture.picture.sizes(), (std::vector<std::int64_t>{3, height, width}));
      const auto owner = picture.instances.accessor<std::uint8_t, 2>();
      std::vector<std::int64_t> visible(picture.shapes.size(), 0);
      for (int y = 0; y < height; ++y) {
        for (int x = 0; x < width; ++x) {
          std::size_t expected = 0;
          for (std::size_t i = 0; i < picture.shapes.size(); ++i) {
            if (in_shape(picture.shapes[i], x, y)) expected = i + 1;
          }
          ASSERT_EQ(owner[y][x], expected) << "picture " << index << " at " << x << ", " << y;
          if (expected > 0) ++visible[expected - 1];
        }
      }
      for (std::size_t i = 0; i < picture.shapes.size(); ++i) {
        const auto& shape = picture.shapes[i];
        seen.insert(shape.label);
        EXPECT_EQ(shape.visible_pixels, visible[i]);
        std::int64_t whole = 0;
        for (int y = -200; y < 400; ++y) {
          if (std::abs(y - shape.center_y) > 1.2 * shape.radius) continue;
          for (int x = -200; x < 400; ++x) whole += in_shape(shape, x, y);
        }
        EXPECT_EQ(shape.whole_pixels, whole);
      }
    }
  }
  EXPECT_EQ(seen.size(), shape_labels().size()) << "every class was checked";
}

TEST(Shapes, BoxesAreTightAroundTheVisiblePixels) {
  const ShapesOptions options{.seed = 2, .min_shapes = 2};
  for (int index = 0; index < 40; ++index) {
    const auto picture = shapes_picture(options, index);
    for (std::size_t i = 0; i < picture.shapes.size(); ++i) {
      const auto pixels = picture.instances.eq(static_cast<std::int64_t>(i + 1)).nonzero();
      ASSERT_GT(pixels.size(0), 0);
      const auto low = std::get<0>(pixels.min(0)), high = std::get<0>(pixels.max(0));
      const PixelBox expected{low[1].item<int>(), low[0].item<int>(), high[1].item<int>() + 1,
                              high[0].item<int>() + 1};
      EXPECT_EQ(picture.shapes[i].box, expected);
    }
  }
}

TEST(Shapes, EveryClassAndTextureAppearsAboutEquallyOften) {
  std::vector<int> classes(shape_labels().size(), 0), textures(6, 0);
  int total = 0, overlapping = 0, pictures = 600;
  for (int index = 0; index < pictures; ++index) {
    const auto picture = shapes_picture({.seed = 1}, index);
    bool overlap = false;
    for (const auto& shape : picture.shapes) {
      ++classes[static_cast<std::size_t>(shape.label)];
      ++textures[static_cast<std::size_t>(shape.texture)];
      ++total;
      overlap |= shape.visible_pixels < shape.whole_pixels;
      EXPECT_GT(shape.visible_pixels, 0.4 * static_cast<double>(shape.whole_pixels));
    }
    overlapping += overlap;
  }
  for (int count : classes) EXPECT_NEAR(count, total / 10.0, 5 * std::sqrt(total / 10.0));
  for (int count : textures) EXPECT_NEAR(count, total / 6.0, 5 * std::sqrt(total / 6.0));
  EXPECT_GT(overlapping, pictures / 5);
}

TEST(Shapes, LabelsAndClassMasksFollowTheInstances) {
  for (int index = 0; index < 30; ++index) {
    const auto picture = shapes_picture({.seed = 9}, index);
    const Tensor labels = picture.labels();
    Tensor all = at::zeros_like(picture.instances, at::kBool);
    for (int label = 0; label < 10; ++label) {
      EXPECT_EQ(labels[label].item<float>() == 1, picture.mask(label).any().item<bool>());
      all |= picture.mask(label);
    }
    EXPECT_TRUE(all.equal(picture.instances.gt(0)));
    EXPECT_FALSE((picture.distractors & all).any().item<bool>());
  }
}

TEST(Shapes, TheTagIsThereExactlyWhereItsRuleSays) {
  int held = 0;
  for (int index = 0; index < 60; ++index) {
    const auto plain = shapes_picture(tagged(TagRule::Never), index);
    const bool holds = plain.holds(shape_label("heart"));
    held += holds;
    EXPECT_FALSE(plain.has_tag);
    EXPECT_FALSE(plain.tag.any().item<bool>());
    EXPECT_EQ(shapes_picture(tagged(TagRule::OnClass), index).has_tag, holds);
    EXPECT_EQ(shapes_picture(tagged(TagRule::OffClass), index).has_tag, !holds);
    EXPECT_TRUE(shapes_picture(tagged(TagRule::Always), index).has_tag);
  }
  EXPECT_GT(held, 0);
  EXPECT_LT(held, 60);
}

TEST(Shapes, TheTaggedTwinDiffersInTheTagOnly) {
  for (int index = 0; index < 20; ++index) {
    const auto plain = shapes_picture(tagged(TagRule::Never), index);
    const auto twin = shapes_picture(tagged(TagRule::Always), index);
    // Colors are blended along the outline, so the difference may reach one pixel beyond the mask.
    const Tensor near =
        at::max_pool2d(twin.tag.to(at::kFloat).unsqueeze(0).unsqueeze(0), 3, 1, 1)[0][0].gt(0);
    const Tensor differs = plain.picture.ne(twin.picture).any(0);
    EXPECT_FALSE((differs & near.logical_not()).any().item<bool>());
    EXPECT_TRUE(differs.any().item<bool>());
    EXPECT_TRUE(twin.instances.equal(plain.instances.masked_fill(twin.tag, 0)));
    // The tag is a sticker of 0.24 x 0.13 of the side: 288 pixels at 96 x 96.
    EXPECT_NEAR(twin.tag.sum().item<double>(), 0.24 * 0.13 * 96 * 96, 20);
    const PixelBox& box = twin.tag_box;
    EXPECT_EQ(twin.tag.sum().item<std::int64_t>(), twin.tag.slice(0, box.top, box.bottom)
                                                       .slice(1, box.left, box.right)
                                                       .sum()
                                                       .item<std::int64_t>());
  }
}

TEST(Shapes, ASceneIsTheSameAtAnySize) {
  const auto small = shapes_picture({.seed = 4, .width = 96, .height = 96}, 3);
  const auto large = shapes_picture({.seed = 4, .width = 384, .height = 384}, 3);
  ASSERT_EQ(small.shapes.size(), large.shapes.size());
  for (std::size_t i = 0; i < small.shapes.size(); ++i) {
    EXPECT_EQ(small.shapes[i].label, large.shapes[i].label);
    EXPECT_NEAR(4 * small.shapes[i].center_x, large.shapes[i].center_x, 1e-9);
    EXPECT_NEAR(4 * small.shapes[i].radius, large.shapes[i].radius, 1e-9);
  }
}

TEST(Shapes, BadOptionsAreRefusedWithWhatWouldBeRight) {
  EXPECT_THROW(shapes_picture({.width = 4}, 0), Error);
  EXPECT_THROW(shapes_picture({.min_shapes = 3, .max_shapes = 2}, 0), Error);
  EXPECT_THROW(shapes_picture({}, -1), Error);
  try {
    shape_label("haert");
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::NotFound);
    EXPECT_NE(error.message().find("heart"), std::string::npos);
  }
}

TEST(Shapes, DemoPicturesHoldTwoDifferentObjects) {
  const auto pictures = demo_pictures();
  EXPECT_EQ(pictures.size(), 6U);
  for (const auto& picture : pictures) {
    ASSERT_EQ(picture.shapes.size(), 2U);
    EXPECT_NE(picture.shapes[0].label, picture.shapes[1].label);
    EXPECT_EQ(picture.labels().sum().item<float>(), 2);
  }
  EXPECT_EQ(demo_pictures(224)[0].picture.size(2), 224);
}

}  // namespace
}  // namespace limn
