// Measures of likeness against plain loops.
#include "limn/compare_maps.h"

#include "limn/error.h"

namespace limn {
namespace {

/// Mean SSIM by its definition: every 11 x 11 window, Gaussian weights of sigma 1.5.
double slow_ssim(const Tensor& a, const Tensor& b) {
  double low = 1e300, high = -1e300, weights[11][11], total = 0;
  const auto at = [](const Tensor& t, std::int64_t y, std::int64_t x) {
    return t[y][x].item<double>();
  };
  for (std::int64_t y = 0; y < a.size(0); ++y) {
    for (std::int64_t x = 0; x < a.size(1); ++x) {
      low = std::min({low, at(a, y, x), at(b, y, x)});
      high = std::max({high, at(a, y, x), at(b, y, x)});
    }
  }
  for (int i = 0; i < 11; ++i) {
    for (int k = 0; k < 11; ++k) {
      weights[i][k] = std::exp(-((i - 5) * (i - 5) + (k - 5) * (k - 5)) / 4.5);
      total += weights[i][k];
    }
  }
  const double c1 = std::pow(.01 * (high - low), 2), c2 = std::pow(.03 * (high - low), 2);
  double sum = 0;
  int count = 0;
  for (std::int64_t y = 0; y + 11 <= a.size(0); ++y) {
    for (std::int64_t x = 0; x + 11 <= a.size(1); ++x) {
      double ma = 0, mb = 0, aa = 0, bb = 0, ab = 0;
      for (int i = 0; i < 11; ++i) {
        for (int k = 0; k < 11; ++k) {
          const double w = weights[i][k] / total, u = at(a, y + i, x + k), v = at(b, y + i, x + k);
          ma += w * u;
          mb += w * v;
          aa += w * u * u;
          bb += w * v * v;
          ab += w * u * v;
        }
      }
      sum += (2 * ma * mb + c1) * (2 * (ab - ma * mb) + c2) /
             ((ma * ma + mb * mb + c1) * (aa - ma * ma + bb - mb * mb + c2));
      ++count;
    }
  }
  return sum / count;
}

TEST(CompareMaps, SsimEqualsItsDefinition) {
  at::manual_seed(3);
  const Tensor a = at::randn({14, 13}, at::kDouble), b = a + 0.4 * at::randn({14, 13}, at::kDouble);
  EXPECT_NEAR(compare_maps(a, b).ssim, slow_ssim(a, b), 1e-10);
  EXPECT_NEAR(compare_maps(a, a).ssim, 1, 1e-12);
}

TEST(CompareMaps, RanksShareTies) {
  const Tensor a = at::tensor({1.0, 2.0, 2.0, 4.0}).view({2, 2});
  const Tensor b = at::tensor({10.0, 30.0, 20.0, 20.0}).view({2, 2});
  // Ranks 1 2.5 2.5 4 and 1 4 2.5 2.5: covariance 2.25, variances 4.5 each.
  EXPECT_NEAR(compare_maps(a, b).rank_correlation, 0.5, 1e-12);
  EXPECT_NEAR(compare_maps(a, a.pow(3)).rank_correlation, 1, 1e-12);
  EXPECT_NEAR(compare_maps(a, -a).rank_correlation, -1, 1e-12);
}

TEST(CompareMaps, CosineAndLargestDifference) {
  const Tensor a = at::tensor({3.0, 0.0, 4.0, 0.0}).view({2, 2});
  const Tensor b = at::tensor({0.0, 0.0, 5.0, -1.0}).view({2, 2});
  const MapComparison out = compare_maps(a, b);
  EXPECT_NEAR(out.cosine, 20 / (5 * std::sqrt(26.0)), 1e-12);
  EXPECT_EQ(out.largest_difference, 3);
  EXPECT_EQ(out.place, (std::vector<std::int64_t>{0, 0}));
  EXPECT_NEAR(out.relative_difference, 3.0 / 5, 1e-12);
  EXPECT_NEAR(compare_maps(a, 7 * a).cosine, 1, 1e-12);
}

TEST(CompareMaps, PositiveOverlap) {
  const Tensor a = at::tensor({1.0, 3.0, 0.0, -5.0}).view({2, 2});
  const Tensor b =
      at::tensor({0.0, 2.0, 2.0, 9.0}).view({2, 2}) - at::tensor({0.0, 0.0, 0.0, 9.0}).view({2, 2});
  // Scaled: .25 .75 0 0 and 0 .5 .5 0.
  EXPECT_NEAR(positive_overlap(a, b), 0.5 / 1.5, 1e-12);
  EXPECT_NEAR(positive_overlap(a, 7 * a), 1, 1e-12);
  EXPECT_EQ(positive_overlap(a, -a.abs()), 0);
  EXPECT_EQ(positive_overlap(at::tensor({1.0, 0.0}), at::tensor({0.0, 1.0})), 0);
}

TEST(CompareMaps, RefusesWhatCannotBeCompared) {
  EXPECT_THROW(compare_maps(at::rand({2, 3}), at::rand({3, 2})), Error);
  EXPECT_THROW(compare_maps(at::full({2, 2}, NAN), at::rand({2, 2})), Error);
  EXPECT_THROW(compare_maps(at::rand({0, 2}), at::rand({0, 2})), Error);
}

}  // namespace
}  // namespace limn
