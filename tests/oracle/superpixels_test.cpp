// Superpixels: SLIC against plain loops, and what its segments promise.
#include "methods/superpixels.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <cmath>
#include <set>

namespace limn {
namespace {

using Map = std::vector<std::vector<std::int64_t>>;

Map rows_of(const Tensor& labels) {
  Map out(static_cast<std::size_t>(labels.size(0)));
  for (std::int64_t y = 0; y < labels.size(0); ++y) {
    for (std::int64_t x = 0; x < labels.size(1); ++x) {
      out[static_cast<std::size_t>(y)].push_back(labels[y][x].item<std::int64_t>());
    }
  }
  return out;
}

/// Gives the connected piece around (y, x) a name, by recursion.
void flood(const Map& labels, Map& pieces, std::size_t y, std::size_t x, std::int64_t name) {
  pieces[y][x] = name;
  const auto visit = [&](std::size_t v, std::size_t u) {
    if (v >= labels.size() || u >= labels[0].size()) return;
    if (pieces[v][u] < 0 && labels[v][u] == labels[y][x]) flood(labels, pieces, v, u, name);
  };
  visit(y - 1, x);
  visit(y, x - 1);
  visit(y, x + 1);
  visit(y + 1, x);
}

/// Connected pieces named in the order of their first pixels; their number.
std::int64_t take_apart(const Map& labels, Map& pieces) {
  pieces.assign(labels.size(), std::vector<std::int64_t>(labels[0].size(), -1));
  std::int64_t count = 0;
  for (std::size_t y = 0; y < labels.size(); ++y) {
    for (std::size_t x = 0; x < labels[0].size(); ++x) {
      if (pieces[y][x] < 0) flood(labels, pieces, y, x, count++);
    }
  }
  return count;
}

void expect_sound(const Tensor& labels) {
  Map pieces;
  const std::int64_t count = labels.max().item<std::int64_t>() + 1;
  EXPECT_EQ(take_apart(rows_of(labels), pieces), count) << "a segment is in pieces";
  EXPECT_GT(at::bincount(labels.flatten(), {}, count).min().item<std::int64_t>(), 0) << "a gap";
  EXPECT_EQ(labels.min().item<std::int64_t>(), 0);
}

/// Smooth patches of color with noise.
Tensor picture(std::int64_t height, std::int64_t width, std::int64_t channels = 3) {
  at::manual_seed(3);
  const Tensor coarse = at::randn({1, channels, 4, 5}, at::kDouble);
  return (at::upsample_bilinear2d(coarse, {height, width}, false) +
          0.1 * at::randn({1, channels, height, width}, at::kDouble))[0];
}

/// SLIC as its header says, one pixel at a time.
Map slow_slic(const Tensor& picture, std::int64_t n, double compactness) {
  const std::int64_t channels = picture.size(0), height = picture.size(1), width = picture.size(2);
  const double range = (picture.max() - picture.min()).item<double>();
  const Tensor color = picture * 100 / (range * std::sqrt(static_cast<double>(channels)));
  Map labels = rows_of(grid_segments(height, width, n));
  const std::int64_t count = labels.back().back() + 1, columns = labels.front().back() + 1;
  const auto h = static_cast<double>(height), w = static_cast<double>(width);
  const double down = h * static_cast<double>(columns) / static_cast<double>(count);
  const double across = w / static_cast<double>(columns);
  const double area = h * w / static_cast<double>(count);
  const auto at = [&](std::int64_t y, std::int64_t x) { return color.select(1, y).select(1, x); };
  std::vector<Tensor> centers(static_cast<std::size_t>(count));
  for (int round = 0; round < 10; ++round) {
    std::vector<Tensor> sums(centers.size(), at::zeros({channels + 3}, at::kDouble));
    for (std::int64_t y = 0; y < height; ++y) {
      for (std::int64_t x = 0; x < width; ++x) {
        auto& sum = sums[static_cast<std::size_t>(
            labels[static_cast<std::size_t>(y)][static_cast<std::size_t>(x)])];
        const Tensor place =
            at::tensor({static_cast<double>(y), static_cast<double>(x), 1.0}, at::kDouble);
        sum = sum + at::cat({at(y, x), place});
      }
    }
    for (std::size_t k = 0; k < sums.size(); ++k) {
      if (sums[k][-1].item<double>() > 0) centers[k] = sums[k] / sums[k][-1];
    }
    const Map before = labels;
    for (std::int64_t y = 0; y < height; ++y) {
      for (std::int64_t x = 0; x < width; ++x) {
        double best = INFINITY;
        for (std::int64_t k = 0; k < count; ++k) {
          const Tensor& center = centers[static_cast<std::size_t>(k)];
          const double dy = static_cast<double>(y) - center[-3].item<double>();
          const double dx = static_cast<double>(x) - center[-2].item<double>();
          if (std::abs(dy) > down || std::abs(dx) > across) continue;
          const double apart =
              (at(y, x) - center.slice(0, 0, channels)).square().sum().item<double>();
          const double d = apart + compactness * compactness / area * (dy * dy + dx * dx);
          if (d >= best) continue;
          best = d;
          labels[static_cast<std::size_t>(y)][static_cast<std::size_t>(x)] = k;
        }
      }
    }
    if (labels == before) break;
  }
  // One small piece after the other, everything found anew each time.
  Map pieces;
  take_apart(labels, pieces);
  std::set<std::int64_t> seen;
  while (true) {
    std::map<std::int64_t, std::pair<double, Tensor>> held;
    std::map<std::int64_t, std::set<std::int64_t>> beside;
    for (std::size_t y = 0; y < pieces.size(); ++y) {
      for (std::size_t x = 0; x < pieces[0].size(); ++x) {
        auto& [size, sum] = held[pieces[y][x]];
        const Tensor own = at(static_cast<std::int64_t>(y), static_cast<std::int64_t>(x));
        sum = sum.defined() ? sum + own : own;
        size += 1;
        const auto meet = [&](std::size_t v, std::size_t u) {
          if (v >= pieces.size() || u >= pieces[0].size() || pieces[v][u] == pieces[y][x]) return;
          beside[pieces[y][x]].insert(pieces[v][u]);
          beside[pieces[v][u]].insert(pieces[y][x]);
        };
        meet(y + 1, x);
        meet(y, x + 1);
      }
    }
    std::int64_t small = -1;
    for (const auto& [name, of] : held) {
      if (small < 0 && of.first < 0.5 * area && !seen.count(name)) small = name;
    }
    if (small < 0 || held.size() <= 2) break;
    seen.insert(small);
    std::int64_t nearest = -1;
    double least = INFINITY;
    for (const std::int64_t other : beside[small]) {
      const double d =
          (held[small].second / held[small].first - held[other].second / held[other].first)
              .square()
              .sum()
              .item<double>();
      if (d >= least) continue;
      least = d;
      nearest = other;
    }
    for (auto& row : pieces) std::replace(row.begin(), row.end(), small, nearest);
  }
  std::map<std::int64_t, std::int64_t> names;
  for (auto& row : pieces) {
    for (auto& label : row) {
      label = names.emplace(label, static_cast<std::int64_t>(names.size())).first->second;
    }
  }
  return pieces;
}

TEST(Slic, IsThePlainLoop) {
  const Tensor noisy = picture(21, 26) + 0.5 * at::randn({3, 21, 26}, at::kDouble);
  for (const double compactness : {3.0, 10.0, 40.0}) {
    for (const Tensor& of : {picture(21, 26), noisy, picture(30, 14, 1)}) {
      EXPECT_EQ(rows_of(slic_segments(of, 12, compactness)), slow_slic(of, 12, compactness))
          << compactness;
    }
  }
}

TEST(Slic, SegmentsAreConnectedAndAboutAsManyAsAsked) {
  for (const auto& [height, width] : {std::pair<std::int64_t, std::int64_t>{64, 64}, {37, 90}}) {
    for (const std::int64_t n : {2, 9, 50, 100}) {
      for (const double compactness : {1.0, 10.0, 100.0}) {
        const Tensor labels = slic_segments(picture(height, width), n, compactness);
        expect_sound(labels);
        const auto count = static_cast<double>(labels.max().item<std::int64_t>() + 1);
        EXPECT_GT(count, 0.6 * static_cast<double>(n)) << compactness;
        EXPECT_LT(count, 1.8 * static_cast<double>(n) + 1) << compactness;
      }
    }
  }
}

TEST(Slic, RespectsTheBorderOfTwoColors) {
  Tensor two = at::zeros({3, 60, 60}, at::kDouble);
  Tensor side = at::zeros({60, 60}, at::kLong);
  for (std::int64_t y = 0; y < 60; ++y) {
    for (std::int64_t x = 0; x < 60; ++x) {
      const bool right = static_cast<double>(x) > 30 + 8 * std::sin(static_cast<double>(y) / 7);
      side[y][x] = right ? 1 : 0;
      if (right) two.select(1, y).select(1, x).copy_(at::tensor({1.0, 0.2, -1.0}, at::kDouble));
    }
  }
  const Tensor labels = slic_segments(two, 30, 10);
  const std::int64_t count = labels.max().item<std::int64_t>() + 1;
  const Tensor right = at::bincount(labels.flatten(), side.flatten().to(at::kDouble), count);
  const Tensor share = right / at::bincount(labels.flatten(), {}, count);
  EXPECT_EQ(at::minimum(share, 1 - share).max().item<double>(), 0) << "a segment holds both colors";
}

TEST(Slic, DoesNotDependOnTheColorsScaleAndFallsBackToTheGrid) {
  const Tensor of = picture(40, 30);
  EXPECT_TRUE(at::equal(slic_segments(of, 20, 10), slic_segments(of * 4 - 1, 20, 10)));
  EXPECT_TRUE(at::equal(slic_segments(at::ones({3, 40, 30}), 12, 10), grid_segments(40, 30, 12)));
}

TEST(Grid, IsOfRectanglesAboutAsManyAsAsked) {
  const Tensor labels = grid_segments(24, 36, 6);
  EXPECT_EQ(labels.max().item<std::int64_t>(), 5);
  EXPECT_TRUE(at::equal(at::bincount(labels.flatten()), at::full({6}, 144, at::kLong)));
  for (const std::int64_t n : {2, 3, 7, 50, 96, 2000}) {
    expect_sound(grid_segments(41, 50, n));
    const auto count = static_cast<double>(grid_segments(41, 50, n).max().item<std::int64_t>() + 1);
    EXPECT_NEAR(count / static_cast<double>(n), 1, 0.35) << n;
  }
  EXPECT_EQ(grid_segments(3, 5, 15).max().item<std::int64_t>(), 14);
}

}  // namespace
}  // namespace limn
