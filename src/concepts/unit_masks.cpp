// Where a unit fires: an exact quantile of all its activations, and the places above it at the
// masks' resolution.
#include <ATen/ATen.h>
#include <ATen/ops/_upsample_bilinear2d_aa.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>

#include "limn/concepts.h"
#include "limn/error.h"

namespace limn {

TopShare::TopShare(double share, std::int64_t total) {
  if (!(share > 0 && share <= 0.5)) {
    fail(ErrorCode::InvalidArgument, "the quantile is ", share, "; legal: above 0 up to 0.5");
  }
  // The product of 0.005 and 49000 must not come out as 244.
  const double above = std::floor(share * static_cast<double>(total) * (1 + 1e-12));
  if (above < 1) {
    fail(ErrorCode::InvalidArgument, "a share of ", share, " of ", total,
         " activations is less than one: no unit would ever fire; take more pictures, a layer with "
         "more places, or a larger quantile");
  }
  size_ = static_cast<std::size_t>(above) + 1;
}

void TopShare::add(const float* values, std::int64_t count) {
  auto& heap = smallest_first_;
  for (std::int64_t i = 0; i < count; ++i) {
    if (heap.size() < size_) {
      heap.push_back(values[i]);
      std::push_heap(heap.begin(), heap.end(), std::greater<>());
    } else if (values[i] > heap.front()) {
      std::pop_heap(heap.begin(), heap.end(), std::greater<>());
      heap.back() = values[i];
      std::push_heap(heap.begin(), heap.end(), std::greater<>());
    }
  }
}

float TopShare::threshold() const {
  return smallest_first_.size() < size_ ? std::numeric_limits<float>::infinity()
                                        : smallest_first_.front();
}

Tensor unit_masks(const Tensor& activations, const Tensor& thresholds, std::int64_t height,
                  std::int64_t width) {
  if (activations.dim() != 3 || thresholds.dim() != 1 ||
      thresholds.size(0) != activations.size(0)) {
    fail(ErrorCode::InvalidArgument, "activations are [K, h, w] and thresholds [K], not ",
         activations.sizes(), " and ", thresholds.sizes());
  }
  const Tensor least = thresholds.view({-1, 1, 1});
  const Tensor maps = activations.unsqueeze(0).contiguous();
  const bool shrinks = maps.size(2) > height || maps.size(3) > width;
  const Tensor resized = shrinks ? at::_upsample_bilinear2d_aa(maps, {height, width}, false)
                                 : at::upsample_bilinear2d(maps, {height, width}, false);
  const Tensor fires = activations.amax({1, 2}, true) > least;
  return (resized[0] > least).logical_and(fires);
}

}  // namespace limn
