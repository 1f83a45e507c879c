// Random masks: cells of a coarse grid are kept with probability p, enlarged to more than the
// picture, and cut out at a random shift. Mask i is a function of the seed and i alone.
#pragma once
#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "limn/tensor.h"

namespace limn {

struct MaskOptions {
  /// How cells grow: `original` (eclique/RISE@d91ea00: bilinear, mirrored past the border),
  /// `torchray` (facebookresearch/TorchRay@6a198ee: the same, cells a little larger), `nearest`
  /// (microsoft/vision-explanation-methods@357c98c, D-RISE).
  std::string growth = "original";
  std::array<std::int64_t, 2> cells = {7, 7};  ///< down, across
  double p = 0.5;                              ///< that a cell is kept
  bool antithetic = false;                     ///< mask 2k + 1 keeps what mask 2k hides
  std::uint64_t seed = 0;
};

class RandomMasks {
 public:
  RandomMasks(MaskOptions options, std::int64_t height, std::int64_t width);

  /// Masks first .. first + count - 1, [count, height, width] in 0..1.
  Tensor make(std::int64_t first, std::int64_t count, const at::TensorOptions& like) const;
  /// Masks of given cells [n, down, across] at shifts [n, 2] (down, across).
  Tensor from_cells(const Tensor& cells, const Tensor& shifts) const;
  /// Covariance of two places of a mask along one axis (0: down), over p (1 - p): over both axes it
  /// is p (1 - p) times the product. Float64 [size, size].
  Tensor covariance(int axis) const;

 private:
  /// One axis: row o of `growth` [grown, cells] is how the cells make place o.
  struct Axis {
    std::int64_t size = 0, shifts = 1;
    Tensor growth;
  };
  Axis axis_of(std::int64_t size, std::int64_t cells, std::int64_t padding) const;

  MaskOptions options_;
  std::array<Axis, 2> axes_;
};

}  // namespace limn
