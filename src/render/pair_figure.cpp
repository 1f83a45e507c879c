// See pair_figure.h.
#include "render/pair_figure.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <opencv2/core.hpp>
#include <opencv2/imgproc.hpp>

#include "limn/error.h"
#include "render/text.h"

namespace limn::render {
namespace {

constexpr double kThreshold = 0.25, kMost = 13;
constexpr int kHeight = 384, kWidest = 768, kGap = 72, kMargin = 14;
const cv::Scalar kFor(200, 24, 30), kAgainst(30, 70, 200), kInk(30, 30, 30), kLine(120, 120, 120);

cv::Mat to_mat(const Tensor& picture) {
  if (picture.dim() != 3 || picture.size(2) != 3 || picture.scalar_type() != at::kByte) {
    fail(ErrorCode::InvalidArgument, "a picture is uint8 [H, W, 3], not ", picture.sizes());
  }
  const Tensor data = picture.contiguous();
  return cv::Mat(static_cast<int>(data.size(0)), static_cast<int>(data.size(1)), CV_8UC3,
                 data.data_ptr())
      .clone();
}

/// The picture at the figure's height in light, little saturated tones.
cv::Mat pale(const Tensor& picture) {
  const cv::Mat original = to_mat(picture);
  const double factor = std::min(static_cast<double>(kHeight) / original.rows,
                                 static_cast<double>(kWidest) / original.cols);
  cv::Mat sized, gray;
  cv::resize(original, sized,
             {std::max(1, static_cast<int>(std::lround(original.cols * factor))),
              std::max(1, static_cast<int>(std::lround(original.rows * factor)))},
             0, 0, factor < 1 ? cv::INTER_AREA : cv::INTER_CUBIC);
  cv::cvtColor(sized, gray, cv::COLOR_RGB2GRAY);
  cv::cvtColor(gray, gray, cv::COLOR_GRAY2RGB);
  cv::Mat calm;
  cv::addWeighted(gray, 0.35, sized, 0.25, 0.40 * 255, calm);
  return calm;
}

/// Points of an arc between two places, bent upwards.
std::vector<cv::Point> arc(cv::Point2d from, cv::Point2d to) {
  const cv::Point2d middle((from.x + to.x) / 2,
                           (from.y + to.y) / 2 - 0.18 * std::abs(to.x - from.x));
  constexpr int kSteps = 48, kShift = 4;  // sixteenths of a pixel
  std::vector<cv::Point> points;
  for (int i = 0; i <= kSteps; ++i) {
    const double t = static_cast<double>(i) / kSteps;
    const cv::Point2d at = (1 - t) * (1 - t) * from + 2 * t * (1 - t) * middle + t * t * to;
    points.emplace_back(static_cast<int>(std::lround(at.x * (1 << kShift))),
                        static_cast<int>(std::lround(at.y * (1 << kShift))));
  }
  return points;
}

/// Draws one link, blended by its strength, within the box that it needs.
void draw_link(cv::Mat& page, cv::Point2d from, cv::Point2d to, double strength) {
  const std::vector<cv::Point> whole = arc(from, to);
  constexpr int kShift = 4, kReach = 8;
  cv::Rect box = cv::boundingRect(whole);
  box = cv::Rect(box.x / 16 - kReach, box.y / 16 - kReach, box.width / 16 + 2 * kReach,
                 box.height / 16 + 2 * kReach) &
        cv::Rect(0, 0, page.cols, page.rows);
  if (box.empty()) return;
  std::vector<cv::Point> points = whole;
  for (auto& point : points) point -= cv::Point(box.x * 16, box.y * 16);
  cv::Mat region = page(box), drawn = region.clone();
  const double size = std::abs(strength);
  const cv::Scalar color = strength > 0 ? kFor : kAgainst;
  cv::polylines(drawn, points, false, color, 1 + static_cast<int>(std::lround(1.5 * size)),
                cv::LINE_AA, kShift);
  for (const auto& end : {points.front(), points.back()}) {
    cv::circle(drawn, end, static_cast<int>((2 + size) * 16), color, cv::FILLED, cv::LINE_AA,
               kShift);
  }
  const double opacity = size * size;
  cv::addWeighted(drawn, opacity, region, 1 - opacity, 0, region);
}

}  // namespace

double link_strength(double value, double scale) {
  if (!(scale > 0)) return 0;
  const double clipped = std::min(std::abs(value) / scale, kMost);
  return std::copysign(std::max(clipped - kThreshold, 0.0) / (kMost - kThreshold), value);
}

Tensor pair_figure(const Tensor& first, const Tensor& second, const std::vector<PairLink>& links,
                   double scale, const std::string& caption) {
  const cv::Mat left = pale(first), right = pale(second);
  const int height = std::max(left.rows, right.rows);
  constexpr double kText = 11;
  const int width = left.cols + kGap + right.cols;
  const auto lines = wrap_text(caption, kText, width, 3);
  const int below = caption.empty() ? 0 : static_cast<int>(2 * kText * (lines.size() + 0.4));
  cv::Mat page(height + 2 * kMargin + below, width + 2 * kMargin, CV_8UC3,
               cv::Scalar(255, 255, 255));
  const cv::Rect one(kMargin, kMargin + (height - left.rows) / 2, left.cols, left.rows);
  const cv::Rect other(kMargin + left.cols + kGap, kMargin + (height - right.rows) / 2, right.cols,
                       right.rows);
  left.copyTo(page(one));
  right.copyTo(page(other));
  cv::rectangle(page, one, kLine, 1);
  cv::rectangle(page, other, kLine, 1);

  std::vector<std::size_t> order(links.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(), [&](std::size_t i, std::size_t j) {
    return std::abs(links[i].value) < std::abs(links[j].value);
  });
  for (const std::size_t i : order) {
    const PairLink& link = links[i];
    const double strength = link_strength(link.value, scale);
    if (strength == 0) continue;
    const auto place = [](const cv::Rect& panel, const Tensor& picture, double y, double x) {
      return cv::Point2d(panel.x + x * panel.width / static_cast<double>(picture.size(1)),
                         panel.y + y * panel.height / static_cast<double>(picture.size(0)));
    };
    draw_link(page, place(one, first, link.y1, link.x1), place(other, second, link.y2, link.x2),
              strength);
  }
  for (std::size_t i = 0; i < lines.size() && below > 0; ++i) {
    draw_text(page, lines[i], kMargin,
              height + 2 * kMargin + 2 * kText * (static_cast<double>(i) + 0.6), kText, kInk);
  }
  Tensor out = at::empty({page.rows, page.cols, 3}, at::kByte);
  page.copyTo(cv::Mat(page.rows, page.cols, CV_8UC3, out.data_ptr()));
  return out;
}

}  // namespace limn::render
