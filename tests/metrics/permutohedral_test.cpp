// The lattice against a plain one of sorted coordinates and maps, and against the Gaussian.
#include "metrics/permutohedral.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>
#include <vector>

#include "limn/error.h"

namespace limn {
namespace {

using Key = std::vector<int>;  // all d + 1 coordinates

/// The point in the plane of sum 0, by the triangular basis of Adams et al., scaled.
std::vector<double> elevated(const double* feature, int d) {
  std::vector<double> out(static_cast<std::size_t>(d) + 1, 0);
  for (int n = 1; n <= d; ++n) {
    // Basis vector n: n ones, then -n; of length sqrt(n (n + 1)).
    const double scaled = feature[n - 1] * (d + 1) * std::sqrt(2. / 3) / std::sqrt(n * (n + 1.));
    for (int i = 0; i < n; ++i) out[static_cast<std::size_t>(i)] += scaled;
    out[static_cast<std::size_t>(n)] -= n * scaled;
  }
  return out;
}

/// The corners of the simplex around a point with their weights: the nearest lattice point of color
/// 0, from which each further corner takes the coordinates with the largest differences along.
std::vector<std::pair<Key, double>> simplex(const std::vector<double>& point) {
  const int d = static_cast<int>(point.size()) - 1;
  // The nearest point of (d + 1) Z^(d + 1) with sum 0, among roundings of each coordinate.
  Key best;
  double least = 1e300;
  const int choices = static_cast<int>(std::pow(2, d + 1));
  for (int choice = 0; choice < choices; ++choice) {
    Key corner;
    int sum = 0;
    double distance = 0;
    for (int i = 0; i <= d; ++i) {
      const double value = point[static_cast<std::size_t>(i)];
      const int down = static_cast<int>(std::floor(value / (d + 1)));
      corner.push_back((down + ((choice >> i) & 1)) * (d + 1));
      sum += corner.back();
      distance += std::pow(value - corner.back(), 2);
    }
    if (sum == 0 && distance < least) {
      least = distance;
      best = corner;
    }
  }
  std::vector<std::size_t> order(point.size());
  std::iota(order.begin(), order.end(), 0);
  const auto difference = [&](std::size_t i) { return point[i] - best[i]; };
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t a, std::size_t b) { return difference(a) > difference(b); });
  std::vector<std::pair<Key, double>> corners;
  for (int color = 0; color <= d; ++color) {
    // + color on the d + 1 - color largest, color - (d + 1) on the others.
    Key corner = best;
    const auto larger = static_cast<std::size_t>(d + 1 - color);
    for (std::size_t rank = 0; rank < order.size(); ++rank) {
      corner[order[rank]] += rank < larger ? color : color - (d + 1);
    }
    const double weight =
        color == 0 ? 1 - (difference(order.front()) - difference(order.back())) / (d + 1)
                   : (difference(order[larger - 1]) - difference(order[larger])) / (d + 1);
    corners.emplace_back(corner, weight);
  }
  return corners;
}

Tensor slow_filter(const Tensor& features, const Tensor& values) {
  const int d = static_cast<int>(features.size(1));
  std::map<Key, double> lattice;
  std::vector<std::vector<std::pair<Key, double>>> all;
  for (std::int64_t i = 0; i < features.size(0); ++i) {
    const auto point = elevated(features.data_ptr<double>() + i * d, d);
    all.push_back(simplex(point));
    std::vector<double> back(point.size(), 0);
    double sum = 0;
    for (const auto& [corner, weight] : all.back()) {
      EXPECT_GE(weight, -1e-9);
      sum += weight;
      for (std::size_t k = 0; k < back.size(); ++k) back[k] += weight * corner[k];
      lattice[corner] += weight * values[i].item<double>();
    }
    EXPECT_NEAR(sum, 1, 1e-9);
    for (std::size_t k = 0; k < back.size(); ++k) EXPECT_NEAR(back[k], point[k], 1e-9);
  }
  for (int axis = 0; axis <= d; ++axis) {
    std::map<Key, double> blurred = lattice;
    for (auto& [corner, value] : blurred) {
      for (const int side : {-1, 1}) {
        Key neighbor = corner;
        for (int& coordinate : neighbor) coordinate += side;
        neighbor[static_cast<std::size_t>(axis)] -= side * (d + 1);
        const auto found = lattice.find(neighbor);
        if (found != lattice.end()) value += found->second / 2;
      }
    }
    lattice = blurred;
  }
  const Tensor out = at::zeros({features.size(0)}, at::kDouble);
  for (std::int64_t i = 0; i < features.size(0); ++i) {
    double sum = 0;
    for (const auto& [corner, weight] : all[static_cast<std::size_t>(i)]) {
      sum += weight * lattice[corner];
    }
    out[i] = sum / (1 + std::pow(2, -d));
  }
  return out;
}

