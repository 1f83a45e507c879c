// Spearman's rank correlation, and the cosine.
#pragma once
#include "limn/tensor.h"

namespace limn {

/// Of all values of two tensors with equally many, -1..1; ties share their mean rank. Where one is
/// constant: 1 if both are, else 0.
double rank_correlation(const Tensor& a, const Tensor& b);
/// The same of each row of two [N, M], float64 [N] on the device of `a`.
Tensor rank_correlations(const Tensor& a, const Tensor& b);

/// a . b / (|a| |b|) of each row of two float64 [N, M] on one device, [N]; where one is zero: 1 if
/// both are, else 0.
Tensor cosines(const Tensor& a, const Tensor& b);

}  // namespace limn
