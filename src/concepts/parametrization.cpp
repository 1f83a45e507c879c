// See parametrization.h.
#include "concepts/parametrization.h"

#include <ATen/ATen.h>

#include "methods/noise.h"

namespace limn {
namespace {

/// The factor of lucid that brings pictures of the spectrum into the sigmoid's linear range.
constexpr double kSpread = 4;
constexpr double kNearest = 0.01;

/// [3, 3] times the colors of [N, 3, H, W].
Tensor mixed(const Tensor& matrix, const Tensor& pictures) {
  return at::matmul(matrix, pictures.flatten(2)).reshape(pictures.sizes());
}

}  // namespace

Tensor color_axes() {
  const Tensor root =
      at::tensor({0.26, 0.09, 0.02, 0.27, 0.00, -0.05, 0.27, -0.09, 0.03}, at::kDouble)
          .view({3, 3});
  return root / root.square().sum(0).sqrt().max();
}

Tensor frequency_scale(std::int64_t height, std::int64_t width) {
  const auto options = at::TensorOptions().dtype(at::kDouble);
  const Tensor down = at::fft_fftfreq(height, 1.0, options).unsqueeze(1);
  const Tensor right = at::fft_rfftfreq(width, 1.0, options).unsqueeze(0);
  const double lowest = 1.0 / static_cast<double>(std::max(height, width));
  return 1 / (down.square() + right.square()).sqrt().clamp_min(lowest);
}

Parametrization::Parametrization(const std::string& kind, const std::string& color,
                                 const PictureSpace& space)
    : channels_(space.channels()),
      height_(space.height()),
      width_(space.width()),
      options_(space.options()),
      is_fourier_(kind == "fourier"),
      scale_(frequency_scale(height_, width_).to(options_)) {
  if (color == "decorrelated" && channels_ == 3) colors_ = color_axes().to(options_);
}

Tensor Parametrization::start(std::uint64_t seed, double deviation) const {
  const std::vector<std::int64_t> shape =
      is_fourier_ ? std::vector<std::int64_t>{1, channels_, height_, width_ / 2 + 1, 2}
                  : std::vector<std::int64_t>{1, channels_, height_, width_};
  return (deviation * normal_noise(seed, shape)).to(options_);
}

Tensor Parametrization::of(const Tensor& picture) const {
  Tensor plane = at::logit(picture.to(options_).clamp(kNearest, 1 - kNearest));
  if (colors_.defined()) plane = mixed(at::linalg_inv(colors_), plane);
  if (!is_fourier_) return plane;
  const Tensor spectrum = at::fft_rfft2(plane * kSpread, c10::nullopt, {-2, -1}, "ortho");
  return at::view_as_real(spectrum / scale_).contiguous();
}

Tensor Parametrization::picture(const Tensor& parameters) const {
  Tensor plane = parameters;
  if (is_fourier_) {
    const Tensor spectrum = at::view_as_complex(parameters) * scale_;
    const std::int64_t size[] = {height_, width_};
    plane = at::fft_irfft2(spectrum, at::IntArrayRef(size), {-2, -1}, "ortho") / kSpread;
  }
  if (colors_.defined()) plane = mixed(colors_, plane);
  return at::sigmoid(plane);
}

}  // namespace limn
