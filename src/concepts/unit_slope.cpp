// See unit_slope.h.
#include "concepts/unit_slope.h"

#include <ATen/ATen.h>

#include "limn/error.h"

namespace limn {
namespace {

/// [N] bool: nothing but zeros.
Tensor is_zero(const Tensor& each) { return each.flatten(1).ne(0).any(1).logical_not(); }

}  // namespace

std::int64_t channel_count(const Tensor& value, const std::string& name) {
  if (value.dim() == 4 || value.dim() == 2) return value.size(1);
  if (value.dim() == 3) return value.size(2);
  fail(
      ErrorCode::Unsupported, "value \"", name, "\" has shape ", value.sizes(),
      ", and units are channels of [N, C, h, w], [N, T, C] or [N, C]; name another (`limn inspect` "
      "lists the values)");
}

Tensor unit_weights(const Tensor& value, const std::vector<std::int64_t>& channels,
                    const std::string& place) {
  Tensor weights = at::zeros_like(value);
  for (std::size_t n = 0; n < channels.size(); ++n) {
    const Tensor sample = weights[static_cast<std::int64_t>(n)];
    const std::int64_t axis = value.dim() == 3 ? 1 : 0;
    Tensor unit = sample.select(axis, channels[n]);
    if (place == "center" && value.dim() == 4) {
      unit = unit.select(0, unit.size(0) / 2).select(0, unit.size(1) / 2);
    }
    unit.fill_(1.0 / static_cast<double>(unit.numel()));
  }
  return weights;
}

UnitSlope unit_slope(const InnerValue& value, const Tensor& x,
                     const std::vector<std::int64_t>& channels, const std::string& place,
                     bool opens) {
  const InnerPass pass = value.run(x);
  const Tensor weights = unit_weights(pass.value, channels, place);
  UnitSlope out;
  out.activation = (pass.value.to(at::kDouble) * weights).flatten(1).sum(1).cpu();
  out.gradient = value.gradient(pass, weights);
  const Tensor closed = is_zero(out.gradient);
  out.opened = at::zeros({x.size(0)}, at::kBool);
  out.flat = closed.cpu();
  if (!opens || !out.flat.any().item<bool>()) return out;
  const Tensor open = value.gradient(pass, weights, true);
  out.gradient = at::where(closed.view({-1, 1, 1, 1}), open, out.gradient);
  out.opened = out.flat.logical_and(is_zero(open).cpu().logical_not());
  out.flat = out.flat.logical_and(out.opened.logical_not());
  return out;
}

}  // namespace limn