TEST(Permutohedral, IsThePlainLattice) {
  at::manual_seed(8);
  for (const std::int64_t d : {1, 2, 3, 5}) {
    const Tensor features = at::randn({60, d}, at::kDouble) * 1.5;
    const Tensor values = at::randn({60, 3});
    const Tensor ours = Permutohedral(features).filter(values);
    for (std::int64_t label = 0; label < 3; ++label) {
      const Tensor slow = slow_filter(features, values.select(1, label));
      EXPECT_LT((ours.select(1, label) - slow).abs().max().item<double>(), 1e-4)
          << d << " dimensions";
    }
  }
}

Tensor gaussian(const Tensor& features) {
  const Tensor apart = features.unsqueeze(0) - features.unsqueeze(1);
  return (-apart.square().sum(2) / 2).exp();
}

/// Normalized as fields normalize it, the filter of a dense set is near the Gaussian's.
TEST(Permutohedral, IsNearTheGaussian) {
  at::manual_seed(9);
  const Tensor y = at::arange(24, at::kDouble).view({24, 1, 1}).expand({24, 30, 1}) / 3;
  const Tensor x = at::arange(30, at::kDouble).view({1, 30, 1}).expand({24, 30, 1}) / 3;
  const Tensor grid = at::cat({x, y}, 2).view({-1, 2});
  const Tensor values = at::rand({720, 2});
  const Permutohedral lattice(grid);
  const Tensor ours = lattice.filter(values) / lattice.filter(at::ones({720, 1}));
  const Tensor weights = gaussian(grid);
  const Tensor exact = at::matmul(weights, values.to(at::kDouble)) / weights.sum(1, true);
  const double error = ((ours - exact).norm() / (exact - exact.mean(0)).norm()).item<double>();
  EXPECT_LT(error, .2);
  EXPECT_LT((ours - exact).abs().max().item<double>(), .05);
}

TEST(Permutohedral, KeepsFarPointsApart) {
  // Points 100 standard deviations apart share no vertex: each sees itself alone.
  const Tensor features = at::tensor({0., 0., 100., 0., 0., 100.}, at::kDouble).view({3, 2});
  const Permutohedral lattice(features);
  const Tensor all = lattice.filter(at::eye(3));
  const Tensor diagonal = all.diagonal();
  EXPECT_EQ((all - diagonal.diag()).abs().max().item<double>(), 0);
  EXPECT_GT(diagonal.min().item<double>(), .2);
  EXPECT_LE(lattice.vertices(), 9);
}

TEST(Permutohedral, DoesNotDependOnThreads) {
  at::manual_seed(10);
  const Tensor features = at::randn({30000, 2}, at::kDouble) * 30;
  const Tensor values = at::randn({30000, 2});
  const int threads = at::get_num_threads();
  at::set_num_threads(1);
  const Tensor one = Permutohedral(features).filter(values);
  at::set_num_threads(3);
  const Tensor three = Permutohedral(features).filter(values);
  at::set_num_threads(threads);
  EXPECT_TRUE(at::equal(one, three));
}

TEST(Permutohedral, RefusesWhatItCannotPlace) {
  EXPECT_THROW(Permutohedral(at::zeros({0, 2})), Error);
  EXPECT_THROW(Permutohedral(at::zeros({3})), Error);
  EXPECT_THROW(Permutohedral(at::zeros({3, 17})), Error);
  EXPECT_THROW(Permutohedral(at::full({3, 2}, std::nan(""))), Error);
  EXPECT_THROW(Permutohedral(at::full({3, 2}, 1e12)), Error);
  EXPECT_THROW(Permutohedral(at::zeros({3, 2})).filter(at::zeros({4, 2})), Error);
}

}  // namespace
}  // namespace limn
