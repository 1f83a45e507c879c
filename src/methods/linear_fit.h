// Weighted least squares over rows that come in batches and are not kept: only their products are.
#pragma once
#include "limn/tensor.h"

namespace limn {

/// Sums over rows r [u, K] with weights w [u] and values y [T, u], all float64 on the CPU.
struct FitSums {
  Tensor gram;      ///< [K, K]: sum of w r r'
  Tensor products;  ///< [K, T]: sum of w r y
  double weight = 0;

  void add(const Tensor& rows, const Tensor& weights, const Tensor& values);
  /// Adds `scale` times the other's.
  void add(const FitSums& other, double scale);
};

/// Minimizes sum of w (y - r b)^2 + b' penalty b.
class LinearFit {
 public:
  /// Throws Numerical, with `advice`, where the sums do not determine b.
  LinearFit(const FitSums& sums, const Tensor& penalty, const char* advice);

  const Tensor& coefficients() const { return coefficients_; }  ///< [K, T]

  /// Shows the rows again, with the weights they have in the sums, for what follows.
  void review(const Tensor& rows, const Tensor& weights, const Tensor& values);
  /// [K, T]: how far the coefficients move with other rows drawn in the place of those reviewed;
  /// `left` is the share of rows that were not drawn. From each row's influence, its residual over
  /// 1 - leverage (the sandwich estimator HC3).
  Tensor standard_error(double left = 1) const;
  /// [T]: the share of the weighted variance of y that the fit explains; needs a column of ones.
  Tensor r_squared() const;

 private:
  Tensor inverse_, coefficients_;
  double count_ = 0, u_ = 0, uu_ = 0;
  Tensor ug_, uug_, uugg_;  ///< [T, K]
  Tensor uee_, uy_, uyy_;   ///< [T]
};

}  // namespace limn
