// Outlines as signed distances: negative inside, in units of the shape's radius.
#pragma once
#include <cmath>
#include <span>

namespace limn::shapes {

struct Point {
  double x = 0, y = 0;
};

/// std::hypot guards against overflow, which costs ten times as much.
inline double length(double x, double y) { return std::sqrt(x * x + y * y); }

/// The order of the labels.
enum class Outline { Circle, Square, Triangle, Star, Ring, Cross, Hexagon, Heart, Crescent, Arrow };

/// Signed distance from `p` to the outline centered at 0 with radius 1; y points down.
double outline_distance(Outline outline, Point p);
/// How far a shape may be turned either way before it looks like itself again, or odd; radians.
double outline_turn(Outline outline);
/// Signed distance to a polygon.
double polygon_distance(std::span<const Point> corners, Point p);
/// Distance to the segment from `a` to `b`.
double segment_distance(Point p, Point a, Point b);

}  // namespace limn::shapes
