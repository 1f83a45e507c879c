// Plain second implementations of COCO's masks, pixel by pixel.
#pragma once
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "data/coco_mask.h"

namespace limn::testing {

using Plane = std::vector<std::vector<bool>>;  ///< [row][column]

inline Plane painted(const CocoRle& rle) {
  const auto pixels = std::make_unique<bool[]>(static_cast<std::size_t>(rle.height * rle.width));
  paint(rle, pixels.get());
  Plane plane(static_cast<std::size_t>(rle.height));
  for (std::size_t y = 0; y < plane.size(); ++y) {
    for (std::int64_t x = 0; x < rle.width; ++x) {
      plane[y].push_back(
          pixels[y * static_cast<std::size_t>(rle.width) + static_cast<std::size_t>(x)]);
    }
  }
  return plane;
}

/// Counts of a mask, pixel by pixel down the columns.
inline std::vector<std::uint32_t> slow_counts(const Plane& plane) {
  std::vector<std::uint32_t> counts = {0};
  bool inside = false;
  for (std::size_t x = 0; x < plane[0].size(); ++x) {
    for (std::size_t y = 0; y < plane.size(); ++y) {
      if (plane[y][x] != inside) {
        counts.push_back(0);
        inside = !inside;
      }
      ++counts.back();
    }
  }
  return counts;
}

/// The compressed form, written as cocoapi's rleToString does: from the fourth count on a
/// difference, groups of five bits, the sixth bit where more follow.
inline std::string slow_text(const std::vector<std::uint32_t>& counts) {
  std::string text;
  for (std::size_t i = 0; i < counts.size(); ++i) {
    long value = counts[i];
    if (i > 2) value -= static_cast<long>(counts[i - 2]);
    bool more = true;
    while (more) {
      long group = value & 0x1f;
      value >>= 5;
      more = (group & 0x10) ? value != -1 : value != 0;
      if (more) group |= 0x20;
      text += static_cast<char>(group + 48);
    }
  }
  return text;
}

/// cocoapi's polygon in its own steps: all points of the outline on the fine grid in one list, then
/// the places where columns are crossed, then a mask that changes sides at each of them.
inline Plane slow_polygon(const std::vector<double>& xy, int height, int width) {
  const std::size_t corners = xy.size() / 2;
  std::vector<int> x, y, u, v;
  for (std::size_t j = 0; j <= corners; ++j) {
    x.push_back(static_cast<int>(5 * xy[2 * (j % corners)] + .5));
    y.push_back(static_cast<int>(5 * xy[2 * (j % corners) + 1] + .5));
  }
  for (std::size_t j = 0; j < corners; ++j) {
    int xs = x[j], xe = x[j + 1], ys = y[j], ye = y[j + 1];
    const int dx = std::abs(xe - xs), dy = std::abs(ys - ye);
    const bool flip = (dx >= dy && xs > xe) || (dx < dy && ys > ye);
    if (flip) {
      std::swap(xs, xe);
      std::swap(ys, ye);
    }
    std::vector<int> edge_u, edge_v;
    for (int t = 0; t <= std::max(dx, dy); ++t) {
      if (dx >= dy) {
        edge_u.push_back(xs + t);
        edge_v.push_back(dx == 0 ? ys : static_cast<int>(ys + double(ye - ys) / dx * t + .5));
      } else {
        edge_u.push_back(static_cast<int>(xs + double(xe - xs) / dy * t + .5));
        edge_v.push_back(ys + t);
      }
    }
    if (flip) {
      std::reverse(edge_u.begin(), edge_u.end());
      std::reverse(edge_v.begin(), edge_v.end());
    }
    u.insert(u.end(), edge_u.begin(), edge_u.end());
    v.insert(v.end(), edge_v.begin(), edge_v.end());
  }
  std::vector<int> changes(static_cast<std::size_t>(height * width + 1));
  for (std::size_t j = 1; j < u.size(); ++j) {
    if (u[j] == u[j - 1]) continue;
    const double xd = ((u[j] < u[j - 1] ? u[j] : u[j] - 1) + .5) / 5 - .5;
    if (std::floor(xd) != xd || xd < 0 || xd > width - 1) continue;
    const double yd = (std::min(v[j], v[j - 1]) + .5) / 5 - .5;
    const int row = static_cast<int>(std::ceil(yd < 0 ? 0 : yd > height ? height : yd));
    ++changes[static_cast<std::size_t>(static_cast<int>(xd) * height + row)];
  }
  Plane plane(static_cast<std::size_t>(height), std::vector<bool>(static_cast<std::size_t>(width)));
  int sides = 0;
  for (int i = 0; i < height * width; ++i) {
    sides += changes[static_cast<std::size_t>(i)];
    plane[static_cast<std::size_t>(i % height)][static_cast<std::size_t>(i / height)] =
        sides % 2 == 1;
  }
  return plane;
}

}  // namespace limn::testing
