// Resizing as several libraries do it; see limn/resample.h. What is linear and separable is two
// products with matrices of weights, [out, in], first across, then down.
#include <ATen/ATen.h>

#include <array>
#include <opencv2/imgproc.hpp>

#include "base/mirrored_rows.h"
#include "image/resample.h"
#include "limn/error.h"
#include "limn/resample.h"
#include "limn/spec.h"

namespace limn {
namespace {

constexpr std::array<std::string_view, 13> kNames = {"bilinear",
                                                     "bilinear-align-corners",
                                                     "bilinear-antialias",
                                                     "bicubic",
                                                     "bicubic-align-corners",
                                                     "bicubic-antialias",
                                                     "nearest",
                                                     "opencv-linear",
                                                     "pil-bilinear",
                                                     "pil-bicubic",
                                                     "pil-nearest",
                                                     "skimage-linear",
                                                     "torchray-rise"};

/// down x across^T, rounded to x's type between and after, as libraries keep it.
Tensor twice(const Tensor& x, const Tensor& down, const Tensor& across) {
  const Tensor once = at::matmul(x.to(at::kDouble), across.t()).to(x.scalar_type());
  return at::matmul(down, once.to(at::kDouble)).to(x.scalar_type());
}

Tensor pil_rows(std::int64_t in, std::int64_t out, bool cubic) {
  const auto taps = cubic ? cubic_taps(in, out, 0, static_cast<double>(in))
                          : triangle_taps(in, out, 0, static_cast<double>(in));
  Tensor rows = at::zeros({out, in}, at::kDouble);
  auto row = rows.accessor<double, 2>();
  for (std::int64_t o = 0; o < out; ++o) {
    const Taps& one = taps[static_cast<std::size_t>(o)];
    for (std::size_t j = 0; j < one.weights.size(); ++j) {
      row[o][one.first + static_cast<std::int64_t>(j)] = one.weights[j];
    }
  }
  return rows;
}

/// Pillow's 8-bit passes: whole numbers all along, which float64 holds exactly.
Tensor pil_bytes(const Tensor& x, const Tensor& down, const Tensor& across) {
  constexpr double kOne = 1 << kTapBits;
  const auto whole = [&](const Tensor& rows) {
    const Tensor scaled = rows * kOne;
    return at::trunc(scaled + at::sign(scaled) * 0.5);
  };
  const auto bytes = [&](const Tensor& sums) {
    return at::floor((sums + kOne / 2) / kOne).clamp(0, 255);
  };
  const Tensor once = bytes(at::matmul(x.to(at::kDouble), whole(across).t()));
  return bytes(at::matmul(whole(down), once)).to(at::kByte);
}

/// Pillow adds up the step instead of multiplying it, which decides where a place falls on a
/// border between two samples.
Tensor pil_nearest(std::int64_t in, std::int64_t out) {
  const double step = static_cast<double>(in) / static_cast<double>(out);
  std::vector<std::int64_t> places;
  double place = step * 0.5;
  for (std::int64_t o = 0; o < out; ++o, place += step) {
    places.push_back(std::min(in - 1, static_cast<std::int64_t>(place)));
  }
  return at::tensor(places, at::kLong);
}

Tensor opencv_linear(const Tensor& planes, std::int64_t height, std::int64_t width) {
  const Tensor x = planes.to(at::kCPU).contiguous();
  const int type = x.scalar_type() == at::kDouble ? CV_64F : CV_32F;
  Tensor out = at::empty({x.size(0), x.size(1), height, width}, x.options());
  for (std::int64_t p = 0; p < x.size(1); ++p) {
    const Tensor from = x[0][p];
    Tensor to = out[0][p];
    const cv::Mat source(static_cast<int>(x.size(2)), static_cast<int>(x.size(3)), type,
                         from.data_ptr());
    cv::Mat target(static_cast<int>(height), static_cast<int>(width), type, to.data_ptr());
    cv::resize(source, target, target.size(), 0, 0, cv::INTER_LINEAR);
  }
  return out.to(planes.device());
}

Tensor torchray_rows(std::int64_t in, std::int64_t out) {
  const std::int64_t cell = (out + in - 1) / in;
  return mirrored_rows(out, in, 1 / static_cast<double>(cell));
}

Tensor skimage_rows(std::int64_t in, std::int64_t out) {
  return mirrored_rows(out, in, static_cast<double>(in) / static_cast<double>(out));
}

/// x [1, K, h, w].
Tensor resized(const Tensor& x, std::int64_t height, std::int64_t width, ResizeMode mode) {
  const std::vector<std::int64_t> size = {height, width};
  const auto with_rows = [&](const auto& rows) {
    return twice(x, rows(x.size(2), height).to(x.device()), rows(x.size(3), width).to(x.device()));
  };
  const auto with_pil = [&](bool cubic) {
    const Tensor down = pil_rows(x.size(2), height, cubic).to(x.device());
    const Tensor across = pil_rows(x.size(3), width, cubic).to(x.device());
    return x.scalar_type() == at::kByte ? pil_bytes(x, down, across) : twice(x, down, across);
  };
  switch (mode) {
    case ResizeMode::Bilinear:
      return at::upsample_bilinear2d(x, size, false);
    case ResizeMode::BilinearAlignCorners:
      return at::upsample_bilinear2d(x, size, true);
    case ResizeMode::BilinearAntialias:
      return at::_upsample_bilinear2d_aa(x, size, false);
    case ResizeMode::Bicubic:
      return at::upsample_bicubic2d(x, size, false);
    case ResizeMode::BicubicAlignCorners:
      return at::upsample_bicubic2d(x, size, true);
    case ResizeMode::BicubicAntialias:
      return at::_upsample_bicubic2d_aa(x, size, false);
    case ResizeMode::Nearest:
      return at::upsample_nearest2d(x, size);
    case ResizeMode::OpenCvLinear:
      return opencv_linear(x, height, width);
    case ResizeMode::PilBilinear:
      return with_pil(false);
    case ResizeMode::PilBicubic:
      return with_pil(true);
    case ResizeMode::PilNearest:
      return x.index_select(2, pil_nearest(x.size(2), height).to(x.device()))
          .index_select(3, pil_nearest(x.size(3), width).to(x.device()));
    case ResizeMode::SkimageLinear:
      return with_rows(skimage_rows);
    case ResizeMode::TorchRayRise:
      return with_rows(torchray_rows);
  }
  fail(ErrorCode::InvalidArgument, "no such way to resize");
}

bool takes_bytes(ResizeMode mode) {
  return mode == ResizeMode::Nearest || mode == ResizeMode::PilBilinear ||
         mode == ResizeMode::PilBicubic || mode == ResizeMode::PilNearest;
}

}  // namespace

std::string_view resize_mode_name(ResizeMode mode) {
  return kNames[static_cast<std::size_t>(mode)];
}

ResizeMode parse_resize_mode(std::string_view text) {
  const std::string wanted = canonical_name(text);
  for (std::size_t i = 0; i < kNames.size(); ++i) {
    if (kNames[i] == wanted) return static_cast<ResizeMode>(i);
  }
  fail(ErrorCode::NotFound, "no way to resize \"", text, "\"; did you mean ",
       nearest_names(text, {kNames.begin(), kNames.end()}), "?");
}

Tensor resize_tensor(const Tensor& x, std::int64_t height, std::int64_t width, ResizeMode mode) {
  if (x.dim() < 2 || x.numel() == 0) {
    fail(ErrorCode::InvalidArgument, "what is resized has at least height and width, not shape ",
         x.sizes());
  }
  if (height < 1 || width < 1 || height > std::numeric_limits<int>::max() / width) {
    fail(ErrorCode::InvalidArgument, "cannot resize to ", height, " x ", width,
         "; give a height and a width of at least 1");
  }
  const bool fits = x.scalar_type() == at::kFloat || x.scalar_type() == at::kDouble ||
                    (x.scalar_type() == at::kByte && takes_bytes(mode));
  if (!fits) {
    fail(ErrorCode::InvalidArgument, resize_mode_name(mode), " does not resize ", x.scalar_type(),
         "; give float32 or float64", takes_bytes(mode) ? ", or uint8" : "");
  }
  std::vector<std::int64_t> sizes = x.sizes().vec();
  const Tensor planes = x.reshape({1, -1, x.size(-2), x.size(-1)}).contiguous();
  sizes[sizes.size() - 2] = height;
  sizes[sizes.size() - 1] = width;
  return resized(planes, height, width, mode).reshape(sizes);
}

}  // namespace limn
