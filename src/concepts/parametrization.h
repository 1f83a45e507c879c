// What is optimized instead of pixels: p = sigmoid(C F^-1(z s)) with s(f) = 1 / f. Sources: Olah,
// Mordvintsev, Schubert, "Feature Visualization", 2017; tensorflow/lucid, optvis/param/spatial.py
// and color.py.
#pragma once
#include <cstdint>
#include <string>

#include "concepts/picture_space.h"
#include "limn/tensor.h"

namespace limn {

/// Pictures in (0, 1) as functions of free parameters.
class Parametrization {
 public:
  /// `kind`: fourier or pixels; `color`: decorrelated or rgb.
  Parametrization(const std::string& kind, const std::string& color, const PictureSpace& space);

  /// Normal parameters [1, ...] of this deviation, a function of the seed alone.
  Tensor start(std::uint64_t seed, double deviation) const;
  /// The parameters of a picture [1, C, H, W]; what is nearer to 0 or 1 than 0.01 is moved there,
  /// since the sigmoid takes all values but those.
  Tensor of(const Tensor& picture) const;
  /// [N, C, H, W], differentiable.
  Tensor picture(const Tensor& parameters) const;

 private:
  std::int64_t channels_, height_, width_;
  at::TensorOptions options_;
  bool is_fourier_;
  Tensor scale_;   ///< [H, W / 2 + 1]
  Tensor colors_;  ///< [3, 3], undefined without decorrelation
};

/// [3, 3]: column k is how much red, green and blue change along the k-th axis on which colors of
/// ImageNet's pictures vary independently; the longest column has length 1 (lucid).
Tensor color_axes();
/// [H, W / 2 + 1]: 1 / max(f, 1 / max(H, W)) for f in cycles a pixel, so that a step of equal size
/// in each parameter has the spectrum of photographs.
Tensor frequency_scale(std::int64_t height, std::int64_t width);

}  // namespace limn
