// Textures: two colors mixed by a pattern that is blended over one pixel at its edges. Noise is
// value noise in three octaves (smoothstep between hashed lattice values).
#include "data/texture.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <numbers>

namespace limn::shapes {
namespace {

constexpr Color hex(std::uint32_t rgb) {
  return {((rgb >> 16) & 255) / 255.0, ((rgb >> 8) & 255) / 255.0, (rgb & 255) / 255.0};
}

constexpr std::array<Color, 12> kStrong = {
    hex(0xe4572e), hex(0xf3a712), hex(0x17a398), hex(0x2e5077), hex(0x6ba53a), hex(0x8e4585),
    hex(0xe56b8a), hex(0x3f8efc), hex(0xa6622d), hex(0x5d6d7e), hex(0x6a5acd), hex(0xc0283d)};
constexpr std::array<Color, 12> kCalm = {
    hex(0xf5efe0), hex(0xdde6ed), hex(0xdce5d4), hex(0xf3dfda), hex(0xe4dfec), hex(0xe8dcc4),
    hex(0xd3e4f0), hex(0xd9d7d2), hex(0x2b3440), hex(0x2f4a44), hex(0x43364a), hex(0x4b3b34)};
constexpr Color kWhite{1, 1, 1}, kBlack{0, 0, 0};

double luma(Color c) { return 0.299 * c.r + 0.587 * c.g + 0.114 * c.b; }

double color_distance(Color a, Color b) {
  return std::sqrt((a.r - b.r) * (a.r - b.r) + (a.g - b.g) * (a.g - b.g) +
                   (a.b - b.b) * (a.b - b.b));
}

double fraction(double x) { return x - std::floor(x); }

/// Square wave of period 1 with edges blended over `width`.
double square_wave(double u, double width) {
  return std::clamp(0.5 + (std::abs(fraction(u) - 0.5) - 0.25) / width, 0.0, 1.0);
}

double lattice_noise(std::uint64_t key, double x, double y) {
  const double fx = std::floor(x), fy = std::floor(y);
  const auto at = [&](double i, double j) {
    const auto column = static_cast<std::uint64_t>(static_cast<std::int64_t>(i));
    const auto row = static_cast<std::uint64_t>(static_cast<std::int64_t>(j));
    return unit(mix(key ^ (column * 0x9e3779b97f4a7c15ULL) ^ (row * 0xc2b2ae3d27d4eb4fULL)));
  };
  const auto smooth = [](double t) { return t * t * (3 - 2 * t); };
  const double tx = smooth(x - fx), ty = smooth(y - fy);
  const double top = at(fx, fy) + tx * (at(fx + 1, fy) - at(fx, fy));
  const double low = at(fx, fy + 1) + tx * (at(fx + 1, fy + 1) - at(fx, fy + 1));
  return top + ty * (low - top);
}

double cloud_noise(std::uint64_t key, double x, double y) {
  const double sum = 0.55 * lattice_noise(key, x, y) +
                     0.30 * lattice_noise(mix(key), 2 * x + 0.37, 2 * y + 0.71) +
                     0.15 * lattice_noise(mix(key + 1), 4 * x + 0.13, 4 * y + 0.59);
  return std::clamp(0.5 + 1.8 * (sum - 0.5), 0.0, 1.0);
}

/// Pattern, period, direction and shift; the colors are the caller's.
Texture any_pattern(Draws& draws) {
  Texture texture;
  texture.kind = static_cast<ShapeTexture>(draws.below(6));
  const double angle = draws.uniform(0, std::numbers::pi);
  texture.direction = {std::cos(angle), std::sin(angle)};
  texture.period = draws.uniform(0.065, 0.115);
  texture.shift_x = draws.uniform(0, 1);
  texture.shift_y = draws.uniform(0, 1);
  texture.key = draws.bits();
  return texture;
}

}  // namespace

Color blend(Color from, Color to, double share) {
  return {from.r + share * (to.r - from.r), from.g + share * (to.g - from.g),
          from.b + share * (to.b - from.b)};
}

RgbColor to_bytes(Color color) {
  const auto byte = [](double v) {
    return static_cast<std::uint8_t>(255 * std::clamp(v, 0.0, 1.0) + 0.5);
  };
  return {byte(color.r), byte(color.g), byte(color.b)};
}

Color texture_color(const Texture& texture, Point p, double pixel) {
  const double c = texture.direction.x, s = texture.direction.y;
  const double x = c * p.x + s * p.y, y = c * p.y - s * p.x;
  const double u = x / texture.period + texture.shift_x, v = y / texture.period + texture.shift_y;
  const double width = std::min(pixel / texture.period, 0.5);
  switch (texture.kind) {
    case ShapeTexture::Plain:
      return texture.first;
    case ShapeTexture::Stripes:
      return blend(texture.first, texture.second, square_wave(u, width));
    case ShapeTexture::Dots: {
      const double distance = length(fraction(u) - 0.5, fraction(v) - 0.5);
      return blend(texture.first, texture.second,
                   std::clamp(0.5 + (0.31 - distance) / width, 0.0, 1.0));
    }
    case ShapeTexture::Checker: {
      const double a = square_wave(u / 2, width / 2), b = square_wave(v / 2, width / 2);
      return blend(texture.first, texture.second, a + b - 2 * a * b);
    }
    case ShapeTexture::Gradient: {
      const double along = c * (p.x - texture.origin.x) + s * (p.y - texture.origin.y);
      return blend(texture.first, texture.second,
                   std::clamp(0.5 + 0.5 * along / texture.extent, 0.0, 1.0));
    }
    case ShapeTexture::Noise:
      break;
  }
  return blend(texture.first, texture.second, cloud_noise(texture.key, u, v));
}

Texture background_texture(Draws& draws) {
  Texture texture = any_pattern(draws);
  // Dark backgrounds are a quarter of all.
  texture.first =
      kCalm[static_cast<std::size_t>(draws.chance(0.25) ? 8 + draws.below(4) : draws.below(8))];
  const bool dark = luma(texture.first) < 0.4;
  const double share = texture.kind == ShapeTexture::Gradient || texture.kind == ShapeTexture::Noise
                           ? draws.uniform(0.16, 0.30)
                           : draws.uniform(0.07, 0.14);
  texture.second = blend(texture.first,
                         dark ? kWhite : kStrong[static_cast<std::size_t>(draws.below(12))], share);
  texture.period *= 1.4;
  texture.origin = {0.5, 0.5};
  texture.extent = 0.6;
  return texture;
}

Color strong_color(Draws& draws, Color background) {
  for (int i = 0; i < 64; ++i) {
    const Color color = kStrong[static_cast<std::size_t>(draws.below(12))];
    if (color_distance(color, background) > 0.5) return color;
  }
  return luma(background) < 0.5 ? kWhite : kBlack;
}

Texture shape_texture(Draws& draws, Color background) {
  Texture texture = any_pattern(draws);
  texture.first = strong_color(draws, background);
  const bool lighter = luma(background) < 0.4 || luma(texture.first) < 0.35 || draws.chance(0.5);
  const Color light = blend(texture.first, kWhite, draws.uniform(0.45, 0.65));
  const Color dark = blend(texture.first, kBlack, draws.uniform(0.35, 0.5));
  // Stripes in the color of the background would break the outline.
  texture.second = lighter && color_distance(light, background) > 0.35 ? light : dark;
  return texture;
}

}  // namespace limn::shapes
