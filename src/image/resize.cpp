// Antialiased bilinear resizing of 8-bit pictures, bit for bit as PIL does it: a triangle filter
// whose support grows with the reduction, weights as 22-bit integers, first along rows, then along
// columns. Source: python-pillow/Pillow src/libImaging/Resample.c.
#include "image/resample.h"
#include "limn/error.h"
#include "limn/image.h"

namespace limn {
namespace {

double triangle(double distance) { return distance < 1 ? 1 - distance : 0; }

double cubic(double distance) {
  constexpr double a = -0.5;
  if (distance < 1) return ((a + 2) * distance - (a + 3)) * distance * distance + 1;
  return distance < 2 ? (((distance - 5) * distance + 8) * distance - 4) * a : 0;
}

std::vector<Taps> filter_taps(double (*filter)(double), double half_width, std::int64_t in,
                              std::int64_t out, double start, double length) {
  const double scale = length / static_cast<double>(out);
  const double filter_scale = std::max(scale, 1.0), reach = half_width * filter_scale;
  std::vector<Taps> all(static_cast<std::size_t>(out));
  for (std::int64_t i = 0; i < out; ++i) {
    const double center = start + (static_cast<double>(i) + 0.5) * scale;
    Taps& taps = all[static_cast<std::size_t>(i)];
    taps.first = std::max<std::int64_t>(0, static_cast<std::int64_t>(center - reach + 0.5));
    const std::int64_t end = std::min(in, static_cast<std::int64_t>(center + reach + 0.5));
    double sum = 0;
    for (std::int64_t x = taps.first; x < end; ++x) {
      taps.weights.push_back(
          filter(std::abs((static_cast<double>(x) - center + 0.5) * (1.0 / filter_scale))));
      sum += taps.weights.back();
    }
    for (double& weight : taps.weights) weight /= sum;
  }
  return all;
}

std::vector<std::vector<int>> fixed_point(const std::vector<Taps>& taps) {
  std::vector<std::vector<int>> out;
  for (const auto& one : taps) {
    auto& weights = out.emplace_back();
    for (const double weight : one.weights) {
      weights.push_back(static_cast<int>(0.5 + weight * (1 << kTapBits)));
    }
  }
  return out;
}

unsigned char rounded(int sum) {
  return static_cast<unsigned char>(std::clamp(sum >> kTapBits, 0, 255));
}

}  // namespace

std::vector<Taps> triangle_taps(std::int64_t in, std::int64_t out, double start, double length) {
  return filter_taps(triangle, 1, in, out, start, length);
}

std::vector<Taps> cubic_taps(std::int64_t in, std::int64_t out, double start, double length) {
  return filter_taps(cubic, 2, in, out, start, length);
}

Tensor resize_picture(const Tensor& pixels, std::int64_t height, std::int64_t width) {
  const std::int64_t in_height = pixels.size(0), in_width = pixels.size(1), c = pixels.size(2);
  if (height < 1 || width < 1 || height > kMaxPixels / width) {
    fail(ErrorCode::InvalidArgument, "cannot resize a picture to ", width, " x ", height,
         " pixels");
  }
  Tensor source = pixels.contiguous();
  if (width != in_width) {
    const auto taps = triangle_taps(in_width, width, 0, static_cast<double>(in_width));
    const auto weights = fixed_point(taps);
    Tensor target = at::empty({in_height, width, c}, at::kByte);
    const auto* in = source.data_ptr<std::uint8_t>();
    auto* out = target.data_ptr<std::uint8_t>();
    for (std::int64_t y = 0; y < in_height; ++y) {
      for (std::int64_t x = 0; x < width; ++x) {
        const auto& line = weights[static_cast<std::size_t>(x)];
        const auto* from = in + (y * in_width + taps[static_cast<std::size_t>(x)].first) * c;
        for (std::int64_t k = 0; k < c; ++k) {
          int sum = 1 << (kTapBits - 1);
          for (std::size_t i = 0; i < line.size(); ++i) {
            sum += from[static_cast<std::int64_t>(i) * c + k] * line[i];
          }
          *out++ = rounded(sum);
        }
      }
    }
    source = target;
  }
  if (height != in_height) {
    const auto taps = triangle_taps(in_height, height, 0, static_cast<double>(in_height));
    const auto weights = fixed_point(taps);
    Tensor target = at::empty({height, width, c}, at::kByte);
    const auto* in = source.data_ptr<std::uint8_t>();
    auto* out = target.data_ptr<std::uint8_t>();
    const std::int64_t row = width * c;
    std::vector<int> sums(static_cast<std::size_t>(row));
    for (std::int64_t y = 0; y < height; ++y) {
      std::fill(sums.begin(), sums.end(), 1 << (kTapBits - 1));
      const auto& line = weights[static_cast<std::size_t>(y)];
      for (std::size_t i = 0; i < line.size(); ++i) {
        const auto* from =
            in + (taps[static_cast<std::size_t>(y)].first + static_cast<std::int64_t>(i)) * row;
        for (std::int64_t k = 0; k < row; ++k)
          sums[static_cast<std::size_t>(k)] += from[k] * line[i];
      }
      for (const int sum : sums) *out++ = rounded(sum);
    }
    source = target;
  }
  return source;
}

}  // namespace limn
