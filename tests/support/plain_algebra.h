// Linear algebra the plain way, for oracles.
#pragma once
#include <ATen/ATen.h>

#include <cmath>
#include <vector>

namespace limn::testing {

using Rows = std::vector<std::vector<double>>;

/// Solves a x = b by Gaussian elimination with the largest pivot.
inline std::vector<double> solve(Rows a, std::vector<double> b) {
  const std::size_t n = b.size();
  for (std::size_t k = 0; k < n; ++k) {
    std::size_t pivot = k;
    for (std::size_t i = k + 1; i < n; ++i) {
      if (std::abs(a[i][k]) > std::abs(a[pivot][k])) pivot = i;
    }
    std::swap(a[k], a[pivot]);
    std::swap(b[k], b[pivot]);
    for (std::size_t i = k + 1; i < n; ++i) {
      const double factor = a[i][k] / a[k][k];
      for (std::size_t j = k; j < n; ++j) a[i][j] -= factor * a[k][j];
      b[i] -= factor * b[k];
    }
  }
  for (std::size_t k = n; k-- > 0;) {
    for (std::size_t j = k + 1; j < n; ++j) b[k] -= a[k][j] * b[j];
    b[k] /= a[k][k];
  }
  return b;
}

/// Sums of a map [H, W] over each of its segments [H, W].
inline std::vector<double> segment_sums(const Tensor& map, const Tensor& labels) {
  std::vector<double> sums(static_cast<std::size_t>(labels.max().item<std::int64_t>()) + 1, 0);
  for (std::int64_t y = 0; y < map.size(0); ++y) {
    for (std::int64_t x = 0; x < map.size(1); ++x) {
      sums[static_cast<std::size_t>(labels[y][x].item<std::int64_t>())] += map[y][x].item<double>();
    }
  }
  return sums;
}

}  // namespace limn::testing
