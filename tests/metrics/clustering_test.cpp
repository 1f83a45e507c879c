// k-means against all partitions, t-SNE against its own divergence by plain loops.
#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <cmath>
#include <set>

#include "limn/error.h"
#include "limn/options.h"
#include "limn/spray.h"

namespace limn {
namespace {

double at2(const Tensor& of, std::int64_t i, std::int64_t j) { return of[i][j].item<double>(); }

TEST(KMeans, FindsTheBestOfAllPartitions) {
  at::manual_seed(8);
  const Tensor rows = at::rand({9, 2}, at::kDouble);
  const auto cost = [&](const std::vector<std::int64_t>& cluster) {
    double sum = 0;
    for (std::int64_t c = 0; c < 2; ++c) {
      Tensors own;
      for (std::size_t i = 0; i < 9; ++i) {
        if (cluster[i] == c) own.push_back(rows[static_cast<std::int64_t>(i)]);
      }
      if (own.empty()) return kInfinity;
      const Tensor all = at::stack(own);
      sum += (all - all.mean(0)).square().sum().item<double>();
    }
    return sum;
  };
  double best = kInfinity;
  for (int code = 1; code < 511; ++code) {
    std::vector<std::int64_t> cluster;
    for (int i = 0; i < 9; ++i) cluster.push_back(code >> i & 1);
    best = std::min(best, cost(cluster));
  }
  EXPECT_NEAR(cost(k_means(rows, 2, 5)), best, 1e-12);
  EXPECT_EQ(k_means(rows, 3, 5), k_means(rows, 3, 5));
  const auto whole = k_means(rows, 9, 0);
  EXPECT_EQ(std::set<std::int64_t>(whole.begin(), whole.end()).size(), 9U);
  const auto equal = k_means(at::ones({4, 2}), 3, 0);
  EXPECT_EQ(equal, std::vector<std::int64_t>(4, 0)) << "equal points are one cluster";
  EXPECT_THROW(k_means(rows, 10, 0), Error);
  EXPECT_THROW(k_means(rows, 0, 0), Error);
}

/// Kullback-Leibler divergence of t-SNE for a layout, with precisions found by a plain search.
double slow_divergence(const Tensor& distances, const Tensor& layout, double perplexity) {
  const std::int64_t n = distances.size(0);
  Tensor p = at::zeros({n, n}, at::kDouble), q = at::zeros({n, n}, at::kDouble);
  for (std::int64_t i = 0; i < n; ++i) {
    double low = 1e-6, high = 1e6;
    for (int round = 0; round < 200; ++round) {
      const double precision = std::sqrt(low * high);
      double sum = 0, entropy = 0;
      std::vector<double> row(static_cast<std::size_t>(n), 0);
      for (std::int64_t j = 0; j < n; ++j) {
        if (j != i)
          sum += row[static_cast<std::size_t>(j)] =
              std::exp(-precision * std::pow(at2(distances, i, j), 2));
      }
      for (std::int64_t j = 0; j < n; ++j) {
        const double share = row[static_cast<std::size_t>(j)] / sum;
        p[i][j] = share;
        if (share > 0) entropy -= share * std::log(share);
      }
      (entropy > std::log(perplexity) ? low : high) = precision;
    }
    for (std::int64_t j = 0; j < n; ++j) {
      if (j != i) q[i][j] = 1 / (1 + (layout[i] - layout[j]).square().sum().item<double>());
    }
  }
  p = (p + p.t()) / (2 * static_cast<double>(n));
  q /= q.sum();
  double sum = 0;
  for (std::int64_t i = 0; i < n; ++i) {
    for (std::int64_t j = 0; j < n; ++j) {
      if (at2(p, i, j) > 1e-300) sum += at2(p, i, j) * std::log(at2(p, i, j) / at2(q, i, j));
    }
  }
  return sum;
}

TEST(Tsne, ComesToRestAtALowDivergence) {
  at::manual_seed(9);
  Tensor rows = at::rand({24, 3}, at::kDouble);
  rows.narrow(0, 0, 12).add_(3);
  const Tensor distances = pairwise_distances(rows);
  const Tensor layout = tsne(distances, 1, 5);
  ASSERT_EQ(layout.sizes(), (std::vector<std::int64_t>{24, 2}));
  const double rest = slow_divergence(distances, layout, 5);
  EXPECT_LT(rest, 0.35 * slow_divergence(distances, at::randn({24, 2}, at::kDouble), 5));
  // A step in any direction does not pay.
  for (int k = 0; k < 10; ++k) {
    const Tensor moved = layout + 0.3 * at::randn({24, 2}, at::kDouble);
    EXPECT_GT(slow_divergence(distances, moved, 5), rest);
  }
  // The two groups stand apart.
  const Tensor first = layout.narrow(0, 0, 12), second = layout.narrow(0, 12, 12);
  const double apart = (first.mean(0) - second.mean(0)).norm().item<double>();
  EXPECT_GT(apart, (first - first.mean(0)).norm(2, {1}).max().item<double>());
  EXPECT_GT(apart, (second - second.mean(0)).norm(2, {1}).max().item<double>());
  EXPECT_TRUE(layout.equal(tsne(distances, 1, 5)));
  EXPECT_FALSE(layout.equal(tsne(distances, 2, 5)));
}

TEST(Tsne, EqualMapsAreNoTrouble) {
  EXPECT_TRUE(tsne(at::zeros({5, 5}), 0).isfinite().all().item<bool>());
  const Tensor rows = at::cat({at::zeros({20, 2}), at::ones({20, 2})});
  EXPECT_TRUE(tsne(pairwise_distances(rows), 0).isfinite().all().item<bool>());
}

}  // namespace
}  // namespace limn
