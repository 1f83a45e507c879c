// Line plots.
#include <algorithm>
#include <cmath>
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

constexpr double kText = 9, kMargin = 16;
constexpr int kTicks = 5, kMarker = 4, kSubpixels = 4;  // OpenCV takes positions in 1/16 pixel
constexpr std::size_t kMostMarkers = 12;                // more would hide the line
constexpr double kBandOpacity = 0.15;
const cv::Scalar kAxis(120, 120, 120), kGrid(228, 228, 228), kReference(150, 150, 150);

/// Colors that stay apart for color-blind readers (Okabe, Ito, 2008).
const std::vector<cv::Scalar> kColors = {{0, 114, 178},   {213, 94, 0},  {0, 158, 115},
                                         {204, 121, 167}, {230, 159, 0}, {86, 180, 233}};

/// An axis from `low` to `high` with ticks at multiples of a round `step`.
struct Axis {
  double low = 0, high = 1, step = 1;

  Axis(double from, double to) {
    if (!(to > from)) {
      const double room = from == 0 ? 1 : std::abs(from) / 2;
      from -= room;
      to += room;
    }
    const double rough = (to - from) / kTicks;
    const double power = std::pow(10, std::floor(std::log10(rough)));
    for (const double factor : {1.0, 2.0, 2.5, 5.0, 10.0}) {
      step = factor * power;
      if (step >= rough) break;
    }
    low = std::floor(from / step + 1e-9) * step;
    high = std::ceil(to / step - 1e-9) * step;
  }
  double share(double value) const { return (value - low) / (high - low); }
  std::vector<double> ticks() const {
    std::vector<double> all;
    const auto count = std::lround((high - low) / step);
    for (long i = 0; i <= count; ++i) {
      const double tick = low + static_cast<double>(i) * step;
      all.push_back(std::abs(tick) < step * 1e-9 ? 0 : tick);
    }
    return all;
  }
};

Axis axis_of(const std::vector<PlotLine>& lines,
             const std::vector<std::vector<double> PlotLine::*>& members) {
  double low = INFINITY, high = -INFINITY;
  for (const auto& line : lines) {
    for (const auto member : members) {
      for (const double value : line.*member) {
        low = std::min(low, value);
        high = std::max(high, value);
      }
    }
  }
  return {low, high};
}

/// One color for each line; references are gray and take none of the others' colors.
std::vector<cv::Scalar> colors_of(const std::vector<PlotLine>& lines) {
  std::vector<cv::Scalar> colors;
  std::size_t taken = 0;
  for (const auto& line : lines) {
    colors.push_back(line.reference ? kReference : kColors[taken++ % kColors.size()]);
  }
  return colors;
}

void check(const std::vector<PlotLine>& lines) {
  bool any = false;
  for (const auto& line : lines) {
    if (line.x.size() != line.y.size()) {
      fail(ErrorCode::InvalidArgument, "line \"", line.name, "\" has ", line.x.size(),
           " x values and ", line.y.size(), " y values");
    }
    if (line.low.size() != line.high.size() ||
        (!line.low.empty() && line.low.size() != line.x.size())) {
      fail(ErrorCode::InvalidArgument, "the band of line \"", line.name, "\" has ", line.low.size(),
           " and ", line.high.size(), " values for ", line.x.size(), " points");
    }
    any = any || !line.x.empty();
    for (const auto* values : {&line.x, &line.y, &line.low, &line.high}) {
      for (const double value : *values) {
        if (!std::isfinite(value)) {
          fail(ErrorCode::Numerical, "line \"", line.name, "\" holds NaN or infinity");
        }
      }
    }
  }
  if (!any) fail(ErrorCode::InvalidArgument, "a plot needs at least one point");
}

}  // namespace

