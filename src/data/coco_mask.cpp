// Run-length masks of COCO (Lin et al. 2014). What a polygon covers is defined by the code that
// everybody uses, so its steps are followed: cocodataset/cocoapi, common/maskApi.c, rleFrPoly and
// rleFrString. The outline is walked on a grid five times finer; where it passes the center of a
// column, the mask changes sides from that row on.
#include "data/coco_mask.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <numeric>

#include "limn/error.h"

namespace limn {
namespace {

constexpr int kScale = 5;
constexpr double kLargest = 1e8;
constexpr std::int64_t kMostSteps = 5'000'000 * static_cast<std::int64_t>(kScale);

struct GridPoint {
  int x = 0, y = 0;
};

/// C's conversion, toward zero: outlines left of the picture come out as there.
int rounded(double value) { return static_cast<int>(value + .5); }

/// Walks from one point to the other, both included, one step a time along the longer side.
template <typename Visit>
void walk_edge(GridPoint from, GridPoint to, Visit visit) {
  const int dx = std::abs(to.x - from.x), dy = std::abs(to.y - from.y);
  const bool flat = dx >= dy;
  // Slopes are taken from the left or the top, so that both directions give the same points.
  const bool flip = flat ? from.x > to.x : from.y > to.y;
  if (flip) std::swap(from, to);
  const int steps = flat ? dx : dy;
  if (steps == 0) {
    visit(from);
    return;
  }
  const double slope = flat ? static_cast<double>(to.y - from.y) / dx  //
                            : static_cast<double>(to.x - from.x) / dy;
  for (int i = 0; i <= steps; ++i) {
    const int t = flip ? steps - i : i;
    if (flat) {
      visit(GridPoint{from.x + t, rounded(from.y + slope * t)});
    } else {
      visit(GridPoint{rounded(from.x + slope * t), from.y + t});
    }
  }
}

std::vector<GridPoint> fine_grid(const std::vector<double>& points) {
  if (points.size() % 2 != 0 || points.size() < 6) {
    fail(ErrorCode::BadInput, "a polygon of ", points.size(),
         " numbers; expected x and y of at least three points");
  }
  std::vector<GridPoint> grid;
  grid.reserve(points.size() / 2 + 1);
  for (std::size_t i = 0; i < points.size(); i += 2) {
    if (!(std::abs(points[i]) <= kLargest && std::abs(points[i + 1]) <= kLargest)) {
      fail(ErrorCode::BadInput, "point ", i / 2, " of a polygon is (", points[i], ", ",
           points[i + 1], "); expected pixels");
    }
    grid.push_back({rounded(kScale * points[i]), rounded(kScale * points[i + 1])});
  }
  grid.push_back(grid.front());
  std::int64_t steps = 0;
  for (std::size_t i = 1; i < grid.size(); ++i) {
    steps += std::max(std::abs(grid[i].x - grid[i - 1].x), std::abs(grid[i].y - grid[i - 1].y)) + 1;
  }
  if (steps > kMostSteps) {
    fail(ErrorCode::BadInput, "a polygon's outline is ", steps / kScale, " pixels long; at most ",
         kMostSteps / kScale, " are drawn");
  }
  return grid;
}

/// Runs between the places at which the mask changes sides; two changes at one place are none.
CocoRle runs_between(std::vector<std::uint32_t> places, std::int64_t height, std::int64_t width) {
  std::sort(places.begin(), places.end());
  CocoRle rle{height, width, {}};
  std::uint32_t last = 0;
  for (std::size_t i = 0; i < places.size(); ++i) {
    if (i + 1 < places.size() && places[i] == places[i + 1]) {
      ++i;
      continue;
    }
    rle.counts.push_back(places[i] - last);
    last = places[i];
  }
  rle.counts.push_back(static_cast<std::uint32_t>(height * width) - last);
  return rle;
}

}  // namespace

std::int64_t CocoRle::area() const {
  std::int64_t sum = 0;
  for (std::size_t i = 1; i < counts.size(); i += 2) sum += counts[i];
  return sum;
}

void check_rle(const CocoRle& rle) {
  const auto sum = std::accumulate(rle.counts.begin(), rle.counts.end(), std::int64_t{0});
  if (sum != rle.height * rle.width) {
    fail(ErrorCode::BadInput, "the runs of a mask cover ", sum, " pixels; expected ", rle.width,
         " x ", rle.height, " = ", rle.height * rle.width);
  }
}

CocoRle rle_of_text(std::string_view text, std::int64_t height, std::int64_t width) {
  CocoRle rle{height, width, {}};
  const std::int64_t pixels = height * width;
  std::size_t at = 0;
  while (at < text.size()) {
    const std::size_t first = at;
    std::int64_t value = 0;
    bool more = true;
    for (int shift = 0; more; shift += 5) {
      const int code = at < text.size() ? static_cast<unsigned char>(text[at]) - '0' : -1;
      if (code < 0 || code > 63 || shift > 40) {
        fail(ErrorCode::BadInput, "character ", at + 1, " of a compressed mask ",
             at < text.size() ? "is none of '0' to 'o' that continue a count" : "is missing");
      }
      value += static_cast<std::int64_t>(code & 31) << shift;
      more = (code & 32) != 0;
      // The highest bit of the last group is the sign.
      if (!more && (code & 16) != 0) value -= std::int64_t{1} << (shift + 5);
      ++at;
    }
    if (rle.counts.size() > 2) value += rle.counts[rle.counts.size() - 2];
    if (value < 0 || value > pixels) {
      fail(ErrorCode::BadInput, "character ", first + 1, " of a compressed mask: a run of ", value,
           " pixels in a picture of ", pixels);
    }
    rle.counts.push_back(static_cast<std::uint32_t>(value));
  }
  check_rle(rle);
  return rle;
}

CocoRle rle_of_polygon(const std::vector<double>& points, std::int64_t height, std::int64_t width) {
  const std::vector<GridPoint> corners = fine_grid(points);
  std::vector<std::uint32_t> places;
  GridPoint last = corners.front();
  const auto visit = [&](const GridPoint& point) {
    if (point.x != last.x) {
      const int left = point.x < last.x ? point.x : point.x - 1;
      const double column = (left + .5) / kScale - .5;
      if (std::floor(column) == column && column >= 0 && column <= static_cast<double>(width - 1)) {
        const double row = (std::min(point.y, last.y) + .5) / kScale - .5;
        const double from = std::ceil(std::clamp(row, 0.0, static_cast<double>(height)));
        places.push_back(static_cast<std::uint32_t>(static_cast<std::int64_t>(column) * height +
                                                    static_cast<std::int64_t>(from)));
      }
    }
    last = point;
  };
  for (std::size_t i = 1; i < corners.size(); ++i) walk_edge(corners[i - 1], corners[i], visit);
  return runs_between(std::move(places), height, width);
}

void paint(const CocoRle& rle, bool* pixels) {
  std::int64_t at = 0;
  for (std::size_t i = 0; i < rle.counts.size(); ++i) {
    const std::int64_t end = at + rle.counts[i];
    if (i % 2 == 1) {
      for (; at < end; ++at) pixels[(at % rle.height) * rle.width + at / rle.height] = true;
    }
    at = end;
  }
}

}  // namespace limn
