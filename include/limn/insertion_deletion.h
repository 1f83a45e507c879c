// Insertion and deletion: how the probability of a class falls as the most relevant pixels vanish,
// and how it rises as they appear.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "limn/model.h"
#include "limn/tensor.h"

namespace limn {

struct PixelCurve {
  std::vector<double> probability;  ///< of the class after 0, 1, ... n steps
  /// The area under it with the steps from 0 to 1, by trapezoids: 0..1.
  double area = 0;
};

struct PixelCurveOptions {
  std::int64_t step =
      0;  ///< pixels a step; 0: a 28th of the picture, rounded up (1792 of 224 x 224)
  std::int64_t batch = 32;  ///< pictures in one pass
  std::string blur =
      "rise";  ///< what insertion starts from: rise | ucag | scaled, see `blurred_start`
};

/// Pixels of x [1, C, H, W] are set to zero, the most relevant of map [H, W] first (of equal ones
/// the first in row-major order). Lower is better. Source: Petsiuk, Das, Saenko, "RISE", 2018.
/// Throws InvalidArgument where the map's size is not the input's, step < 0 or the class does not
/// exist.
PixelCurve deletion(const Model& model, const Tensor& x, const Tensor& map, std::int64_t target,
                    const PixelCurveOptions& options = {});
/// Pixels of x appear on a blurred copy, the most relevant first. Higher is better. As `deletion`.
PixelCurve insertion(const Model& model, const Tensor& x, const Tensor& map, std::int64_t target,
                     const PixelCurveOptions& options = {});

/// eclique/RISE@d91ea00's blur kernel [size, size]: scipy's Gaussian filter of a single one in the
/// middle, mirrored at the borders, which is flatter than a Gaussian cut off there.
Tensor rise_kernel(std::int64_t size, double sigma);
/// What insertion starts from, for x [N, C, H, W]. `rise`: rise_kernel(11, 5), zeros beyond the
/// border. `ucag`: a Gaussian of 51 x 51, sigma 50, mirrored (KU-HJH/UCAG@4d12475); pictures
/// smaller than 26 pixels are refused. `scaled`: as `rise`, its size and sigma times the shorter
/// side over 224: the same blur to the eye on pictures of any size.
Tensor blurred_start(const Tensor& x, const std::string& blur);

}  // namespace limn
