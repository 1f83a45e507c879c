// See unit_tile.h.
#include "render/unit_tile.h"

#include <ATen/ATen.h>

#include <cmath>
#include <opencv2/core.hpp>
#include <opencv2/imgproc.hpp>
#include <vector>

namespace limn::render {
namespace {

const cv::Scalar kFires(255, 214, 10), kHolds(70, 170, 255);
constexpr double kDark = 0.45;

/// 255 where the mask is true.
cv::Mat mask_at(const Tensor& mask, cv::Size size) {
  const Tensor bytes = mask.to(at::kByte).mul(255).contiguous();
  const cv::Mat small(static_cast<int>(mask.size(0)), static_cast<int>(mask.size(1)), CV_8UC1,
                      bytes.data_ptr());
  cv::Mat out;
  cv::resize(small, out, size, 0, 0, cv::INTER_NEAREST);
  return out;
}

void outline(cv::Mat& image, const cv::Mat& mask, const cv::Scalar& color) {
  std::vector<std::vector<cv::Point>> contours;
  cv::findContours(mask, contours, cv::RETR_CCOMP, cv::CHAIN_APPROX_NONE);
  const int width = std::max(image.rows, image.cols) >= 240 ? 2 : 1;
  cv::drawContours(image, contours, -1, color, width);
}

}  // namespace

Tensor unit_tile(const Tensor& picture, const Tensor& fires, const Tensor& formula,
                 std::int64_t side) {
  const double scale =
      static_cast<double>(side) / static_cast<double>(std::max(picture.size(0), picture.size(1)));
  const auto length = [&](std::int64_t of) {
    return std::max(1, static_cast<int>(std::lround(static_cast<double>(of) * scale)));
  };
  const Tensor data = picture.contiguous();
  const cv::Mat whole(static_cast<int>(data.size(0)), static_cast<int>(data.size(1)), CV_8UC3,
                      data.data_ptr());
  const cv::Size size(length(data.size(1)), length(data.size(0)));
  cv::Mat bright;
  cv::resize(whole, bright, size, 0, 0, scale > 1 ? cv::INTER_CUBIC : cv::INTER_AREA);
  const cv::Mat where = mask_at(fires, size);
  Tensor out = at::empty({size.height, size.width, 3}, at::kByte);
  cv::Mat image(size, CV_8UC3, out.data_ptr());
  bright.convertTo(image, CV_8UC3, kDark);
  bright.copyTo(image, where);
  outline(image, mask_at(formula, size), kHolds);
  outline(image, where, kFires);
  return out;
}

}  // namespace limn::render
