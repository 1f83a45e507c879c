// See mask_terms.h.
#include "methods/mask_terms.h"

namespace limn {

Tensor sharp_masks(const std::vector<double>& areas, std::int64_t pixels,
                   const at::TensorOptions& like) {
  const Tensor sharp = at::ones({static_cast<std::int64_t>(areas.size()), pixels}, like);
  for (std::size_t a = 0; a < areas.size(); ++a) {
    const auto zeros = static_cast<std::int64_t>(static_cast<double>(pixels) * (1 - areas[a]));
    sharp[static_cast<std::int64_t>(a)].narrow(0, 0, zeros).zero_();
  }
  return sharp;
}

Term area_term(const Tensor& masks, const Tensor& sharp, double weight) {
  // Not the stable sort: which of many equal values count as high is as in the authors' code.
  const Tensor order = std::get<1>(at::sort(masks, 1, false));
  const Tensor apart = masks - at::zeros_like(masks).scatter_(1, order, sharp);
  return {-weight * apart.square().mean(1),
          -2 * weight / static_cast<double>(masks.size(1)) * apart};
}

Term total_variation(const Tensor& mask, double beta) {
  Term out{at::zeros({}, mask.options()), at::zeros_like(mask)};
  for (const std::int64_t axis : {0, 1}) {
    const std::int64_t pairs = mask.size(axis) - 1;
    const Tensor step = mask.narrow(axis, 1, pairs) - mask.narrow(axis, 0, pairs);
    out.value += step.abs().pow(beta).sum();
    const Tensor slope = beta * step.abs().pow(beta - 1) * step.sign();
    out.gradient.narrow(axis, 1, pairs) += slope;
    out.gradient.narrow(axis, 0, pairs) -= slope;
  }
  return out;
}

Tensor growth(std::int64_t size, std::int64_t cell, const at::TensorOptions& like) {
  const std::int64_t cells = (size + cell - 1) / cell;
  const double pitch = static_cast<double>(size) / static_cast<double>(cells);
  const Tensor centers = (at::arange(cells, at::kDouble) + 0.5) * pitch - 0.5;
  const Tensor apart = at::arange(size, at::kDouble).unsqueeze(1) - centers.unsqueeze(0);
  return at::softmax(-(apart / (0.625 * pitch)).square() / 2, 1).to(like);
}

}  // namespace limn
