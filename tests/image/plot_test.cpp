// Line plots.
#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <cmath>

#include "limn/error.h"
#include "limn/render.h"

namespace limn {
namespace {

/// How many pixels have exactly this color.
std::int64_t count(const Tensor& plot, const std::vector<std::int64_t>& rgb) {
  return (plot == at::tensor(rgb, at::kByte)).all(2).sum().item<std::int64_t>();
}

TEST(LinePlot, DrawsEachLineInItsColor) {
  const Tensor plot = line_plot(
      {{"up", {1, 2, 3}, {0, .5, 1}}, {"level", {1, 2, 3}, {.25, .25, .25}}},
      {.title = "Two lines", .x_label = "x", .y_label = "y", .width = 400, .height = 300});
  ASSERT_EQ(plot.sizes(), (std::vector<std::int64_t>{300, 400, 3}));
  EXPECT_GT(count(plot, {0, 114, 178}), 200) << "the first line";
  EXPECT_GT(count(plot, {213, 94, 0}), 200) << "the second line";
  // The first line rises: the rows of its color at the left lie below those at the right.
  const Tensor first = (plot == at::tensor({0, 114, 178}, at::kByte)).all(2);
  const auto mean_row = [&](std::int64_t from, std::int64_t to) {
    return first.slice(1, from, to).nonzero().select(1, 0).to(at::kDouble).mean().item<double>();
  };
  EXPECT_GT(mean_row(0, 120), mean_row(250, 320));
}

TEST(LinePlot, NamesStayInThePictureWhereAllLinesEndAtTheBottom) {
  std::vector<PlotLine> lines;
  for (int i = 0; i < 6; ++i) lines.push_back({"mmmmmmmm", {0, 1}, {1.0 + i, 0}});
  const Tensor plot = line_plot(
      lines, {.title = "Six lines", .x_label = "x", .y_label = "y", .width = 400, .height = 300});
  // Names alone stand so far to the right.
  const Tensor right = plot.slice(1, 340).to(at::kInt);
  const std::vector<std::vector<std::int64_t>> colors = {
      {0, 114, 178}, {213, 94, 0}, {0, 158, 115}, {204, 121, 167}, {230, 159, 0}, {86, 180, 233}};
  for (const auto& rgb : colors) {
    const Tensor like = ((right - at::tensor(rgb, at::kInt)).abs() < 30).all(2);
    EXPECT_GT(like.sum().item<std::int64_t>(), 5) << rgb[0] << " " << rgb[1] << " " << rgb[2];
  }
}

TEST(LinePlot, OnePointAndLevelLinesHaveAxes) {
  EXPECT_NO_THROW(line_plot({{"point", {2}, {0}}}, {}));
  EXPECT_NO_THROW(line_plot({{"level", {0, 1e-9}, {-7, -7}}}, {}));
  EXPECT_NO_THROW(line_plot({{"empty", {}, {}}, {"point", {1e9}, {1e-9}}}, {}));
}

TEST(LinePlot, RefusesWhatHasNoPlace) {
  EXPECT_THROW(line_plot({}, {}), Error);
  EXPECT_THROW(line_plot({{"empty", {}, {}}}, {}), Error);
  EXPECT_THROW(line_plot({{"odd", {1, 2}, {1}}}, {}), Error);
  EXPECT_THROW(line_plot({{"nan", {1}, {NAN}}}, {}), Error);
  EXPECT_THROW(line_plot({{"inf", {INFINITY}, {1}}}, {}), Error);
}

}  // namespace
}  // namespace limn
