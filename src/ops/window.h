// The sliding window of convolutions and pools: ONNX attributes to sizes and pads per axis.
#pragma once
#include <cstdint>
#include <vector>

#include "limn/graph.h"

namespace limn {

using Sizes = std::vector<std::int64_t>;

/// Kernel size, stride, dilation and pads, one entry per spatial axis.
struct Window {
  Sizes kernel, stride, dilation, pad_begin, pad_end;

  std::size_t rank() const { return kernel.size(); }
  /// Input places between the first and the last that a window sees, both counted.
  std::int64_t extent(std::size_t axis) const { return (kernel[axis] - 1) * dilation[axis] + 1; }
  /// True where begin and end pads agree and none is negative, as libtorch's kernels want it.
  bool symmetric() const;
};

/// Reads strides, dilations, pads and auto_pad (SAME needs the input's spatial sizes).
Window window_of(const Node& node, const Sizes& kernel, const Sizes& spatial);
/// Throws where auto_pad, strides, dilations or pads make no sense.
void check_window(const Node& node);
/// Number of window places on one axis. With `ceil` a last window may reach past the end pad, but
/// not begin there.
std::int64_t places(const Window& window, std::size_t axis, std::int64_t size, bool ceil);
/// Pads per axis (first axis first) in the order of at::constant_pad_nd.
Sizes pad_order(const Sizes& begin, const Sizes& end);
/// The pads that undo `pads`: cropping is padding by a negative amount, and the transpose too.
Sizes negated(Sizes pads);
/// The spatial sizes of [N, C, ...].
Sizes spatial_sizes(const Tensor& x);

}  // namespace limn
