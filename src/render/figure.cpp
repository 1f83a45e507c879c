// Heat maps with a color bar, overlays, and the comparison grid.
#include <opencv2/core.hpp>
#include <opencv2/imgproc.hpp>

#include "limn/error.h"
#include "limn/render.h"
#include "render/text.h"

namespace limn {
namespace {

using render::Anchor;
using render::draw_text;
using render::short_number;

const cv::Scalar kInk(30, 30, 30), kSoft(110, 110, 110), kLine(120, 120, 120);

cv::Mat to_mat(const Tensor& pixels) {
  const Tensor data = pixels.contiguous();
  return cv::Mat(static_cast<int>(data.size(0)), static_cast<int>(data.size(1)), CV_8UC3,
                 data.data_ptr())
      .clone();
}

Tensor to_tensor(const cv::Mat& image) {
  Tensor out = at::empty({image.rows, image.cols, 3}, at::kByte);
  image.copyTo(cv::Mat(image.rows, image.cols, CV_8UC3, out.data_ptr()));
  return out;
}

/// Whole factor that brings the longer side to at least 320 pixels.
int enlargement(std::int64_t height, std::int64_t width) {
  const std::int64_t longer = std::max(height, width);
  return longer >= 320 ? 1 : static_cast<int>((320 + longer - 1) / longer);
}

cv::Mat enlarge(const cv::Mat& image, int factor, int interpolation) {
  if (factor == 1) return image;
  cv::Mat out;
  cv::resize(image, out, {}, factor, factor, interpolation);
  return out;
}

/// A vertical color bar with five ticks at `box`; numbers stand to its right.
void draw_bar(cv::Mat& image, const cv::Rect& box, const MapStyle& style, double size,
              const std::vector<std::pair<double, std::string>>& ticks) {
  const Tensor table = colormap_table(style.colormap);
  const auto* colors = table.data_ptr<std::uint8_t>();
  for (int y = 0; y < box.height; ++y) {
    const double place = 1 - (y + 0.5) / box.height;
    const auto* color = colors + 3 * std::clamp(static_cast<int>(place * 255), 0, 255);
    image.row(box.y + y)
        .colRange(box.x, box.x + box.width)
        .setTo(cv::Scalar(color[0], color[1], color[2]));
  }
  cv::rectangle(image, box, kLine, 1);
  const int reach = std::max(3, static_cast<int>(size * 0.4));
  for (const auto& [place, words] : ticks) {
    const int y = box.y + static_cast<int>(std::lround((1 - place) * (box.height - 1)));
    cv::line(image, {box.x + box.width, y}, {box.x + box.width + reach, y}, kLine, 1);
    draw_text(image, words, box.x + box.width + reach + size * 0.5, y + size * 0.5, size, kInk);
  }
}

std::vector<std::pair<double, std::string>> value_ticks(const MapStyle& style) {
  std::vector<std::pair<double, std::string>> ticks;
  for (int i = 0; i <= 4; ++i) {
    const double place = i / 4.0;
    std::string words = short_number(style.low + place * (style.high - style.low), 3);
    if (style.clipped && i == 4) words = ">" + words;
    if (style.clipped && i == 0 && style.low < 0) words = "<" + words;
    ticks.emplace_back(place, words);
  }
  return ticks;
}

/// Words in the middle of a panel, for maps that are not worth colors.
void draw_words(cv::Mat& image, const cv::Rect& box, const std::string& words, double size) {
  const auto lines = render::wrap_text(words, size, box.width - 2 * size, 6);
  double y = box.y + box.height / 2.0 - (static_cast<double>(lines.size()) - 1) * size + size / 2;
  for (const auto& line : lines) {
    draw_text(image, line, box.x + box.width / 2.0, y, size, kInk, Anchor::Center);
    y += 2 * size;
  }
}

/// The picture enlarged smoothly under the map enlarged cell by cell.
cv::Mat blend(const cv::Mat& original, const Tensor& map, const MapStyle& style, double opacity,
              int factor = 1) {
  const Tensor layer = color_layer(map, style).contiguous();
  const cv::Mat small(original.rows, original.cols, CV_8UC4, layer.data_ptr());
  const cv::Mat colors = enlarge(small, factor, cv::INTER_NEAREST);
  const cv::Mat picture = enlarge(original, factor, cv::INTER_CUBIC);
  // The picture steps back to light gray tones, so that only evidence has color.
  cv::Mat gray, out;
  cv::cvtColor(picture, gray, cv::COLOR_RGB2GRAY);
  cv::cvtColor(gray, out, cv::COLOR_GRAY2RGB);
  for (int y = 0; y < out.rows; ++y) {
    for (int x = 0; x < out.cols; ++x) {
      const auto& values = colors.at<cv::Vec4b>(y, x);
      const double alpha = opacity * values[3] / 255.0;
      auto& pixel = out.at<cv::Vec3b>(y, x);
      const auto& color = picture.at<cv::Vec3b>(y, x);
      for (int k = 0; k < 3; ++k) {
        const double calm = 0.55 * pixel[k] + 0.2 * color[k] + 0.25 * 255;
        pixel[k] = cv::saturate_cast<unsigned char>(calm + (values[k] - calm) * alpha);
      }
    }
  }
  return out;
}

/// What the ends of the color bar mean for one cell.
std::string scale_words(const MapStyle& style) {
  if (style.constant) return "";
  const std::string high = short_number(style.high, 3);
  if (style.low > 0) return "scale " + short_number(style.low, 3) + " .. " + high;
  return (style.low < 0 ? "scale +-" : "scale ") + high;
}

/// Boxes in pixels of a picture that is enlarged by `factor`, with their texts.
void draw_marks(cv::Mat& image, const std::vector<BoxMark>& boxes, int factor) {
  const auto point = [factor](double x, double y) {
    return cv::Point(static_cast<int>(std::lround(factor * x)),
                     static_cast<int>(std::lround(factor * y)));
  };
  const double longer = std::max(image.rows, image.cols);
  const double size = std::max(7.0, longer / 60);
  const int line = std::max(1, static_cast<int>(longer / 300));
  for (const bool strong : {false, true}) {
    const cv::Scalar color = strong ? cv::Scalar(255, 214, 10) : cv::Scalar(235, 235, 235);
    for (const auto& mark : boxes) {
      if (mark.is_strong != strong) continue;
      const cv::Point low = point(mark.box[0], mark.box[1]);
      const cv::Point high = point(mark.box[2], mark.box[3]);
      cv::rectangle(image, low, high, color, strong ? 2 * line : line, cv::LINE_AA);
      if (mark.text.empty()) continue;
      // The text's plate stays inside the picture.
      const int height = static_cast<int>(1.9 * size);
      const int width = static_cast<int>(render::text_width(mark.text, size) + size);
      const int left = std::clamp(low.x, 0, std::max(0, image.cols - width));
      const int top = std::clamp(low.y - height, 0, std::max(0, image.rows - height));
      cv::rectangle(image, {left, top, width, height}, color, cv::FILLED);
      draw_text(image, mark.text, left + size / 2, top + 1.45 * size, size, kInk);
    }
  }
}

}  // namespace

Tensor heatmap_figure(const Tensor& map, const MapStyle& style) {
  const int factor = enlargement(map.size(0), map.size(1));
  const cv::Mat colors = enlarge(to_mat(color_map(map, style)), factor, cv::INTER_NEAREST);
  const double size = std::max(9.0, std::max(colors.rows, colors.cols) / 45.0);
  const int margin = static_cast<int>(std::lround(size * 1.2));
  const auto ticks = value_ticks(style);
  double widest = 0;
  for (const auto& tick : ticks) widest = std::max(widest, render::text_width(tick.second, size));
  const int bar = static_cast<int>(size * 1.6), gap = static_cast<int>(size * 1.4);
  const int right =
      style.constant ? 0 : gap + bar + static_cast<int>(std::ceil(widest + size * 1.5));
  const std::vector<std::string> words = style.constant || style.words.empty()
                                             ? std::vector<std::string>()
                                             : render::wrap_text(style.words, size, colors.cols, 3);
  const int below = static_cast<int>(2.0 * size * static_cast<double>(words.size()));
  cv::Mat page(colors.rows + 2 * margin + below, colors.cols + 2 * margin + right, CV_8UC3,
               cv::Scalar(255, 255, 255));
  const cv::Rect panel(margin, margin, colors.cols, colors.rows);
  colors.copyTo(page(panel));
  cv::rectangle(page, panel, kLine, 1);
  if (style.constant) {
    draw_words(page, panel, style.words, size);
  } else {
    draw_bar(page, {panel.x + panel.width + gap, panel.y, bar, panel.height}, style, size, ticks);
  }
  for (std::size_t i = 0; i < words.size(); ++i) {
    draw_text(page, words[i], margin,
              panel.y + panel.height + size * 2.0 * (static_cast<double>(i) + 1), size, kInk);
  }
  return to_tensor(page);
}

Tensor overlay_figure(const Tensor& picture, const Tensor& map, const MapStyle& style,
                      const std::vector<BoxMark>& marks, double opacity) {
  if (picture.size(0) != map.size(0) || picture.size(1) != map.size(1)) {
    fail(ErrorCode::InvalidArgument, "the map ", map.sizes(), " and the picture ", picture.sizes(),
         " differ in size; bring the map back with to_original");
  }
  const int factor = enlargement(map.size(0), map.size(1));
  cv::Mat out = blend(to_mat(picture), map, style, opacity, factor);
  draw_marks(out, marks, factor);
  if (!style.words.empty()) {
    const double size = std::max(9.0, std::max(out.rows, out.cols) / 45.0);
    const cv::Rect strip(0, out.rows - static_cast<int>(2.2 * size), out.cols,
                         static_cast<int>(2.2 * size));
    out(strip).setTo(cv::Scalar(245, 245, 245));
    const auto lines = render::wrap_text(style.words, size, out.cols - size, 1);
    draw_text(out, lines[0], size * 0.7, out.rows - size * 0.65, size, kInk);
  }
  return to_tensor(out);
}

Tensor draw_boxes(const Tensor& picture, const std::vector<BoxMark>& boxes) {
  cv::Mat image = to_mat(picture);
  draw_marks(image, boxes, 1);
  return to_tensor(image);
}

Tensor comparison_grid(const std::vector<std::string>& columns, const std::vector<GridRow>& rows,
                       const GridOptions& options) {
  if (rows.empty() || columns.empty()) {
    fail(ErrorCode::InvalidArgument, "a comparison needs at least one picture and one method");
  }
  const int cell = static_cast<int>(options.cell), gap = std::max(6, cell / 20);
  const double size = std::max(7.0, cell / 26.0);
  const int line = static_cast<int>(std::ceil(size * 1.9));
  const auto count = static_cast<int>(columns.size()) + 1;

  std::vector<std::vector<std::string>> titles = {{"input"}};
  for (const auto& column : columns) {
    titles.push_back(render::wrap_text(column, size, cell, 4));
  }
  std::size_t title_lines = 1;
  for (const auto& title : titles) title_lines = std::max(title_lines, title.size());
  const int header = line * static_cast<int>(title_lines) + gap / 2;

  std::vector<int> heights;
  std::vector<std::vector<std::string>> labels;
  int total = header + gap;
  for (const auto& row : rows) {
    const double aspect =
        static_cast<double>(row.picture.size(0)) / static_cast<double>(row.picture.size(1));
    heights.push_back(std::clamp(static_cast<int>(std::lround(cell * aspect)), cell / 4, 2 * cell));
    labels.push_back(render::wrap_text(row.label, size, cell, 3));
    total += heights.back() +
             line * static_cast<int>(std::max<std::size_t>(labels.back().size(), 1)) + gap;
  }
  // One bar for each color map in use; its ends stand for each cell's own scale.
  std::vector<MapStyle> bars;
  for (const auto& row : rows) {
    for (const auto& one : row.cells) {
      const bool seen = std::any_of(bars.begin(), bars.end(), [&](const MapStyle& style) {
        return style.colormap == one.style.colormap && (style.low < 0) == (one.style.low < 0) &&
               (style.low > 0) == (one.style.low > 0);
      });
      if (one.map.defined() && !one.style.constant && !seen) bars.push_back(one.style);
    }
  }
  const int bar = static_cast<int>(size * 1.6);
  const int bar_width = bar + static_cast<int>(render::text_width("-scale", size) + size * 3);
  const int width = gap + count * (cell + gap) + static_cast<int>(bars.size()) * (bar_width + gap);
  cv::Mat page(total, width, CV_8UC3, cv::Scalar(255, 255, 255));

  for (int c = 0; c < count; ++c) {
    const auto& title = titles[static_cast<std::size_t>(c)];
    for (std::size_t i = 0; i < title.size(); ++i) {
      const auto from_bottom = static_cast<int>(title.size() - 1 - i);
      draw_text(page, title[i], gap + c * (cell + gap) + cell / 2.0,
                header - gap / 2.0 - line * from_bottom, size, kInk, Anchor::Center);
    }
  }
  int y = header;
  for (std::size_t r = 0; r < rows.size(); ++r) {
    const cv::Mat picture = to_mat(rows[r].picture);
    const cv::Size shown(cell, heights[r]);
    for (int c = 0; c < count; ++c) {
      const cv::Rect box(gap + c * (cell + gap), y, cell, heights[r]);
      cv::Mat drawn = picture;
      const GridCell* one = nullptr;
      if (c > 0) {
        if (static_cast<std::size_t>(c) > rows[r].cells.size()) continue;
        one = &rows[r].cells[static_cast<std::size_t>(c - 1)];
        if (!one->map.defined()) continue;
        drawn = options.overlay && !one->style.constant
                    ? blend(picture, one->map, one->style, options.opacity)
                    : to_mat(color_map(one->map, one->style));
      }
      cv::Mat fitted;
      const bool shrinks = drawn.cols > cell;
      cv::resize(drawn, fitted, shown, 0, 0, shrinks ? cv::INTER_AREA : cv::INTER_NEAREST);
      fitted.copyTo(page(box));
      cv::rectangle(page, box, kLine, 1);
      if (one && one->style.constant) draw_words(page, box, one->style.words, size);
      if (one) {
        const std::string scale = scale_words(one->style);
        const std::string words = one->caption.empty() ? scale : one->caption + ", " + scale;
        const auto lines = render::wrap_text(words, size, cell, 1);
        draw_text(page, lines[0], box.x + cell / 2.0, y + heights[r] + size * 1.6, size, kSoft,
                  Anchor::Center);
      }
    }
    for (std::size_t i = 0; i < labels[r].size(); ++i) {
      draw_text(page, labels[r][i], gap + cell / 2.0,
                y + heights[r] + size * 1.6 + line * static_cast<double>(i), size, kInk,
                Anchor::Center);
    }
    y += heights[r] + line * static_cast<int>(std::max<std::size_t>(labels[r].size(), 1)) + gap;
  }
  const int bar_height = std::min(heights[0], 3 * cell / 2);
  for (std::size_t i = 0; i < bars.size(); ++i) {
    const cv::Rect box(gap + count * (cell + gap) + static_cast<int>(i) * (bar_width + gap), header,
                       bar, bar_height);
    const bool two_sided = bars[i].low < 0;
    draw_bar(
        page, box, bars[i], size,
        two_sided
            ? std::vector<std::pair<double, std::string>>{{0, "-scale"}, {.5, "0"}, {1, "+scale"}}
            : std::vector<std::pair<double, std::string>>{{0, bars[i].low > 0 ? "lowest" : "0"},
                                                          {1, "scale"}});
  }
  return to_tensor(page);
}

}  // namespace limn
