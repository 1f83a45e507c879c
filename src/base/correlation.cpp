// See correlation.h.
#include "base/correlation.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <vector>

namespace limn {
namespace {

/// Ranks from 1; ties share their mean.
Tensor ranks(const Tensor& of) {
  const Tensor values = of.to(at::kCPU, at::kDouble).contiguous();
  const auto* v = values.data_ptr<double>();
  const auto count = static_cast<std::size_t>(values.numel());
  std::vector<std::size_t> order(count);
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return v[a] < v[b]; });
  Tensor out = at::empty({values.numel()}, at::kDouble);
  auto* rank = out.data_ptr<double>();
  for (std::size_t i = 0; i < count;) {
    std::size_t end = i + 1;
    while (end < count && v[order[end]] == v[order[i]]) ++end;
    const double shared = (static_cast<double>(i) + static_cast<double>(end) + 1) / 2;
    for (; i < end; ++i) rank[order[i]] = shared;
  }
  return out;
}

}  // namespace

double cosine(const Tensor& a, const Tensor& b) {
  const double aa = a.square().sum().item<double>(), bb = b.square().sum().item<double>();
  if (aa == 0 || bb == 0) return aa == bb ? 1 : 0;
  return (a * b).sum().item<double>() / std::sqrt(aa * bb);
}

double rank_correlation(const Tensor& a, const Tensor& b) {
  const Tensor first = ranks(a), second = ranks(b);
  return cosine(first - first.mean(), second - second.mean());
}

}  // namespace limn