Tensor line_plot(const std::vector<PlotLine>& lines, const PlotOptions& options) {
  check(lines);
  const Axis across = axis_of(lines, {&PlotLine::x});
  const Axis up = axis_of(lines, {&PlotLine::y, &PlotLine::low, &PlotLine::high});
  const std::vector<cv::Scalar> colors = colors_of(lines);
  cv::Mat image(static_cast<int>(options.height), static_cast<int>(options.width), CV_8UC3,
                cv::Scalar(255, 255, 255));
  double numbers = 0, names = 0;
  for (const double tick : up.ticks()) {
    numbers = std::max(numbers, render::text_width(short_number(tick), kText));
  }
  for (const auto& line : lines) names = std::max(names, render::text_width(line.name, kText));
  const double left = kMargin + numbers + 8, right = image.cols - kMargin - names - 34;
  const double top = 3 * kMargin + kText, bottom = image.rows - 3 * kMargin - kText;
  const auto x_of = [&](double value) { return left + across.share(value) * (right - left); };
  const auto y_of = [&](double value) { return bottom - up.share(value) * (bottom - top); };
  const auto point = [&](double x, double y) {
    const double fine = 1 << kSubpixels;
    return cv::Point(static_cast<int>(std::lround(x * fine)),
                     static_cast<int>(std::lround(y * fine)));
  };
  const auto stroke = [&](cv::Point from, cv::Point to, const cv::Scalar& color, int width) {
    cv::line(image, from, to, color, width, cv::LINE_AA, kSubpixels);
  };
  for (const double tick : up.ticks()) {
    stroke(point(left, y_of(tick)), point(right, y_of(tick)), kGrid, 1);
    draw_text(image, short_number(tick), left - 8, y_of(tick) + kText / 2, kText, kAxis,
              Anchor::Right);
  }
  for (const double tick : across.ticks()) {
    stroke(point(x_of(tick), bottom), point(x_of(tick), bottom + 4), kAxis, 1);
    draw_text(image, short_number(tick), x_of(tick), bottom + 10 + kText, kText, kAxis,
              Anchor::Center);
  }
  stroke(point(left, bottom), point(right, bottom), kAxis, 1);
  draw_text(image, options.title, left, kMargin + kText, kText + 2);
  draw_text(image, options.y_label, left, top - kMargin / 2, kText, kAxis);
  draw_text(image, options.x_label, (left + right) / 2, image.rows - kMargin, kText, kAxis,
            Anchor::Center);
  cv::Mat bands = image.clone();
  for (std::size_t i = 0; i < lines.size(); ++i) {
    std::vector<cv::Point> edge;
    for (std::size_t k = 0; k < lines[i].low.size(); ++k) {
      edge.push_back(point(x_of(lines[i].x[k]), y_of(lines[i].low[k])));
    }
    for (std::size_t k = lines[i].high.size(); k-- > 0;) {
      edge.push_back(point(x_of(lines[i].x[k]), y_of(lines[i].high[k])));
    }
    if (edge.empty()) continue;
    cv::fillPoly(bands, std::vector<std::vector<cv::Point>>{edge}, colors[i], cv::LINE_AA,
                 kSubpixels);
    cv::addWeighted(bands, kBandOpacity, image, 1 - kBandOpacity, 0, image);
    image.copyTo(bands);
  }
  // Names stand at their lines' ends, moved apart where they would overlap.
  std::vector<std::pair<double, std::size_t>> ends;
  for (std::size_t i = 0; i < lines.size(); ++i) {
    const cv::Scalar& color = colors[i];
    const auto& line = lines[i];
    const bool markers = line.x.size() == 1 || (!line.reference && line.x.size() <= kMostMarkers);
    for (std::size_t k = 0; k < line.x.size(); ++k) {
      const cv::Point here = point(x_of(line.x[k]), y_of(line.y[k]));
      if (k > 0) stroke(point(x_of(line.x[k - 1]), y_of(line.y[k - 1])), here, color, 2);
      if (!markers) continue;
      cv::circle(image, here, kMarker << kSubpixels, color, cv::FILLED, cv::LINE_AA, kSubpixels);
    }
    if (!line.x.empty()) ends.emplace_back(y_of(line.y.back()), i);
  }
  std::sort(ends.begin(), ends.end());
  double lowest = -INFINITY;
  for (auto& [place, i] : ends) place = lowest = std::max(place + kText / 2, lowest + 2 * kText);
  // Where many end at the bottom, they move up again: none leaves the picture.
  double highest = image.rows - kText;
  for (auto end = ends.rbegin(); end != ends.rend(); ++end) {
    end->first = std::min(end->first, highest);
    highest = end->first - 2 * kText;
  }
  for (const auto& [place, i] : ends) {
    draw_text(image, lines[i].name, right + 12, place, kText, colors[i]);
  }
  Tensor out = at::empty({image.rows, image.cols, 3}, at::kByte);
  image.copyTo(cv::Mat(image.rows, image.cols, CV_8UC3, out.data_ptr()));
  return out;
}

}  // namespace limn
