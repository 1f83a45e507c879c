// Permutohedral lattice: Gaussian filtering of n values in d dimensions in time linear in n.
// Source: Adams, Baek, Davis, Fast High-Dimensional Filtering Using the Permutohedral Lattice,
// 2010. Points lie in simplices of the lattice A*_d, scaled so that [1 2 1]/4 along each of its
// d + 1 directions, with the spread of barycentric interpolation, has about unit variance.
#pragma once
#include <cstdint>
#include <vector>

#include "limn/tensor.h"

namespace limn {

class Permutohedral {
 public:
  /// `features` [n, d], 1 <= d <= 16: positions in units of the standard deviation. Throws
  /// BadInput, Numerical.
  explicit Permutohedral(const Tensor& features);

  /// sum_j exp(-|f_i - f_j|^2 / 2) v_j, about, for float32 values [n, L]; j = i included. The same
  /// with any number of threads.
  Tensor filter(const Tensor& values) const;

  std::int64_t vertices() const { return vertices_; }

 private:
  void add_points(const Tensor& features);
  void collect_splats();

  std::int64_t points_ = 0, dimensions_ = 0, vertices_ = 0;
  // Of each point, the d + 1 corners of its simplex: [n, d + 1].
  std::vector<std::int32_t> corner_;
  std::vector<float> weight_;
  // The same from the vertices' side: entries first_[v] .. first_[v + 1] are vertex v's points.
  std::vector<std::int32_t> first_, splat_point_;
  std::vector<float> splat_weight_;
  // [d + 1, vertices, 2]: neighbors along each direction; `vertices_` stands for none.
  std::vector<std::int32_t> neighbor_;
};

}  // namespace limn
