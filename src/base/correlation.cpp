// See correlation.h.
#include "base/correlation.h"

#include <ATen/ATen.h>

namespace limn {
namespace {

/// Ranks from 1 within each row of [N, M]; ties share their mean. Sums are of whole numbers: exact
/// in any order.
Tensor ranks(const Tensor& rows) {
  const std::int64_t count = rows.size(0), length = rows.size(1);
  const auto [values, order] = rows.sort(1);
  // A run of equal values has one number, counted on from row to row.
  const Tensor starts = at::ones(values.sizes(), values.options().dtype(at::kLong));
  starts.slice(1, 1).copy_(values.slice(1, 1) != values.slice(1, 0, length - 1));
  const Tensor run = starts.flatten().cumsum(0) - 1;
  const Tensor place = at::arange(1, length + 1, values.options()).expand({count, length});
  const Tensor sum = at::zeros({count * length}, values.options());
  const Tensor size = at::zeros_like(sum);
  sum.scatter_add_(0, run, place.reshape({-1}));
  size.scatter_add_(0, run, at::ones_like(sum));
  const Tensor shared = (sum / size).index_select(0, run).view({count, length});
  return at::empty_like(values).scatter_(1, order, shared);
}

Tensor one_row(const Tensor& values) { return values.reshape({1, -1}); }

}  // namespace

Tensor cosines(const Tensor& a, const Tensor& b) {
  const Tensor aa = a.square().sum(1), bb = b.square().sum(1);
  const Tensor zero = (aa == 0).logical_or(bb == 0);
  return at::where(zero, (aa == bb).to(aa.scalar_type()), (a * b).sum(1) / (aa * bb).sqrt());
}

Tensor rank_correlations(const Tensor& a, const Tensor& b) {
  const Tensor first = ranks(a.to(at::kDouble));
  const Tensor second = ranks(b.to(first.options()));
  return cosines(first - first.mean(1, true), second - second.mean(1, true));
}

double rank_correlation(const Tensor& a, const Tensor& b) {
  return rank_correlations(one_row(a), one_row(b)).item<double>();
}

}  // namespace limn
