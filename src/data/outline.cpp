// The outlines of the shapes. Distances: Inigo Quilez, "2D distance functions"
// (iquilezles.org/articles/distfunctions2d); the crescent's is a lower bound with the exact sign.
#include "data/outline.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <numbers>
#include <vector>

namespace limn::shapes {
namespace {

constexpr double kPi = std::numbers::pi;

/// Corners at alternating radii, the first one straight up.
std::vector<Point> spikes(int count, double outer, double inner) {
  std::vector<Point> corners;
  for (int i = 0; i < count; ++i) {
    const double angle = 2 * kPi * i / count - kPi / 2;
    const double radius = i % 2 == 0 ? outer : inner;
    corners.push_back({radius * std::cos(angle), radius * std::sin(angle)});
  }
  return corners;
}

const std::array<Point, 12> kCross = {{{-0.31, -0.95},
                                       {0.31, -0.95},
                                       {0.31, -0.31},
                                       {0.95, -0.31},
                                       {0.95, 0.31},
                                       {0.31, 0.31},
                                       {0.31, 0.95},
                                       {-0.31, 0.95},
                                       {-0.31, 0.31},
                                       {-0.95, 0.31},
                                       {-0.95, -0.31},
                                       {-0.31, -0.31}}};
const std::array<Point, 7> kArrow = {{{-0.98, -0.25},
                                      {0.02, -0.25},
                                      {0.02, -0.72},
                                      {1.0, 0.0},
                                      {0.02, 0.72},
                                      {0.02, 0.25},
                                      {-0.98, 0.25}}};
const std::array<Point, 4> kSquare = {{{-0.78, -0.78}, {0.78, -0.78}, {0.78, 0.78}, {-0.78, 0.78}}};

/// Tip at 0, lobes up to y = 1.1, half as wide as 0.6.
double heart_distance(Point p) {
  const double x = std::abs(p.x), y = p.y;
  if (x + y > 1) return length(x - 0.25, y - 0.75) - std::numbers::sqrt2 / 4;
  const double along = 0.5 * std::max(x + y, 0.0);
  const double distance = std::min(length(x, y - 1), length(x - along, y - along));
  return x > y ? distance : -distance;
}

}  // namespace

double segment_distance(Point p, Point a, Point b) {
  const double dx = b.x - a.x, dy = b.y - a.y;
  const double square = dx * dx + dy * dy;
  const double t =
      square > 0 ? std::clamp(((p.x - a.x) * dx + (p.y - a.y) * dy) / square, 0.0, 1.0) : 0.0;
  return length(p.x - a.x - t * dx, p.y - a.y - t * dy);
}

double polygon_distance(std::span<const Point> corners, Point p) {
  double nearest = 1e300;
  bool inside = false;
  for (std::size_t i = 0, j = corners.size() - 1; i < corners.size(); j = i++) {
    const Point a = corners[j], b = corners[i];
    const double dx = b.x - a.x, dy = b.y - a.y;
    const double t =
        std::clamp(((p.x - a.x) * dx + (p.y - a.y) * dy) / (dx * dx + dy * dy), 0., 1.);
    const double ex = p.x - a.x - t * dx, ey = p.y - a.y - t * dy;
    nearest = std::min(nearest, ex * ex + ey * ey);
    if ((a.y > p.y) != (b.y > p.y) && p.x < a.x + (p.y - a.y) / dy * dx) inside = !inside;
  }
  return inside ? -std::sqrt(nearest) : std::sqrt(nearest);
}

double outline_distance(Outline outline, Point p) {
  static const std::vector<Point> star = spikes(10, 1.05, 0.46);
  static const std::vector<Point> triangle = spikes(3, 1.08, 1.08);
  static const std::vector<Point> hexagon = spikes(6, 0.95, 0.95);
  switch (outline) {
    case Outline::Circle:
      return length(p.x, p.y) - 0.88;
    case Outline::Square:
      return polygon_distance(kSquare, p);
    case Outline::Triangle:
      return polygon_distance(triangle, p);
    case Outline::Star:
      return polygon_distance(star, p);
    case Outline::Ring:
      return std::abs(length(p.x, p.y) - 0.70) - 0.22;
    case Outline::Cross:
      return polygon_distance(kCross, p);
    case Outline::Hexagon:
      return polygon_distance(hexagon, p);
    case Outline::Heart:
      return heart_distance({0.62 * p.x, 0.55 - 0.62 * p.y}) / 0.62;
    case Outline::Crescent:
      return std::max(length(p.x, p.y) - 0.95, 0.74 - length(p.x - 0.42, p.y));
    case Outline::Arrow:
      break;
  }
  return polygon_distance(kArrow, p);
}

double outline_turn(Outline outline) {
  switch (outline) {
    case Outline::Circle:
    case Outline::Ring:
      return 0;
    case Outline::Square:
    case Outline::Cross:
      return kPi / 4;
    case Outline::Triangle:
      return kPi / 3;
    case Outline::Star:
      return kPi / 5;
    case Outline::Hexagon:
      return kPi / 6;
    case Outline::Heart:
      return kPi / 5;
    case Outline::Crescent:
    case Outline::Arrow:
      break;
  }
  return kPi;
}

}  // namespace limn::shapes
