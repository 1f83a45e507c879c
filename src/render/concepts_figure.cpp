// The strongest units of a dissection as one picture: formula and examples, a row a unit.
#include <ATen/ATen.h>
#include <fmt/format.h>

#include <opencv2/core.hpp>

#include "limn/concepts.h"
#include "render/text.h"
#include "render/unit_tile.h"

namespace limn {
namespace {

constexpr int kTile = 132, kGap = 8, kWords = 300, kMargin = 16, kHeader = 40;
constexpr double kSize = 9, kLine = 2.1 * kSize;
const cv::Scalar kInk(30, 30, 30), kSoft(110, 110, 110);

cv::Mat view(const Tensor& pixels) {
  return {static_cast<int>(pixels.size(0)), static_cast<int>(pixels.size(1)), CV_8UC3,
          pixels.data_ptr()};
}

void draw_words(cv::Mat& page, const Dissection& dissection, const UnitDissection& unit, int top) {
  double y = top + kLine;
  render::draw_text(page, fmt::format("unit {}", unit.unit), kMargin, y, kSize, kSoft);
  for (const auto& words :
       render::wrap_text(finding(dissection, unit), kSize + 1, kWords - 2 * kGap, 3)) {
    render::draw_text(page, words, kMargin, y += kLine, kSize + 1, kInk);
  }
  const UnitFormula& found = unit.found;
  if (found.formula.empty()) return;
  render::draw_text(page, fmt::format("IoU {:.3f}", found.iou), kMargin, y += kLine, kSize, kInk);
  if (found.formula.steps.empty()) return;
  const auto& name = dissection.concepts[static_cast<std::size_t>(found.single)].name;
  render::draw_text(page, fmt::format("{} alone: {:.3f}", name, found.single_iou), kMargin,
                    y + kLine, kSize, kSoft);
}

}  // namespace

Tensor dissection_figure(const Dissection& dissection, const ExamplePictures& pictures,
                         std::int64_t most) {
  std::vector<std::size_t> order = strongest_first(dissection);
  order.resize(std::min(order.size(), static_cast<std::size_t>(std::max<std::int64_t>(most, 1))));
  std::size_t columns = 0;
  for (const auto u : order) columns = std::max(columns, dissection.units[u].examples.size());
  const int width = 2 * kMargin + kWords + static_cast<int>(columns) * (kTile + kGap);
  const int height = kHeader + kMargin + static_cast<int>(order.size()) * (kTile + kGap);
  const Tensor out = at::full({height, width, 3}, 255, at::kByte);
  cv::Mat page = view(out);
  render::draw_text(page, "yellow: the unit fires; blue: its formula holds", kMargin,
                    kHeader - 1.5 * kSize, kSize, kSoft);
  int y = kHeader;
  for (const auto u : order) {
    const UnitDissection& unit = dissection.units[u];
    draw_words(page, dissection, unit, y);
    const PixelSet holds = formula_pixels(unit.found.formula, dissection.concept_pixels);
    int x = kMargin + kWords;
    for (const auto number : unit.examples) {
      const Tensor tile =
          render::unit_tile(pictures.at(number).pixels, dissection.grid(unit.pixels, number),
                            dissection.grid(holds, number), kTile);
      view(tile).copyTo(
          page(cv::Rect(x, y, static_cast<int>(tile.size(1)), static_cast<int>(tile.size(0)))));
      x += kTile + kGap;
    }
    y += kTile + kGap;
  }
  return out;
}

}  // namespace limn
