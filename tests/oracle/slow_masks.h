// Masks and blurs in plain loops, float64.
#pragma once
#include <ATen/ATen.h>

#include <cmath>
#include <string>

namespace limn::testing {

/// The generator pixel by pixel: which parameters each pixel sees, and how strongly.
struct SlowGenerator {
  std::int64_t height, width, margin, out_h, out_w;
  at::Tensor index,
      weight;  ///< [pixels, window]; index of a zero behind the last parameter if outside

  SlowGenerator(std::int64_t h, std::int64_t w, std::int64_t step, std::int64_t sigma)
      : height(h), width(w), margin(sigma) {
    const auto ceil = [&](std::int64_t a) { return (a + step - 1) / step; };
    const std::int64_t padding = 1 + ceil(margin + sigma), radius = 1 + ceil(sigma);
    const std::int64_t rows = ceil(h), columns = ceil(w), side = 2 * radius + 1;
    out_h = step * (rows + 2 * padding - side + 1) - step + 1;
    out_w = step * (columns + 2 * padding - side + 1) - step + 1;
    index = at::full({out_h * out_w, side * side}, rows * columns, at::kLong);
    weight = at::empty({out_h * out_w, side * side}, at::kDouble);
    for (std::int64_t uy = 0; uy < out_h; ++uy) {
      for (std::int64_t ux = 0; ux < out_w; ++ux) {
        for (std::int64_t k = 0; k < side * side; ++k) {
          const std::int64_t iy = uy / step + k / side - padding;
          const std::int64_t ix = ux / step + k % side - padding;
          const double distance = std::hypot(static_cast<double>(uy - margin - step * iy),
                                             static_cast<double>(ux - margin - step * ix));
          const double beyond = std::max(distance / static_cast<double>(sigma) - 0.5, 0.0);
          weight[uy * out_w + ux][k] = std::exp(-2 * beyond * beyond);
          if (iy >= 0 && iy < rows && ix >= 0 && ix < columns) {
            index[uy * out_w + ux][k] = iy * columns + ix;
          }
        }
      }
    }
  }

  /// [rows, columns] -> [out_h, out_w]; autograd follows.
  at::Tensor full(const at::Tensor& parameters) const {
    const at::Tensor padded = at::cat({parameters.flatten(), at::zeros({1}, at::kDouble)});
    const at::Tensor v = padded.index_select(0, index.flatten()).view_as(weight) * weight;
    const at::Tensor e = (20 * v).exp();
    return ((v * e).sum(1) / e.sum(1)).view({out_h, out_w});
  }
  at::Tensor crop(const at::Tensor& full) const {
    return full.slice(0, margin, margin + height).slice(1, margin, margin + width);
  }
};

/// imsmooth with zeros beyond the border, one pixel at a time.
inline at::Tensor slow_blur(const at::Tensor& x, double sigma) {
  if (sigma == 0) return x.clone();
  const auto half = static_cast<std::int64_t>(std::ceil(4 * sigma));
  const auto tap = [&](std::int64_t i) {
    return std::exp(-std::pow(static_cast<double>(i) / (std::sqrt(2.0) * sigma + 1.1920929e-7), 2));
  };
  double total = 0;
  for (std::int64_t i = -half; i <= half; ++i) total += tap(i);
  at::Tensor now = x;
  for (const std::int64_t axis : {1, 2}) {
    const at::Tensor next = at::zeros_like(now);
    for (std::int64_t to = 0; to < x.size(axis); ++to) {
      for (std::int64_t i = -half; i <= half; ++i) {
        if (to + i < 0 || to + i >= x.size(axis)) continue;
        next.select(axis, to) += tap(i) / total * now.select(axis, to + i);
      }
    }
    now = next;
  }
  return now;
}

}  // namespace limn::testing
