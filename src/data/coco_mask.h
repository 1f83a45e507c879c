// COCO's masks: run-length codes, their compressed text form, and polygons turned into them.
#pragma once
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

namespace limn {

/// A mask as lengths of runs that alternate between outside and inside, starting outside, down the
/// first column, then down the next.
struct CocoRle {
  std::int64_t height = 0, width = 0;
  std::vector<std::uint32_t> counts;
  /// Pixels inside.
  std::int64_t area() const;
};

/// Throws BadInput where the runs do not cover exactly height x width pixels.
void check_rle(const CocoRle& rle);

/// COCO's compressed form: each count is written in groups of five bits from the lowest, six bits a
/// character from '0'; from the fourth on, counts are differences to the one before the last.
/// Throws BadInput with the character's place for anything else.
CocoRle rle_of_text(std::string_view text, std::int64_t height, std::int64_t width);

/// A polygon x0 y0 x1 y1 ... in pixels, pixel for pixel as pycocotools draws it. Parts outside the
/// picture are cut off. Throws BadInput for numbers that are not finite or beyond 1e8, fewer than
/// three points, and outlines of more than 5 million pixels.
CocoRle rle_of_polygon(const std::vector<double>& points, std::int64_t height, std::int64_t width);

/// Sets the pixels inside in a row-major [height, width] picture; the others stay as they are.
void paint(const CocoRle& rle, bool* pixels);

}  // namespace limn
