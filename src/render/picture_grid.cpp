// See picture_grid.h.
#include "render/picture_grid.h"

#include <ATen/ATen.h>

#include <cmath>
#include <opencv2/core.hpp>
#include <opencv2/imgproc.hpp>

#include "render/text.h"

namespace limn::render {
namespace {

constexpr int kLargest = 224, kSmallest = 72, kGap = 12, kMargin = 14;
constexpr double kSize = 9, kLine = 2 * kSize;
/// Pictures of all tiles together, in pixels, from which on tiles shrink.
constexpr double kArea = 4e6;
const cv::Scalar kInk(30, 30, 30), kSoft(110, 110, 110);

/// Fits a box of `side`; small pictures grow with their pixels visible.
cv::Mat sized(const Tensor& picture, int side) {
  const Tensor data = picture.contiguous();
  const cv::Mat whole(static_cast<int>(data.size(0)), static_cast<int>(data.size(1)), CV_8UC3,
                      data.data_ptr());
  const double factor = static_cast<double>(side) / std::max(whole.rows, whole.cols);
  const auto length = [&](int of) {
    return std::max(1, static_cast<int>(std::lround(of * factor)));
  };
  cv::Mat out;
  cv::resize(whole, out, {length(whole.cols), length(whole.rows)}, 0, 0,
             factor < 1 ? cv::INTER_AREA : cv::INTER_CUBIC);
  return out;
}

}  // namespace

Tensor picture_bytes(const Tensor& picture) {
  const Tensor all = picture.size(0) == 1 ? picture.expand({3, -1, -1}) : picture;
  return (all.to(at::kCPU, at::kDouble).clamp(0, 1) * 255)
      .round()
      .to(at::kByte)
      .permute({1, 2, 0})
      .contiguous();
}

Tensor picture_grid(const std::vector<GridTile>& tiles) {
  const auto count = static_cast<double>(std::max<std::size_t>(tiles.size(), 1));
  const int side = std::clamp(static_cast<int>(std::sqrt(kArea / count)), kSmallest, kLargest);
  std::size_t lines = 1;
  for (const auto& tile : tiles) {
    lines = std::max(lines, wrap_text(tile.caption, kSize, side, 2).size());
  }
  const int words = static_cast<int>(kLine * static_cast<double>(lines + 1) + kSize);
  const int columns = std::max(
      1, std::min(static_cast<int>(count), static_cast<int>(std::ceil(std::sqrt(1.5 * count)))));
  const int rows = (static_cast<int>(count) + columns - 1) / columns;
  const Tensor out = at::full({2 * kMargin + rows * (side + words + kGap) - kGap,
                               2 * kMargin + columns * (side + kGap) - kGap, 3},
                              255, at::kByte);
  cv::Mat page(static_cast<int>(out.size(0)), static_cast<int>(out.size(1)), CV_8UC3,
               out.data_ptr());
  for (std::size_t i = 0; i < tiles.size(); ++i) {
    const int row = static_cast<int>(i) / columns, column = static_cast<int>(i) % columns;
    const int x = kMargin + column * (side + kGap), y = kMargin + row * (side + words + kGap);
    const cv::Mat picture = sized(tiles[i].picture, side);
    const int top = y + (side - picture.rows), left = x + (side - picture.cols) / 2;
    picture.copyTo(page(cv::Rect(left, top, picture.cols, picture.rows)));
    double baseline = y + side + kLine;
    for (const auto& line : wrap_text(tiles[i].caption, kSize, side, 2)) {
      draw_text(page, line, x, baseline, kSize, kInk);
      baseline += kLine;
    }
    for (const auto& line : wrap_text(tiles[i].detail, kSize, side, 1)) {
      draw_text(page, line, x, baseline, kSize, kSoft);
    }
  }
  return out;
}

}  // namespace limn::render
