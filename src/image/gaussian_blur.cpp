// Gaussian blurs with the borders and widths of several libraries; see limn/resample.h.
#include <ATen/ATen.h>

#include <cmath>

#include "image/separable.h"
#include "limn/error.h"
#include "limn/resample.h"

namespace limn {
namespace {

Tensor padded(const Tensor& x, std::int64_t down, std::int64_t across, Padding padding) {
  const std::vector<std::int64_t> sides = {across, across, down, down};
  switch (padding) {
    case Padding::Zero:
      return at::constant_pad_nd(x, sides);
    case Padding::Replicate:
      return at::replication_pad2d(x.contiguous(), sides);
    case Padding::Reflect:
      break;
  }
  if (down >= x.size(2) || across >= x.size(3)) {
    fail(ErrorCode::InvalidArgument, "a blur that mirrors ", down, " x ", across,
         " pixels at the border needs a picture larger than that, not ", x.size(2), " x ",
         x.size(3), "; take a smaller blur, or zeros or the nearest pixel beyond the border");
  }
  return at::reflection_pad2d(x.contiguous(), sides);
}

}  // namespace

std::vector<double> gaussian_taps(std::int64_t reach, double sigma) {
  std::vector<double> taps;
  double sum = 0;
  for (std::int64_t j = -reach; j <= reach; ++j) {
    const auto at = static_cast<double>(j);
    taps.push_back(std::exp(-at * at / (2 * sigma * sigma)));
    sum += taps.back();
  }
  for (double& tap : taps) tap /= sum;
  return taps;
}

Tensor filter_separable(const Tensor& x, const std::vector<double>& down,
                        const std::vector<double>& across) {
  const auto line = [&](const std::vector<double>& taps) {
    return at::tensor(taps, at::kDouble).to(x.options());
  };
  const Tensor planes = x.flatten(0, 1).unsqueeze(1);
  const Tensor once = at::conv2d(planes, line(down).view({1, 1, -1, 1}));
  const Tensor both = at::conv2d(once, line(across).view({1, 1, 1, -1}));
  return both.view({x.size(0), x.size(1), both.size(2), both.size(3)});
}

Tensor gaussian_blur(const Tensor& x, std::int64_t height, std::int64_t width, double sigma,
                     Padding padding) {
  if (x.dim() != 4 || !x.is_floating_point() || x.numel() == 0) {
    fail(ErrorCode::InvalidArgument, "a blur takes pictures [N, C, H, W] of floats, not ",
         x.sizes(), " of ", x.scalar_type());
  }
  if (height < 1 || width < 1 || height % 2 == 0 || width % 2 == 0) {
    fail(ErrorCode::InvalidArgument, "a blur of ", height, " x ", width,
         " pixels has no middle; give odd sizes");
  }
  if (!(sigma > 0) || !std::isfinite(sigma)) {
    fail(ErrorCode::InvalidArgument, "a blur needs a sigma above 0, not ", sigma);
  }
  return filter_separable(padded(x, height / 2, width / 2, padding),
                          gaussian_taps(height / 2, sigma), gaussian_taps(width / 2, sigma));
}

Tensor smooth_torchray(const Tensor& x, double sigma, Padding padding) {
  if (sigma == 0) return x;
  if (!(sigma > 0) || sigma > 1e6) {
    fail(ErrorCode::InvalidArgument, "sigma is ", sigma, "; legal: 0 to 1000000 pixels");
  }
  const std::int64_t size = 2 * static_cast<std::int64_t>(std::ceil(4 * sigma)) + 1;
  // TorchRay divides by sqrt(2) sigma + float32's epsilon.
  return gaussian_blur(x, size, size, sigma + 1.1920929e-7 / std::sqrt(2.0), padding);
}

}  // namespace limn
