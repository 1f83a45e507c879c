// Mean field in a fully connected conditional random field, its kernels on permutohedral lattices.
// See limn/dense_crf.h.
#include "limn/dense_crf.h"

#include <ATen/ATen.h>

#include <cmath>

#include "limn/error.h"
#include "metrics/permutohedral.h"

namespace limn {
namespace {

constexpr double kLargest = 1e6;

/// Column and row of each pixel over sxy, and with srgb > 0 its colors over srgb: [h * w, 2 or 5].
Tensor features(const Tensor& picture, double sxy, double srgb) {
  const std::int64_t height = picture.size(0), width = picture.size(1);
  const Tensor x = at::arange(width, at::kDouble).view({1, width, 1}) / sxy;
  const Tensor y = at::arange(height, at::kDouble).view({height, 1, 1}) / sxy;
  Tensors parts = {x.expand({height, width, 1}), y.expand({height, width, 1})};
  if (srgb > 0) parts.push_back(picture.to(at::kCPU, at::kDouble) / srgb);
  return at::cat(parts, 2).view({height * width, -1});
}

/// compat * K with K = n k n, n = 1 / sqrt(k 1).
class Kernel {
 public:
  Kernel(const Tensor& features, double compat) : lattice_(features), compat_(compat) {
    const Tensor reach = lattice_.filter(at::ones({features.size(0), 1}));
    norm_ = (reach + 1e-20).rsqrt();
  }
  Tensor apply(const Tensor& marginals) const {
    return compat_ * norm_ * lattice_.filter(norm_ * marginals);
  }

 private:
  Permutohedral lattice_;
  double compat_;
  Tensor norm_;
};

void check(const Tensor& unary, const Tensor& picture, const DenseCrfOptions& o) {
  if (unary.dim() != 3 || unary.numel() == 0) {
    fail(ErrorCode::BadInput, "the unary term is [labels, h, w], not ", unary.sizes());
  }
  if (picture.dim() != 3 || picture.scalar_type() != at::kByte || picture.size(2) != 3 ||
      picture.size(0) != unary.size(1) || picture.size(1) != unary.size(2)) {
    fail(ErrorCode::BadInput, "the picture is ", picture.scalar_type(), " ", picture.sizes(),
         "; the unary term of ", unary.sizes(), " needs uint8 [", unary.size(1), ", ",
         unary.size(2), ", 3]");
  }
  if (!unary.isfinite().all().item<bool>()) {
    fail(ErrorCode::Numerical, "the unary term holds NaN or infinity; clip probabilities above 0");
  }
  for (const double scale : {o.gaussian_sxy, o.bilateral_sxy, o.bilateral_srgb}) {
    if (!(scale >= 1e-2 && scale < kLargest)) {
      fail(ErrorCode::InvalidArgument, "sxy and srgb must lie between 0.01 and ", kLargest,
           ", not ", scale);
    }
  }
  for (const double compat : {o.gaussian_compat, o.bilateral_compat}) {
    if (!(compat >= 0 && compat < kLargest)) {
      fail(ErrorCode::InvalidArgument, "compat must be at least 0 and below ", kLargest, ", not ",
           compat);
    }
  }
  if (o.iterations < 0) {
    fail(ErrorCode::InvalidArgument, "iterations=", o.iterations, "; give 0 or more");
  }
}

}  // namespace

Tensor dense_crf(const Tensor& unary, const Tensor& picture, const DenseCrfOptions& options) {
  check(unary, picture, options);
  const std::int64_t labels = unary.size(0);
  // One row a pixel: [h * w, labels].
  const Tensor data = -unary.to(at::kCPU, at::kFloat).reshape({labels, -1}).t().contiguous();
  std::vector<Kernel> kernels;
  if (options.iterations > 0 && options.gaussian_compat > 0) {
    kernels.emplace_back(features(picture, options.gaussian_sxy, 0), options.gaussian_compat);
  }
  if (options.iterations > 0 && options.bilateral_compat > 0) {
    kernels.emplace_back(features(picture, options.bilateral_sxy, options.bilateral_srgb),
                         options.bilateral_compat);
  }
  Tensor marginals = data.softmax(1);
  for (std::int64_t i = 0; i < options.iterations; ++i) {
    Tensor energy = data.clone();
    for (const auto& kernel : kernels) energy += kernel.apply(marginals);
    marginals = energy.softmax(1);
  }
  return marginals.t().reshape({labels, unary.size(1), unary.size(2)}).contiguous();
}

Tensor crf_unary(const Tensor& probabilities) {
  return -probabilities.to(at::kCPU, at::kFloat).clamp(1e-5, 1).log();
}

Tensor class_probabilities(const Tensor& maps, double alpha) {
  if (maps.dim() != 3 || maps.numel() == 0) {
    fail(ErrorCode::BadInput, "maps are [classes, h, w], not ", maps.sizes());
  }
  if (!(alpha > 0 && std::isfinite(alpha))) {
    fail(ErrorCode::InvalidArgument, "alpha=", alpha, "; give a number above 0, such as 4");
  }
  const Tensor positive = maps.to(at::kCPU, at::kDouble).clamp_min(0);
  if (!positive.isfinite().all().item<bool>()) {
    fail(ErrorCode::Numerical, "a map holds NaN or infinity");
  }
  const Tensor largest = positive.amax({1, 2}, true);
  const Tensor share = positive / at::where(largest > 0, largest, at::ones_like(largest));
  const Tensor background = (1 - share.amax(0, true)).pow(alpha);
  return at::cat({background, share}).to(at::kFloat);
}

}  // namespace limn
