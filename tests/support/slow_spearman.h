// Spearman's rank correlation by counting, for tests.
#pragma once
#include <ATen/ATen.h>

#include <cmath>
#include <vector>

namespace limn::testing {

/// Of all values of two tensors; ties share their mean rank. Where one is constant: 1 if both are,
/// else 0.
inline double slow_spearman(const at::Tensor& a, const at::Tensor& b) {
  const auto ranks = [](const at::Tensor& of) {
    const at::Tensor flat = of.to(at::kDouble).flatten().contiguous();
    const auto* v = flat.data_ptr<double>();
    std::vector<double> out;
    for (std::int64_t i = 0; i < flat.numel(); ++i) {
      double below = 0, same = 0;
      for (std::int64_t j = 0; j < flat.numel(); ++j) {
        below += v[j] < v[i];
        same += v[j] == v[i];
      }
      out.push_back(below + (same + 1) / 2);
    }
    return out;
  };
  const auto x = ranks(a), y = ranks(b);
  const double middle = (static_cast<double>(x.size()) + 1) / 2;
  double xy = 0, xx = 0, yy = 0;
  for (std::size_t i = 0; i < x.size(); ++i) {
    xy += (x[i] - middle) * (y[i] - middle);
    xx += (x[i] - middle) * (x[i] - middle);
    yy += (y[i] - middle) * (y[i] - middle);
  }
  return xx == 0 || yy == 0 ? (xx == yy ? 1 : 0) : xy / std::sqrt(xx * yy);
}

}  // namespace limn::testing
