// Window geometry. SAME: ceil(size / stride) places, the odd pad at the end (UPPER) or the
// beginning (LOWER). Source: the ONNX specification of Conv and MaxPool.
#include "ops/window.h"

#include <algorithm>

#include "limn/error.h"

namespace limn {
namespace {

Sizes per_axis(const Node& node, const char* name, std::size_t rank, std::size_t values_per_axis) {
  const Sizes otherwise(rank * values_per_axis, values_per_axis == 1 ? 1 : 0);
  Sizes found = node.attributes.integers(name, otherwise);
  if (found.size() != otherwise.size()) {
    fail(ErrorCode::BadModel, "attribute \"", name, "\" has ", found.size(), " values, needs ",
         otherwise.size());
  }
  return found;
}

}  // namespace

bool Window::symmetric() const {
  return pad_begin == pad_end && std::ranges::all_of(pad_begin, [](auto pad) { return pad >= 0; });
}

Window window_of(const Node& node, const Sizes& kernel, const Sizes& spatial) {
  const std::size_t rank = kernel.size();
  if (spatial.size() != rank) {
    fail(ErrorCode::BadModel, "the kernel has ", rank, " axes, the input ", spatial.size(),
         " spatial ones");
  }
  Window window;
  window.kernel = kernel;
  window.stride = per_axis(node, "strides", rank, 1);
  window.dilation = per_axis(node, "dilations", rank, 1);
  const std::string mode = node.attributes.text("auto_pad", "NOTSET");
  if (mode == "NOTSET") {
    const Sizes pads = per_axis(node, "pads", rank, 2);
    const auto middle = pads.begin() + static_cast<std::ptrdiff_t>(rank);
    window.pad_begin.assign(pads.begin(), middle);
    window.pad_end.assign(middle, pads.end());
    return window;
  }
  window.pad_begin.assign(rank, 0);
  window.pad_end.assign(rank, 0);
  if (mode == "VALID") return window;
  for (std::size_t axis = 0; axis < rank; ++axis) {
    const std::int64_t stride = window.stride[axis];
    const std::int64_t count = (spatial[axis] + stride - 1) / stride;
    const std::int64_t total =
        std::max<std::int64_t>(0, (count - 1) * stride + window.extent(axis) - spatial[axis]);
    window.pad_begin[axis] = mode == "SAME_LOWER" ? total - total / 2 : total / 2;
    window.pad_end[axis] = total - window.pad_begin[axis];
  }
  return window;
}

void check_window(const Node& node) {
  const std::string mode = node.attributes.text("auto_pad", "NOTSET");
  if (mode != "NOTSET" && mode != "VALID" && mode != "SAME_UPPER" && mode != "SAME_LOWER") {
    fail(ErrorCode::BadModel, "auto_pad \"", mode,
         "\" is none of NOTSET, SAME_UPPER, SAME_LOWER, VALID");
  }
  for (const char* name : {"kernel_shape", "strides", "dilations"}) {
    for (const std::int64_t value : node.attributes.integers(name)) {
      if (value < 1)
        fail(ErrorCode::BadModel, "attribute \"", name, "\" has ", value, ", needs 1 or more");
    }
  }
  // Products and sums of two of them then fit 64 bits.
  constexpr std::int64_t kMost = std::int64_t{1} << 30;
  for (const char* name :
       {"kernel_shape", "strides", "dilations", "pads", "output_padding", "output_shape"}) {
    for (const std::int64_t value : node.attributes.integers(name)) {
      if (value > kMost || value < -kMost) {
        fail(ErrorCode::BadModel, "attribute \"", name, "\" has ", value, "; at most 2^30 is read");
      }
    }
  }
}

std::int64_t places(const Window& window, std::size_t axis, std::int64_t size, bool ceil) {
  const std::int64_t stride = window.stride[axis];
  const std::int64_t room =
      size + window.pad_begin[axis] + window.pad_end[axis] - window.extent(axis);
  if (room < 0 && !(ceil && room + stride > 0)) {
    fail(ErrorCode::BadInput, "an axis of ", size, " is too small for a window of ",
         window.extent(axis), " with pads ", window.pad_begin[axis], " and ", window.pad_end[axis]);
  }
  std::int64_t count = (room + (ceil ? stride - 1 : 0)) / stride + 1;
  if (ceil && count > 1 && (count - 1) * stride >= size + window.pad_begin[axis]) --count;
  return count;
}

Sizes pad_order(const Sizes& begin, const Sizes& end) {
  Sizes pads;
  for (std::size_t axis = begin.size(); axis-- > 0;) {
    pads.push_back(begin[axis]);
    pads.push_back(end[axis]);
  }
  return pads;
}

Sizes negated(Sizes pads) {
  for (auto& pad : pads) pad = -pad;
  return pads;
}

Sizes spatial_sizes(const Tensor& x) {
  if (x.dim() < 3) {
    fail(ErrorCode::BadInput, "the input has ", x.dim(),
         " dimensions, needs [batch, channels, spatial...]");
  }
  return x.sizes().slice(2).vec();
}

}  // namespace limn
