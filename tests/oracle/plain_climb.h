// What the plain loops of activation maximization share: a linear model of small pictures and Adam.
#pragma once
#include <cmath>

#include "support/linear_pictures.h"

namespace limn::testing::climb {

constexpr std::int64_t kChannels = 3, kHeight = 4, kWidth = 5, kCount = 60;

/// [units, kCount].
inline Tensor weights(std::int64_t units, double size = 1) {
  at::manual_seed(units);
  // As the model holds them.
  return (at::randn({units, kCount}) * size).to(at::kFloat).to(at::kDouble);
}

/// Pictures of 3 x 4 x 5 to w times their pixels.
inline Model linear(const Tensor& w) { return linear_scores(w, {kChannels, kHeight, kWidth}); }

/// Adam's next step, number t from 1, for one parameter.
struct PlainAdam {
  double m = 0, v = 0;
  double step(double gradient, std::int64_t t, double rate) {
    m = 0.9 * m + 0.1 * gradient;
    v = 0.999 * v + 0.001 * gradient * gradient;
    const auto n = static_cast<double>(t);
    return rate * m / (1 - std::pow(0.9, n)) / (std::sqrt(v / (1 - std::pow(0.999, n))) + 1e-8);
  }
};

/// The largest difference.
inline double apart(const Tensor& a, const Tensor& b) {
  return (a.to(at::kDouble) - b.to(at::kDouble)).abs().max().item<double>();
}

}  // namespace limn::testing::climb
