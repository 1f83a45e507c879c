// How alike two maps are: cosine, Spearman's rank correlation, largest difference, SSIM.
// SSIM as Wang et al. 2004: Gaussian window of 11 with sigma 1.5, K1 = .01, K2 = .03, range of both
// maps together, borders left out; maps under 11 pixels use one window over everything.
#include "limn/compare_maps.h"

#include <ATen/ATen.h>

#include <algorithm>

#include "base/correlation.h"
#include "image/separable.h"
#include "limn/error.h"

namespace limn {
namespace {

/// Of maps [N, h, w], [N].
Tensor ssims(const Tensor& a, const Tensor& b) {
  // A convolution takes the memory of many of its input.
  constexpr std::int64_t kMostPixels = 1 << 22;
  if (a.size(0) > 1 && a.numel() > kMostPixels) {
    const std::int64_t half = a.size(0) / 2;
    return at::cat({ssims(a.slice(0, 0, half), b.slice(0, 0, half)),
                    ssims(a.slice(0, half), b.slice(0, half))});
  }
  const Tensor range =
      (at::maximum(a.amax({1, 2}), b.amax({1, 2})) - at::minimum(a.amin({1, 2}), b.amin({1, 2})))
          .view({-1, 1, 1, 1});
  const Tensor c1 = (.01 * range).square(), c2 = (.03 * range).square();
  constexpr std::int64_t kReach = 5;
  const bool small = std::min(a.size(1), a.size(2)) < 2 * kReach + 1;
  const std::vector<double> taps = gaussian_taps(kReach, 1.5);
  const auto mean = [&](const Tensor& maps) {
    return small ? maps.mean({1, 2}, true).unsqueeze(1)
                 : filter_separable(maps.unsqueeze(1), taps, taps);
  };
  const Tensor ma = mean(a), mb = mean(b);
  const Tensor va = mean(a * a) - ma * ma, vb = mean(b * b) - mb * mb, vab = mean(a * b) - ma * mb;
  const Tensor all =
      (2 * ma * mb + c1) * (2 * vab + c2) / ((ma * ma + mb * mb + c1) * (va + vb + c2));
  return at::where(range.flatten() == 0, at::ones_like(range.flatten()), all.mean({1, 2, 3}));
}

/// Both in float64 on the device of the first; throws where they cannot be compared.
std::pair<Tensor, Tensor> checked(const Tensor& first, const Tensor& second) {
  if (first.sizes() != second.sizes()) {
    fail(ErrorCode::BadInput, "the maps differ in shape: ", first.sizes(), " and ", second.sizes(),
         "; compare maps of the same picture");
  }
  if (first.numel() == 0) fail(ErrorCode::BadInput, "the maps are empty");
  const Tensor a = first.to(at::kDouble).contiguous();
  const Tensor b = second.to(a.options()).contiguous();
  if (!a.isfinite().all().item<bool>() || !b.isfinite().all().item<bool>()) {
    fail(ErrorCode::Numerical, "a map holds NaN or infinity; nothing can be compared");
  }
  return {a, b};
}

std::pair<Tensor, Tensor> checked_batch(const Tensor& first, const Tensor& second) {
  if (first.dim() != 3) fail(ErrorCode::BadInput, "maps are [N, h, w], not ", first.sizes());
  return checked(first, second);
}

/// All but `ssim`, of rows [N, M].
batched::MapComparison compare_rows(const Tensor& a, const Tensor& b) {
  const auto [largest, place] = (a - b).abs().max(1);
  const Tensor size = at::maximum(a.abs().amax(1), b.abs().amax(1));
  return {.cosine = cosines(a, b),
          .rank_correlation = rank_correlations(a, b),
          .largest_difference = largest,
          .relative_difference = at::where(size > 0, largest / size, at::zeros_like(size)),
          .ssim = {},
          .place = place};
}

/// Of rows [N, M], [N].
Tensor overlaps(const Tensor& a, const Tensor& b) {
  const Tensor p = a.clamp_min(0), q = b.clamp_min(0);
  const Tensor p_sum = p.sum(1, true), q_sum = q.sum(1, true);
  const Tensor x = p / p_sum, y = q / q_sum;
  const Tensor share = at::minimum(x, y).sum(1) / at::maximum(x, y).sum(1);
  return at::where((p_sum == 0).logical_or(q_sum == 0).squeeze(1), at::zeros_like(share), share);
}

}  // namespace

batched::MapComparison batched::compare_maps(const Tensor& first, const Tensor& second) {
  const auto [a, b] = checked_batch(first, second);
  MapComparison out = compare_rows(a.flatten(1), b.flatten(1));
  out.ssim = ssims(a, b);
  return out;
}

MapComparison compare_maps(const Tensor& first, const Tensor& second) {
  const auto [a, b] = checked(first, second);
  const auto rows = compare_rows(a.view({1, -1}), b.view({1, -1}));
  MapComparison out;
  out.cosine = rows.cosine.item<double>();
  out.rank_correlation = rows.rank_correlation.item<double>();
  out.largest_difference = rows.largest_difference.item<double>();
  out.relative_difference = rows.relative_difference.item<double>();
  auto place = rows.place.item<std::int64_t>();
  for (std::int64_t axis = a.dim(); axis-- > 0;) {
    out.place.insert(out.place.begin(), place % a.size(axis));
    place /= a.size(axis);
  }
  // One window slides over each map of a stack; a vector counts as one row.
  const Tensor stack_a = a.dim() < 2 ? a.view({1, 1, -1}) : a.view({-1, a.size(-2), a.size(-1)});
  out.ssim = ssims(stack_a, b.view(stack_a.sizes())).mean().item<double>();
  return out;
}

Tensor batched::positive_overlap(const Tensor& first, const Tensor& second) {
  const auto [a, b] = checked_batch(first, second);
  return overlaps(a.flatten(1), b.flatten(1));
}

double positive_overlap(const Tensor& first, const Tensor& second) {
  const auto [a, b] = checked(first, second);
  return overlaps(a.view({1, -1}), b.view({1, -1})).item<double>();
}

}  // namespace limn
