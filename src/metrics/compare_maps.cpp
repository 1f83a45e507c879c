// How alike two maps are: cosine, Spearman's rank correlation, largest difference, SSIM.
// SSIM as Wang et al. 2004: Gaussian window of 11 with sigma 1.5, K1 = .01, K2 = .03, range of both
// maps together, borders left out; maps under 11 pixels use one window over everything.
#include "limn/compare_maps.h"

#include <ATen/ops/conv2d.h>

#include "base/correlation.h"
#include "limn/error.h"

namespace limn {
namespace {

double ssim_of(const Tensor& a, const Tensor& b) {
  const double range = std::max(a.max().item<double>(), b.max().item<double>()) -
                       std::min(a.min().item<double>(), b.min().item<double>());
  if (range == 0) return 1;
  const double c1 = std::pow(.01 * range, 2), c2 = std::pow(.03 * range, 2);
  constexpr std::int64_t kWindow = 11;
  Tensor window;
  if (a.size(0) >= kWindow && a.size(1) >= kWindow) {
    const Tensor place = at::arange(kWindow, at::kDouble) - (kWindow - 1) / 2;
    const Tensor line = at::exp(-place.square() / (2 * 1.5 * 1.5));
    window = line.unsqueeze(1) * line.unsqueeze(0);
  } else {
    window = at::ones({a.size(0), a.size(1)}, at::kDouble);
  }
  window = (window / window.sum()).unsqueeze(0).unsqueeze(0);
  const auto mean = [&](const Tensor& map) {
    return at::conv2d(map.unsqueeze(0).unsqueeze(0), window);
  };
  const Tensor ma = mean(a), mb = mean(b);
  const Tensor va = mean(a * a) - ma * ma, vb = mean(b * b) - mb * mb, vab = mean(a * b) - ma * mb;
  return ((2 * ma * mb + c1) * (2 * vab + c2) / ((ma * ma + mb * mb + c1) * (va + vb + c2)))
      .mean()
      .item<double>();
}

/// Both in float64 on the CPU; throws where they cannot be compared.
std::pair<Tensor, Tensor> checked(const Tensor& first, const Tensor& second) {
  if (first.sizes() != second.sizes()) {
    fail(ErrorCode::BadInput, "the maps differ in shape: ", first.sizes(), " and ", second.sizes(),
         "; compare maps of the same picture");
  }
  if (first.numel() == 0) fail(ErrorCode::BadInput, "the maps are empty");
  const Tensor a = first.to(at::kCPU, at::kDouble).contiguous();
  const Tensor b = second.to(at::kCPU, at::kDouble).contiguous();
  if (!a.isfinite().all().item<bool>() || !b.isfinite().all().item<bool>()) {
    fail(ErrorCode::Numerical, "a map holds NaN or infinity; nothing can be compared");
  }
  return {a, b};
}

}  // namespace

MapComparison compare_maps(const Tensor& first, const Tensor& second) {
  const auto [a, b] = checked(first, second);
  MapComparison out;
  out.cosine = cosine(a, b);
  out.rank_correlation = rank_correlation(a, b);
  const Tensor difference = (a - b).abs();
  out.largest_difference = difference.max().item<double>();
  std::int64_t place = difference.argmax().item<std::int64_t>();
  for (std::int64_t axis = a.dim(); axis-- > 0;) {
    out.place.insert(out.place.begin(), place % a.size(axis));
    place /= a.size(axis);
  }
  const double largest = std::max(a.abs().max().item<double>(), b.abs().max().item<double>());
  out.relative_difference = largest > 0 ? out.largest_difference / largest : 0;
  // One window slides over each map of a stack; a vector counts as one row.
  const Tensor stack_a = a.dim() < 2 ? a.view({1, 1, -1}) : a.view({-1, a.size(-2), a.size(-1)});
  const Tensor stack_b = b.view(stack_a.sizes());
  for (std::int64_t i = 0; i < stack_a.size(0); ++i) out.ssim += ssim_of(stack_a[i], stack_b[i]);
  out.ssim /= static_cast<double>(stack_a.size(0));
  return out;
}

double positive_overlap(const Tensor& first, const Tensor& second) {
  const auto [a, b] = checked(first, second);
  const Tensor p = a.clamp_min(0), q = b.clamp_min(0);
  const double p_sum = p.sum().item<double>(), q_sum = q.sum().item<double>();
  if (p_sum == 0 || q_sum == 0) return 0;
  const Tensor x = p / p_sum, y = q / q_sum;
  return (at::minimum(x, y).sum() / at::maximum(x, y).sum()).item<double>();
}

}  // namespace limn
