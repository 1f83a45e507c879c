// What optimized masks are made of, against plain loops in float64: generator, blur, prices.
#include <ATen/core/grad_mode.h>
#include <torch/csrc/autograd/autograd.h>

#include <functional>

#include "methods/mask_generator.h"
#include "methods/mask_terms.h"
#include "methods/perturbation.h"
#include "oracle/linear_oracle.h"
#include "oracle/slow_masks.h"

namespace limn {
namespace {

using testing::random_tensor;
using testing::relative_error;
using testing::slow_blur;
using testing::SlowGenerator;

Tensor uniform(at::IntArrayRef sizes) { return at::rand(sizes, at::kDouble); }

/// d f / d x by central differences.
Tensor slopes(const Tensor& x, const std::function<double(const Tensor&)>& f) {
  constexpr double kStep = 1e-5;
  const Tensor out = at::empty_like(x);
  for (std::int64_t i = 0; i < x.numel(); ++i) {
    const Tensor more = x.clone(), less = x.clone();
    more.view(-1)[i] += kStep;
    less.view(-1)[i] -= kStep;
    out.view(-1)[i] = (f(more) - f(less)) / (2 * kStep);
  }
  return out;
}

TEST(MaskGenerator, IsThePlainLoop) {
  at::manual_seed(1);
  for (const auto& [h, w, step, sigma] :
       {std::array<std::int64_t, 4>{20, 17, 3, 5}, {12, 30, 7, 21}, {9, 9, 1, 2}, {5, 8, 4, 3}}) {
    const MaskGenerator fast(h, w, step, sigma, at::TensorOptions(at::kDouble));
    const SlowGenerator slow(h, w, step, sigma);
    const Tensor p = uniform({2, fast.cells()[0], fast.cells()[1]});
    const Tensor full = fast.full(p);
    ASSERT_EQ(full.size(1), fast.full_size()[0]);
    const Tensor g = random_tensor(full.sizes());
    const Tensor back = fast.pull(p, g);
    for (std::int64_t a = 0; a < 2; ++a) {
      at::AutoGradMode enable(true);
      const Tensor leaf = p[a].detach().clone().requires_grad_(true);
      const Tensor expected = slow.full(leaf);
      EXPECT_LT(relative_error(full[a], expected.detach()), 1e-12) << h << step;
      EXPECT_LT(relative_error(fast.cropped(full)[a], slow.crop(expected).detach()), 1e-12);
      const Tensor slope = torch::autograd::grad({(expected * g[a]).sum()}, {leaf})[0];
      EXPECT_LT(relative_error(back[a], slope), 1e-11) << h << step;
    }
  }
}

/// The sizes that the authors' code has at 224 x 224, and its mask of all ones.
TEST(MaskGenerator, HasTheAuthorsSizes) {
  const MaskGenerator generator(224, 224, 7, 21, at::TensorOptions(at::kDouble));
  EXPECT_EQ(generator.cells()[0], 32);
  EXPECT_EQ(generator.full_size()[1], 260);
  const Tensor full = generator.full(at::ones({1, 32, 32}, at::kDouble));
  const Tensor inside = generator.cropped(full);
  EXPECT_NEAR(full.mean().item<double>(), 0.9578, 5e-5);
  EXPECT_NEAR(inside.min().item<double>(), 0.9759, 5e-5);
  EXPECT_NEAR(inside.max().item<double>(), 0.9957, 5e-5);
}

TEST(MaskTerms, TheAreaTermIsThePlainLoop) {
  at::manual_seed(2);
  const std::vector<double> areas = {0.1, 0.35};
  const Tensor masks = uniform({2, 40});
  const Tensor sharp = sharp_masks(areas, 40, at::TensorOptions(at::kDouble));
  const auto slow = [&](const Tensor& m, std::int64_t a) {
    std::vector<double> sorted(m[a].data_ptr<double>(), m[a].data_ptr<double>() + 40);
    std::sort(sorted.begin(), sorted.end());
    double sum = 0;
    for (std::size_t i = 0; i < 40; ++i) {
      const double r = i < std::size_t(40 * (1 - areas[std::size_t(a)])) ? 0 : 1;
      sum += (sorted[i] - r) * (sorted[i] - r);
    }
    return -7 * sum / 40;
  };
  const Term term = area_term(masks, sharp, 7);
  for (std::int64_t a = 0; a < 2; ++a) {
    EXPECT_NEAR(term.value[a].item<double>(), slow(masks, a), 1e-12);
    const Tensor slope = slopes(masks, [&](const Tensor& m) { return slow(m, a); });
    EXPECT_LT((term.gradient[a] - slope[a]).abs().max().item<double>(), 1e-8);
  }
}

TEST(MaskTerms, TotalVariationIsThePlainLoop) {
  at::manual_seed(3);
  const Tensor mask = uniform({5, 7});
  for (const double beta : {1.0, 2.0, 3.0}) {
    const auto slow = [&](const Tensor& m) {
      double sum = 0;
      for (std::int64_t y = 0; y < 5; ++y) {
        for (std::int64_t x = 0; x < 7; ++x) {
          const double here = m[y][x].item<double>();
          if (y + 1 < 5) sum += std::pow(std::abs(m[y + 1][x].item<double>() - here), beta);
          if (x + 1 < 7) sum += std::pow(std::abs(m[y][x + 1].item<double>() - here), beta);
        }
      }
      return sum;
    };
    const Term term = total_variation(mask, beta);
    EXPECT_NEAR(term.value.item<double>(), slow(mask), 1e-12);
    EXPECT_LT((term.gradient - slopes(mask, slow)).abs().max().item<double>(), 1e-8) << beta;
  }
}

TEST(MaskTerms, GrownMasksKeepOnesAndMirrorImages) {
  for (const std::int64_t size : {24, 25, 31}) {
    const Tensor shares = growth(size, 8, at::TensorOptions(at::kDouble));
    EXPECT_EQ(shares.size(1), (size + 7) / 8);
    EXPECT_LT((shares.sum(1) - 1).abs().max().item<double>(), 1e-12);
    EXPECT_LT((shares - shares.flip({0, 1})).abs().max().item<double>(), 1e-12);
  }
}

TEST(Pyramid, IsThePlainLoop) {
  at::manual_seed(4);
  const Tensor x = random_tensor({3, 9, 13}), masks = uniform({2, 9, 13});
  masks[0][0][0] = 1;
  masks[0][0][1] = 0;
  for (const std::string kind : {"blur", "fade"}) {
    const Pyramid pyramid(kind, x, 5, 3);
    Tensors levels;
    for (int l = 0; l < 5; ++l) {
      levels.push_back(kind == "fade" ? l / 4.0 * x : slow_blur(x, (1 - l / 4.0) * 3));
      EXPECT_LT(relative_error(pyramid.levels()[l] + 1, levels.back() + 1), 1e-12) << kind << l;
    }
    const Tensor pictures = pyramid.apply(masks), g = random_tensor(pictures.sizes());
    const Tensor back = pyramid.pull(masks, g);
    for (std::int64_t a = 0; a < 2; ++a) {
      for (std::int64_t y = 0; y < 9; ++y) {
        for (std::int64_t u = 0; u < 13; ++u) {
          const double place = 4 * masks[a][y][u].item<double>(), below = std::floor(place);
          const Tensor low = levels[std::size_t(below)].select(1, y).select(1, u);
          const Tensor high =
              levels[std::size_t(std::min(below + 1, 4.0))].select(1, y).select(1, u);
          const Tensor expected = (1 - (place - below)) * low + (place - below) * high;
          ASSERT_LT((pictures[a].select(1, y).select(1, u) - expected).abs().max().item<double>(),
                    1e-12);
          const Tensor slope = 4 * ((high - low) * g[a].select(1, y).select(1, u)).sum();
          ASSERT_NEAR(back[a][y][u].item<double>(), slope.item<double>(), 1e-11);
        }
      }
    }
  }
}

}  // namespace
}  // namespace limn
