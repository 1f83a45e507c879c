// Textures and the palette of the shapes pictures.
#pragma once
#include <cstdint>

#include "data/draws.h"
#include "data/outline.h"
#include "limn/shapes.h"

namespace limn::shapes {

/// RGB in 0 .. 1.
struct Color {
  double r = 0, g = 0, b = 0;
};
Color blend(Color from, Color to, double share);
RgbColor to_bytes(Color color);

/// Two colors and how they alternate. Lengths are in units of the picture's shorter side.
struct Texture {
  ShapeTexture kind = ShapeTexture::Plain;
  Color first, second;
  Point direction{1, 0};  ///< of length 1
  double period = 0.1;
  double shift_x = 0, shift_y = 0;  ///< in periods
  Point origin;                     ///< the middle of a gradient
  double extent = 0.5;              ///< half the length of a gradient
  std::uint64_t key = 0;            ///< of the noise
};

/// The color at a point; `pixel` is the size of a pixel, over which edges are blended.
Color texture_color(const Texture& texture, Point p, double pixel);

/// A calm, low-contrast texture for a background.
Texture background_texture(Draws& draws);
/// A strong texture whose main color stands out from `background`.
Texture shape_texture(Draws& draws, Color background);
/// A color of the palette that stands out from `background`.
Color strong_color(Draws& draws, Color background);

}  // namespace limn::shapes
