// k-means on few points: Lloyd's algorithm from k-means++ starts, the best of ten.
#include <ATen/ATen.h>

#include <algorithm>
#include <limits>
#include <numeric>

#include "base/counter_random.h"
#include "limn/error.h"
#include "limn/spray.h"

namespace limn {
namespace {

constexpr int kRuns = 10, kRounds = 100;

/// Rows of numbers, one after the other.
struct Points {
  std::size_t count = 0, width = 0;
  std::vector<double> values;
  const double* row(std::size_t i) const { return values.data() + i * width; }
};

double squared_distance(const double* a, const double* b, std::size_t width) {
  double sum = 0;
  for (std::size_t k = 0; k < width; ++k) sum += (a[k] - b[k]) * (a[k] - b[k]);
  return sum;
}

/// Each next center is a point drawn in proportion to its squared distance from the nearest one.
Points first_centers(const Points& points, std::size_t clusters, std::uint64_t key) {
  Points centers{.count = 0, .width = points.width, .values = {}};
  std::vector<double> nearest(points.count, std::numeric_limits<double>::infinity());
  const auto add = [&](std::size_t chosen) {
    centers.values.insert(centers.values.end(), points.row(chosen),
                          points.row(chosen) + points.width);
    const double* center = centers.row(centers.count++);
    for (std::size_t i = 0; i < points.count; ++i) {
      nearest[i] = std::min(nearest[i], squared_distance(points.row(i), center, points.width));
    }
  };
  add(static_cast<std::size_t>(unit(draw(key, 0)) * static_cast<double>(points.count)));
  while (centers.count < clusters) {
    const double mass = std::accumulate(nearest.begin(), nearest.end(), 0.0);
    double left = unit(draw(key, centers.count)) * mass;
    std::size_t chosen = 0;
    for (std::size_t i = 0; i < points.count; ++i) {
      if (nearest[i] <= 0) continue;
      chosen = i;
      if ((left -= nearest[i]) <= 0) break;
    }
    add(chosen);
  }
  return centers;
}

struct Run {
  std::vector<std::size_t> cluster;
  double cost = std::numeric_limits<double>::infinity();
};

Run assigned(const Points& points, const Points& centers) {
  Run run{.cluster = std::vector<std::size_t>(points.count, 0), .cost = 0};
  for (std::size_t i = 0; i < points.count; ++i) {
    double best = std::numeric_limits<double>::infinity();
    for (std::size_t c = 0; c < centers.count; ++c) {
      const double distance = squared_distance(points.row(i), centers.row(c), points.width);
      if (distance < best) {
        best = distance;
        run.cluster[i] = c;
      }
    }
    run.cost += best;
  }
  return run;
}

/// Means of the clusters; an empty one keeps its center.
Points means(const Points& points, const Run& run, const Points& before) {
  Points out = before;
  std::vector<double> sums(before.values.size(), 0);
  std::vector<double> counts(before.count, 0);
  for (std::size_t i = 0; i < points.count; ++i) {
    const std::size_t c = run.cluster[i];
    ++counts[c];
    for (std::size_t k = 0; k < points.width; ++k) sums[c * points.width + k] += points.row(i)[k];
  }
  for (std::size_t c = 0; c < before.count; ++c) {
    for (std::size_t k = 0; counts[c] > 0 && k < points.width; ++k) {
      out.values[c * points.width + k] = sums[c * points.width + k] / counts[c];
    }
  }
  return out;
}

Run lloyd(const Points& points, std::size_t clusters, std::uint64_t key) {
  Points centers = first_centers(points, clusters, key);
  Run run = assigned(points, centers);
  for (int round = 0; round < kRounds; ++round) {
    centers = means(points, run, centers);
    Run next = assigned(points, centers);
    const bool done = next.cluster == run.cluster;
    run = std::move(next);
    if (done) break;
  }
  return run;
}

}  // namespace

std::vector<std::int64_t> k_means(const Tensor& rows, std::int64_t clusters, std::uint64_t seed) {
  if (rows.dim() != 2 || clusters < 1 || clusters > rows.size(0)) {
    fail(ErrorCode::InvalidArgument, clusters, " clusters of points ", rows.sizes(),
         ": give rows [n, d] and from 1 to n clusters");
  }
  const Tensor data = rows.to(at::kCPU, at::kDouble).contiguous();
  const auto* values = data.data_ptr<double>();
  const Points points{.count = static_cast<std::size_t>(data.size(0)),
                      .width = static_cast<std::size_t>(data.size(1)),
                      .values = {values, values + data.numel()}};
  const auto count = static_cast<std::size_t>(clusters);
  Run best;
  for (std::uint64_t run = 0; run < kRuns; ++run) {
    Run next = lloyd(points, count, mix(mix(seed) ^ run));
    if (next.cost < best.cost) best = std::move(next);
  }
  std::vector<std::size_t> sizes(count, 0), order(count);
  for (const std::size_t c : best.cluster) ++sizes[c];
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t a, std::size_t b) { return sizes[a] > sizes[b]; });
  std::vector<std::int64_t> rank(count);
  for (std::size_t i = 0; i < count; ++i) rank[order[i]] = static_cast<std::int64_t>(i);
  std::vector<std::int64_t> out;
  for (const std::size_t c : best.cluster) out.push_back(rank[c]);
  return out;
}

}  // namespace limn
