// t-SNE, exact: the distances' Gaussian neighborhoods, whose widths give the wanted perplexity, are
// matched by Student-t neighborhoods in the plane through gradient descent with momentum and gains.
// Source: van der Maaten, Hinton, "Visualizing Data using t-SNE", 2008.
#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>

#include "limn/error.h"
#include "limn/spray.h"
#include "methods/noise.h"

namespace limn {
namespace {

constexpr int kRounds = 500, kEarly = 150;
constexpr double kExaggeration = 12;

/// The row's probabilities for exp(-d^2 * precision), found by bisection on the precision.
void fill_row(const double* distance, double* p, std::int64_t count, std::int64_t own,
              double perplexity) {
  double low = 0, high = HUGE_VAL, precision = 1, nearest = HUGE_VAL;
  for (std::int64_t j = 0; j < count; ++j) {
    if (j != own) nearest = std::min(nearest, distance[j] * distance[j]);
  }
  for (int round = 0; round < 64; ++round) {
    double sum = 0, weighted = 0;
    for (std::int64_t j = 0; j < count; ++j) {
      const double away = distance[j] * distance[j] - nearest;
      p[j] = j == own ? 0 : std::exp(-away * precision);
      sum += p[j];
      weighted += away * p[j];
    }
    for (std::int64_t j = 0; j < count; ++j) p[j] /= sum;
    const double entropy = std::log(sum) + precision * weighted / sum;
    if (std::abs(entropy - std::log(perplexity)) < 1e-6) return;
    if (entropy > std::log(perplexity)) {
      low = precision;
      precision = high == HUGE_VAL ? precision * 2 : (precision + high) / 2;
    } else {
      high = precision;
      precision = (precision + low) / 2;
    }
  }
}

/// P, symmetric, of sum 1.
Tensor joint_probabilities(const Tensor& distances, double perplexity) {
  const std::int64_t count = distances.size(0);
  // The scale of the distances must not matter for the search.
  const double scale = distances.max().item<double>();
  const Tensor scaled = (scale > 0 ? distances / scale : distances).contiguous();
  Tensor p = at::zeros({count, count}, at::kDouble);
  for (std::int64_t i = 0; i < count; ++i) {
    fill_row(scaled.data_ptr<double>() + i * count, p.data_ptr<double>() + i * count, count, i,
             perplexity);
  }
  return (p + p.t()) / (2 * static_cast<double>(count));
}

}  // namespace

Tensor tsne(const Tensor& distances, std::uint64_t seed, double perplexity) {
  const std::int64_t count = distances.dim() == 2 ? distances.size(0) : 0;
  if (count < 3 || count > kMostTsne || distances.size(1) != count || !(perplexity >= 1)) {
    fail(ErrorCode::InvalidArgument, "t-SNE takes the distances [n, n] of 3 to ", kMostTsne,
         " points and a perplexity of at least 1, not ", distances.sizes(), " and ", perplexity);
  }
  const double fitting = std::max(1.0, std::min(perplexity, (static_cast<double>(count) - 1) / 3));
  const Tensor p = joint_probabilities(distances.to(at::kCPU, at::kDouble), fitting);
  const double rate = std::max(static_cast<double>(count) / kExaggeration / 4, 50.0);
  Tensor y = normal_noise(seed, {count, 2}) * 1e-4;
  Tensor step = at::zeros_like(y), gains = at::ones_like(y);
  for (int round = 0; round < kRounds; ++round) {
    const bool early = round < kEarly;
    const Tensor squares = y.square().sum(1, true);
    Tensor near =
        (squares + squares.t() - 2 * at::mm(y, y.t())).clamp_min_(0).add_(1).reciprocal_();
    near.fill_diagonal_(0);
    const Tensor pull = (p * (early ? kExaggeration : 1) - near / near.sum()).mul_(near);
    const Tensor gradient = 4 * (pull.sum(1, true) * y - at::mm(pull, y));
    gains = at::where((gradient * step) < 0, gains + 0.2, gains * 0.8).clamp_min_(0.01);
    step = step * (early ? 0.5 : 0.8) - rate * gains * gradient;
    y = y + step;
    y = y - y.mean(0, true);
  }
  return y;
}

}  // namespace limn
