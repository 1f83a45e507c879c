// Fully connected conditional random field: labels of pixels that agree with a picture's edges.
#pragma once
#include <cstdint>

#include "limn/tensor.h"

namespace limn {

/// Defaults are those that weakly supervised segmentation commonly gives to pydensecrf.
struct DenseCrfOptions {
  double gaussian_sxy = 3;       ///< pixels: how far the smoothness kernel reaches
  double gaussian_compat = 3;    ///< its weight; 0 leaves it out
  double bilateral_sxy = 80;     ///< pixels: how far the appearance kernel reaches
  double bilateral_srgb = 13;    ///< of 255: how different colors may be
  double bilateral_compat = 10;  ///< its weight; 0 leaves it out
  std::int64_t iterations = 10;  ///< of mean field; 0 gives softmax(-unary)
};

/// Mean-field marginals, float32 [L, h, w], of a Potts model with a Gaussian and a bilateral
/// kernel: Q <- softmax(-unary + sum over kernels of compat * K Q), where K_ij = n_i k(i, j) n_j,
/// k = exp(-|p - p'|^2 / 2 sxy^2 [- |I - I'|^2 / 2 srgb^2]) with k(i, i) = 1, and
/// n_i = 1 / sqrt(sum_j k(i, j)) (pydensecrf's NORMALIZE_SYMMETRIC). Kernels are applied on a
/// permutohedral lattice, in time linear in pixels and labels.
/// `unary` [L, h, w]: -log of each label's probability, L >= 1; `picture` uint8 [h, w, 3].
/// The result does not depend on the number of threads. Throws BadInput, InvalidArgument,
/// Numerical. Source: Kraehenbuehl, Koltun, Efficient Inference in Fully Connected CRFs with
/// Gaussian Edge Potentials, 2011; lucasb-eyer/pydensecrf for the defaults and the normalization.
Tensor dense_crf(const Tensor& unary, const Tensor& picture, const DenseCrfOptions& options = {});

/// -log of probabilities clipped to 1e-5 .. 1, as pydensecrf's unary_from_softmax.
Tensor crf_unary(const Tensor& probabilities);

/// Maps [L, h, w] of L classes as probabilities [1 + L, h, w] of background and classes:
/// A_c = max(0, H_c) / max H_c, background (1 - max_c A_c)^alpha. A map without positive values
/// gives A_c = 0. alpha above 0; the larger, the less background (4 to 32 are usual). Each pixel's
/// values need no sum of 1: the field normalizes them. Throws BadInput, InvalidArgument, Numerical.
Tensor class_probabilities(const Tensor& maps, double alpha = 4);

}  // namespace limn
