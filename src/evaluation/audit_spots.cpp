// Spots: where a map is strongest, whether that place or what stands there recurs over pictures,
// and how it is covered.
#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>
#include <functional>

#include "limn/audit.h"
#include "limn/error.h"
#include "limn/faithfulness.h"

namespace limn {
namespace {

/// Cells of a patch, and by how many one may be moved against another.
constexpr std::int64_t kPatch = 12, kReach = 2, kInner = kPatch - 2 * kReach;

/// Sums over all windows [h, w] of a float64 map.
Tensor window_sums(const Tensor& map, std::int64_t h, std::int64_t w) {
  const Tensor sums = at::constant_pad_nd(map.cumsum(0).cumsum(1), {1, 0, 1, 0});
  const std::int64_t down = map.size(0) - h + 1, across = map.size(1) - w + 1;
  const auto part = [&](std::int64_t y, std::int64_t x) {
    return sums.narrow(0, y, down).narrow(1, x, across);
  };
  return part(h, w) - part(0, w) - part(h, 0) + part(0, 0);
}

/// The mask and what lies within `reach` of it.
Tensor grown(const Tensor& mask, std::int64_t reach) {
  if (reach == 0) return mask;
  const Tensor wide = at::max_pool2d(mask.to(at::kFloat).unsqueeze(0).unsqueeze(0),
                                     {2 * reach + 1, 2 * reach + 1}, {1, 1}, {reach, reach});
  return wide[0][0].gt(0);
}

/// Rows of length 1 around their mean; 0 where a row is constant.
Tensor normalized(const Tensor& rows) {
  const Tensor centered = rows - rows.mean(1, true);
  const Tensor size = centered.norm(2, 1, true);
  return centered / size.clamp_min(1e-12);
}

AuditRecurrence largest_group(std::size_t count,
                              const std::function<bool(std::size_t, std::size_t)>& agree) {
  AuditRecurrence best;
  for (std::size_t i = 0; i < count; ++i) {
    std::vector<std::size_t> members;
    for (std::size_t k = 0; k < count; ++k) {
      if (i == k || agree(i, k)) members.push_back(k);
    }
    if (members.size() <= best.members.size()) continue;
    best = {std::move(members), 0, i};
  }
  if (count > 0) best.share = static_cast<double>(best.members.size()) / static_cast<double>(count);
  return best;
}

}  // namespace

std::optional<AuditSpot> strongest_spot(const Tensor& map, const Tensor& object, double area) {
  if (map.dim() != 2 || map.numel() == 0 || !(area > 0 && area <= 1)) {
    fail(ErrorCode::InvalidArgument,
         "a spot is looked for in a map [H, W] and takes a share of it ", "in (0, 1], not in ",
         map.sizes(), " and ", area);
  }
  const Tensor positive = map.to(at::kCPU, at::kDouble).clamp_min(0);
  const double total = positive.sum().item<double>();
  if (!(total > 0) || !std::isfinite(total)) return std::nullopt;
  AuditSpot spot;
  const auto side = [&](std::int64_t whole) {
    return std::clamp<std::int64_t>(std::llround(static_cast<double>(whole) * std::sqrt(area)), 1,
                                    whole);
  };
  spot.height = side(map.size(0));
  spot.width = side(map.size(1));
  const Tensor sums = window_sums(positive, spot.height, spot.width);
  // Sums of equal windows differ by rounding.
  const Tensor best = sums.ge(sums.max() - 1e-12 * total).flatten().nonzero();
  const auto first = best[0][0].item<std::int64_t>();
  spot.top = first / sums.size(1);
  spot.left = first % sums.size(1);
  const auto window = [&](const Tensor& of) {
    return of.narrow(0, spot.top, spot.height).narrow(1, spot.left, spot.width);
  };
  const double inside = window(positive).sum().item<double>();
  spot.share = inside / total;
  spot.y = (static_cast<double>(spot.top) + static_cast<double>(spot.height) / 2) /
           static_cast<double>(map.size(0));
  spot.x = (static_cast<double>(spot.left) + static_cast<double>(spot.width) / 2) /
           static_cast<double>(map.size(1));
  if (object.defined() && object.any().item<bool>()) {
    const auto reach =
        std::llround(kMargin * static_cast<double>(std::min(map.size(0), map.size(1))));
    const Tensor on = window(grown(object.to(at::kCPU), reach));
    spot.off = 1 - window(positive).masked_select(on).sum().item<double>() / inside;
  }
  return spot;
}

AuditRecurrence recurring_place(const std::vector<AuditSpot>& spots, double tolerance) {
  const auto folded = [](double at) { return std::min(at, 1 - at); };
  return largest_group(spots.size(), [&](std::size_t i, std::size_t k) {
    return std::abs(folded(spots[i].x) - folded(spots[k].x)) <= tolerance &&
           std::abs(folded(spots[i].y) - folded(spots[k].y)) <= tolerance;
  });
}

AuditRecurrence recurring_look(const Tensor& patches, double least) {
  if (patches.dim() != 4 || patches.size(2) != kPatch || patches.size(3) != kPatch) {
    fail(ErrorCode::InvalidArgument, "patches are [n, C, ", kPatch, ", ", kPatch, "], not ",
         patches.sizes());
  }
  const Tensor all = patches.to(at::kCPU, at::kDouble);
  const auto part = [&](std::int64_t y, std::int64_t x) {
    return normalized(all.narrow(2, y, kInner).narrow(3, x, kInner).flatten(1));
  };
  const Tensor fixed = part(kReach, kReach);
  Tensor alike = at::full({all.size(0), all.size(0)}, -1, at::kDouble);
  for (std::int64_t y = 0; y <= 2 * kReach; ++y) {
    for (std::int64_t x = 0; x <= 2 * kReach; ++x) {
      alike = at::maximum(alike, fixed.matmul(part(y, x).t()));
    }
  }
  // Either of two patches may be the one that is moved.
  const Tensor agree = at::maximum(alike, alike.t()).ge(least).contiguous();
  const auto* pairs = agree.data_ptr<bool>();
  const auto count = static_cast<std::size_t>(all.size(0));
  return largest_group(count, [&](std::size_t i, std::size_t k) { return pairs[i * count + k]; });
}

Tensor spot_patch(const Tensor& x, const Tensor& map, const AuditSpot& spot) {
  const Tensor strength = map.to(at::kCPU, at::kDouble)
                              .narrow(0, spot.top, spot.height)
                              .narrow(1, spot.left, spot.width)
                              .clamp_min(0);
  const Tensor total = strength.sum();
  const auto place = [&](std::int64_t axis, std::int64_t window, std::int64_t first,
                         std::int64_t whole, std::int64_t side) {
    const Tensor middle =
        (strength.sum(1 - axis) * (at::arange(window, at::kDouble) + 0.5)).sum() / total;
    const double from =
        static_cast<double>(first) + middle.item<double>() - static_cast<double>(side) / 2;
    return std::clamp<std::int64_t>(std::llround(from), 0, whole - side);
  };
  const std::int64_t h = std::max<std::int64_t>(1, spot.height / 2);
  const std::int64_t w = std::max<std::int64_t>(1, spot.width / 2);
  const std::int64_t top = place(0, spot.height, spot.top, x.size(2), h);
  const std::int64_t left = place(1, spot.width, spot.left, x.size(3), w);
  const Tensor patch = x.narrow(0, 0, 1).narrow(2, top, h).narrow(3, left, w);
  return at::upsample_bilinear2d(patch.to(at::kCPU, at::kDouble).contiguous(), {kPatch, kPatch},
                                 false)[0];
}

Tensor cover_window(const Tensor& x, std::int64_t top, std::int64_t left, std::int64_t height,
                    std::int64_t width) {
  Tensor keep = at::ones({x.size(2), x.size(3)}, at::kBool);
  keep.narrow(0, top, height).narrow(1, left, width).fill_(false);
  return impute_linear(x[0], keep).unsqueeze(0).to(x.options());
}

}  // namespace limn
