// The picture of two inputs and their links.
#include "render/pair_figure.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "limn/error.h"

namespace limn::render {
namespace {

TEST(LinkStrength, IsTheSoftThresholdOfTheScale) {
  EXPECT_EQ(link_strength(0.2, 1), 0) << "below a quarter of the scale";
  EXPECT_NEAR(link_strength(2, 1), (2 - 0.25) / 12.75, 1e-12);
  EXPECT_NEAR(link_strength(-2, 1), -(2 - 0.25) / 12.75, 1e-12);
  EXPECT_EQ(link_strength(26, 2), 1);
  EXPECT_EQ(link_strength(100, 1), 1) << "beyond 13 times the scale all are as strong";
  EXPECT_EQ(link_strength(0, 0), 0);
}

/// Pixels that are clearly red or clearly blue.
std::pair<std::int64_t, std::int64_t> red_and_blue(const Tensor& figure) {
  const Tensor f = figure.to(at::kInt);
  const Tensor r = f.select(2, 0), g = f.select(2, 1), b = f.select(2, 2);
  return {r.gt(g + 60).logical_and(r.gt(b + 60)).sum().item<std::int64_t>(),
          b.gt(r + 60).logical_and(b.gt(g + 30)).sum().item<std::int64_t>()};
}

TEST(PairFigure, DrawsLinksByTheirSign) {
  const Tensor one = at::full({40, 60, 3}, 128, at::kByte),
               other = at::full({50, 30, 3}, 90, at::kByte);
  const Tensor empty = pair_figure(one, other, {}, 0, "");
  EXPECT_EQ(red_and_blue(empty), std::make_pair(std::int64_t{0}, std::int64_t{0}));
  const auto [red, none] = red_and_blue(pair_figure(one, other, {{10, 10, 20, 15, 12.0}}, 1, ""));
  EXPECT_GT(red, 500);
  EXPECT_EQ(none, 0);
  const auto [nothing, blue] =
      red_and_blue(pair_figure(one, other, {{10, 10, 20, 15, -12.0}}, 1, ""));
  EXPECT_EQ(nothing, 0);
  EXPECT_GT(blue, 500);
  const Tensor captioned = pair_figure(one, other, {}, 0, "cosine 0.5");
  EXPECT_GT(captioned.size(0), empty.size(0));
  EXPECT_EQ(captioned.size(1), empty.size(1));
}

/// A link of strength s covers what lies below it by s^2.
TEST(PairFigure, OpacityIsTheSquareOfTheStrength) {
  const Tensor one = at::full({40, 60, 3}, 128, at::kByte);
  const auto deepest = [&](double value) {
    const Tensor empty = pair_figure(one, one, {}, 1, "").to(at::kInt).select(2, 1);
    const Tensor drawn =
        pair_figure(one, one, {{20, 30, 20, 30, value}}, 1, "").to(at::kInt).select(2, 1);
    return (empty - drawn).max().item<double>();
  };
  const double whole = deepest(13);
  EXPECT_GT(whole, 100);
  for (const double strength : {0.25, 0.5, 0.75}) {
    EXPECT_NEAR(deepest(0.25 + 12.75 * strength), strength * strength * whole, 2) << strength;
  }
}

TEST(PairFigure, LinksAtTheEdgesStayInside) {
  const Tensor one = at::full({8, 8, 3}, 200, at::kByte);
  const Tensor figure = pair_figure(
      one, one, {{0, 0, 8, 8, 1.0}, {8, 0, 0, 8, -1.0}, {-20, -20, 30, 30, 1.0}}, 0.1, "");
  EXPECT_EQ(figure.dim(), 3);
  EXPECT_THROW(pair_figure(one.to(at::kFloat), one, {}, 1, ""), Error);
}

}  // namespace
}  // namespace limn::render
