// Resizing and blurring by name: which library's picture it is that a number is computed on.
// Interpolation and border rules are the commonest reason why two tools disagree on one map.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "limn/tensor.h"

namespace limn {

/// Sample o of the output lies at (o + 0.5) * in / out - 0.5 of the input ("half-pixel centers")
/// unless said otherwise.
enum class ResizeMode {
  Bilinear,              ///< libtorch, border clamped, no antialiasing
  BilinearAlignCorners,  ///< libtorch: corner samples meet corner samples
  BilinearAntialias,     ///< libtorch: a triangle filter that grows with the reduction
  Bicubic,               ///< libtorch: a = -0.75, border clamped, values are not clipped
  BicubicAlignCorners,   ///< the same between corner samples
  BicubicAntialias,      ///< libtorch: a = -0.5, a filter that grows with the reduction
  Nearest,               ///< libtorch's old one: sample floor(o * in / out)
  OpenCvLinear,          ///< cv::resize with INTER_LINEAR
  PilBilinear,           ///< Pillow: a triangle filter that grows with the reduction
  PilBicubic,            ///< Pillow: a = -0.5, a filter that grows with the reduction
  PilNearest,            ///< Pillow: sample floor((o + 0.5) * in / out)
  SkimageLinear,         ///< scikit-image: order 1, mode "reflect", no antialiasing
  TorchRayRise,          ///< TorchRay's RISE masks: cells of ceil(out / in), mirrored, cut to size
};

/// `bilinear`, `bilinear-align-corners`, `bilinear-antialias`, `bicubic`, `bicubic-align-corners`,
/// `bicubic-antialias`, `nearest`, `opencv-linear`, `pil-bilinear`, `pil-bicubic`, `pil-nearest`,
/// `skimage-linear`, `torchray-rise`; throws NotFound with the nearest.
ResizeMode parse_resize_mode(std::string_view text);
std::string_view resize_mode_name(ResizeMode mode);

/// x [..., h, w] as [..., height, width], of x's dtype. float32 or float64; the PIL modes and
/// `nearest` take uint8, too: PIL's then are bit for bit Pillow's (22-bit weights, rounded after
/// the horizontal and again after the vertical pass). A constant stays that constant.
/// Throws InvalidArgument for other types and for sizes under 1.
/// Sources: libtorch 1.13, OpenCV 4.6, Pillow 9.4, scikit-image 0.19,
/// facebookresearch/TorchRay@6a198ee.
Tensor resize_tensor(const Tensor& x, std::int64_t height, std::int64_t width, ResizeMode mode);

/// What a filter sees beyond the border: zeros, the picture mirrored about its border pixels, or
/// the nearest pixel.
enum class Padding { Zero, Reflect, Replicate };

/// x [N, C, H, W] through a Gaussian that is cut to height x width pixels (odd numbers) and then
/// normalized to sum 1. Throws InvalidArgument for even sizes, sigma <= 0, and where `Reflect`
/// would mirror more pixels than the picture has.
Tensor gaussian_blur(const Tensor& x, std::int64_t height, std::int64_t width, double sigma,
                     Padding padding = Padding::Reflect);

/// TorchRay's imsmooth (facebookresearch/TorchRay@6a198ee): half width ceil(4 sigma), 0 leaves x
/// as it is. Throws as `gaussian_blur`.
Tensor smooth_torchray(const Tensor& x, double sigma, Padding padding = Padding::Replicate);

}  // namespace limn
