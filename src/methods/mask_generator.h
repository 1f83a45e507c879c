// The smooth masks of extremal perturbations: a coarse grid of parameters P in 0..1, each a soft
// disk, joined by a softmax that is nearly a maximum. For pixel u and the (2 r + 1)^2 parameters
// around it, v_k = P_k exp(-2 max(|u - c_k| / sigma - 1/2, 0)^2), m(u) = sum_k v_k softmax_k(20 v).
// Source: Fong, Patrick, Vedaldi, "Understanding Deep Networks via Extremal Perturbations and
// Smooth Masks", 2019; facebookresearch/TorchRay@6a198ee, MaskGenerator.
#pragma once
#include <array>
#include <cstdint>

#include "limn/tensor.h"

namespace limn {

/// Masks reach `sigma` pixels past every border of the picture; parameters stand `step` apart,
/// parameter i at pixel step * i of the picture. The authors find a pixel's window by
/// floor(u * (1 / step)) in float32, which at some steps from 41 on is one less at a few pixels.
/// Throws InvalidArgument where sigma is so far from a multiple of step that masks end too early.
class MaskGenerator {
 public:
  MaskGenerator(std::int64_t height, std::int64_t width, std::int64_t step, std::int64_t sigma,
                const at::TensorOptions& like);

  /// Rows and columns of parameters: ceil(H / step), ceil(W / step).
  std::array<std::int64_t, 2> cells() const { return cells_; }
  /// Of a mask with its margin.
  std::array<std::int64_t, 2> full_size() const { return full_; }
  /// [A, rows, columns] -> [A, h, w], margin included.
  Tensor full(const Tensor& parameters) const;
  /// The part over the picture, [A, H, W].
  Tensor cropped(const Tensor& full) const;
  /// From a gradient at the full masks to that at the parameters.
  Tensor pull(const Tensor& parameters, const Tensor& gradient) const;

 private:
  Tensor windows(const Tensor& parameters) const;

  std::int64_t step_, margin_, padding_, side_;      ///< side_: of a window, 2 r + 1
  std::array<std::int64_t, 2> size_, cells_, full_;  ///< picture, parameters, mask with margin
  std::array<std::int64_t, 2> blocks_;               ///< of step x step pixels that share a window
  Tensor weights_;                                   ///< [side * side, 1, step * step]
};

}  // namespace limn
