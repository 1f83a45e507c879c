// See linear_fit.h.
#include "methods/linear_fit.h"

#include "limn/error.h"

namespace limn {
namespace {

/// A row that alone decides a direction has leverage 1, and its residual says nothing.
constexpr double kLeastFreedom = 0.05;

void accumulate(Tensor& sum, const Tensor& more) { sum = sum.defined() ? sum + more : more; }

}  // namespace

void FitSums::add(const Tensor& rows, const Tensor& weights, const Tensor& values) {
  const Tensor weighted = rows * weights.unsqueeze(1);
  accumulate(gram, at::mm(rows.t(), weighted));
  accumulate(products, at::mm(weighted.t(), values.t()));
  weight += weights.sum().item<double>();
}

void FitSums::add(const FitSums& other, double scale) {
  if (!other.gram.defined()) return;
  accumulate(gram, other.gram * scale);
  accumulate(products, other.products * scale);
  weight += other.weight * scale;
}

LinearFit::LinearFit(const FitSums& sums, const Tensor& penalty, const char* advice) {
  const auto [root, failed] = at::linalg_cholesky_ex(sums.gram + penalty);
  if (failed.item<int>() != 0) {
    fail(ErrorCode::Numerical, "the coalitions do not determine every segment's value; ", advice);
  }
  inverse_ = at::cholesky_inverse(root);
  coefficients_ = at::cholesky_solve(sums.products, root);
  if (!at::isfinite(coefficients_).all().item<bool>()) {
    fail(ErrorCode::Numerical,
         "the score of a picture with parts hidden is NaN or infinity; take "
         "another baseline");
  }
}

void LinearFit::review(const Tensor& rows, const Tensor& weights, const Tensor& values) {
  const Tensor influence = at::mm(rows, inverse_);  // [u, K]
  const Tensor residuals = values - at::mm(rows, coefficients_).t();
  const Tensor freedom = 1 - weights * (influence * rows).sum(1);
  const Tensor e = residuals / freedom.clamp_min(kLeastFreedom);
  const Tensor squares = weights.square();
  accumulate(ug_, at::mm(e * weights, influence));
  accumulate(uug_, at::mm(e * squares, influence));
  accumulate(uugg_, at::mm(e.square() * squares, influence.square()));
  accumulate(uee_, at::mv(residuals.square(), weights));
  accumulate(uy_, at::mv(values, weights));
  accumulate(uyy_, at::mv(values.square(), weights));
  count_ += static_cast<double>(rows.size(0));
  u_ += weights.sum().item<double>();
  uu_ += squares.sum().item<double>();
}

Tensor LinearFit::standard_error(double left) const {
  if (count_ < 2) return at::zeros_like(coefficients_);
  const Tensor mean = ug_ / u_;
  const Tensor squares = uugg_ - 2 * mean * uug_ + mean.square() * uu_;
  return (squares.clamp_min(0) * (left * count_ / (count_ - 1))).sqrt().t();
}

Tensor LinearFit::r_squared() const {
  const Tensor variance = (uyy_ - uy_.square() / u_).clamp_min(0);
  // A constant score is explained in full.
  const Tensor constant = variance <= 1e-24 * uyy_;
  return at::where(constant, at::ones_like(variance), 1 - uee_ / variance.masked_fill(constant, 1));
}

}  // namespace limn
