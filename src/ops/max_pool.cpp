// MaxPool and GlobalMaxPool: the largest value of each window, and where it stands. Pads never win.
// Indices count through the whole tensor [N, C, ...]; with storage_order=1 the spatial axes count
// column by column.
#include "ops/op.h"
#include "ops/window.h"

namespace limn {
namespace {

struct MaxPool {
  Window window;      ///< pads are what the kernel itself adds
  Sizes pads_before;  ///< pads put around x first (of -infinity), per axis; empty where none
  Sizes pads_after;
  bool ceil = false;
};

MaxPool max_pool_of(const Node& node, const Tensor& x) {
  const Sizes spatial = spatial_sizes(x);
  MaxPool pool;
  pool.window = window_of(node, node.attributes.integers("kernel_shape"), spatial);
  pool.ceil = node.attributes.integer("ceil_mode", 0) != 0;
  Window& window = pool.window;
  bool plain = window.symmetric();
  for (std::size_t axis = 0; axis < window.rank(); ++axis) {
    plain = plain && window.pad_begin[axis] * 2 <= window.kernel[axis];
  }
  if (plain) return pool;
  // The kernel then runs without pads over exactly the windows that ONNX counts.
  for (std::size_t axis = 0; axis < window.rank(); ++axis) {
    const std::int64_t count = places(window, axis, spatial[axis], pool.ceil);
    const std::int64_t reach = (count - 1) * window.stride[axis] + window.extent(axis);
    pool.pads_before.push_back(window.pad_begin[axis]);
    pool.pads_after.push_back(reach - spatial[axis] - window.pad_begin[axis]);
  }
  pool.ceil = false;
  window.pad_begin.assign(window.rank(), 0);
  window.pad_end = window.pad_begin;
  return pool;
}

Tensor padded(const MaxPool& pool, const Tensor& x) {
  if (pool.pads_before.empty()) return x;
  return at::constant_pad_nd(x, pad_order(pool.pads_before, pool.pads_after),
                             -std::numeric_limits<double>::infinity());
}

/// Values, and places counted within the (padded) spatial axes.
std::tuple<Tensor, Tensor> run(const MaxPool& pool, const Tensor& x) {
  const Window& w = pool.window;
  if (w.rank() == 3) {
    return at::max_pool3d_with_indices(x, w.kernel, w.stride, w.pad_begin, w.dilation, pool.ceil);
  }
  if (w.rank() == 2) {
    return at::max_pool2d_with_indices(x, w.kernel, w.stride, w.pad_begin, w.dilation, pool.ceil);
  }
  auto [values, places] =
      at::max_pool2d_with_indices(x.unsqueeze(2), {1, w.kernel[0]}, {1, w.stride[0]},
                                  {0, w.pad_begin[0]}, {1, w.dilation[0]}, pool.ceil);
  return {values.squeeze(2), places.squeeze(2)};
}

Tensor run_backward(const MaxPool& pool, const Tensor& s, const Tensor& x, const Tensor& places) {
  const Window& w = pool.window;
  if (w.rank() == 3) {
    return at::max_pool3d_with_indices_backward(s, x, w.kernel, w.stride, w.pad_begin, w.dilation,
                                                pool.ceil, places);
  }
  if (w.rank() == 2) {
    return at::max_pool2d_with_indices_backward(s, x, w.kernel, w.stride, w.pad_begin, w.dilation,
                                                pool.ceil, places);
  }
  return at::max_pool2d_with_indices_backward(s.unsqueeze(2), x.unsqueeze(2), {1, w.kernel[0]},
                                              {1, w.stride[0]}, {0, w.pad_begin[0]},
                                              {1, w.dilation[0]}, pool.ceil, places.unsqueeze(2))
      .squeeze(2);
}

/// ONNX's Indices from places within the padded spatial axes.
Tensor onnx_indices(const MaxPool& pool, const Tensor& places, const Tensor& x, bool by_column) {
  const Sizes spatial = spatial_sizes(x);
  Tensor rest = places, index = at::zeros_like(places);
  std::vector<Tensor> coordinates(spatial.size());
  for (std::size_t axis = spatial.size(); axis-- > 0;) {
    const std::int64_t before = pool.pads_before.empty() ? 0 : pool.pads_before[axis];
    const std::int64_t after = pool.pads_before.empty() ? 0 : pool.pads_after[axis];
    const std::int64_t size = spatial[axis] + before + after;
    coordinates[axis] = rest.remainder(size) - before;
    rest = rest.div(size, "floor");
  }
  std::int64_t stride = 1;
  for (std::size_t i = 0; i < spatial.size(); ++i) {
    const std::size_t axis = by_column ? i : spatial.size() - 1 - i;
    index = index + coordinates[axis] * stride;
    stride *= spatial[axis];
  }
  Sizes plane_sizes(static_cast<std::size_t>(x.dim()), 1);
  plane_sizes[0] = x.size(0);
  plane_sizes[1] = x.size(1);
  const Tensor planes = at::arange(x.size(0) * x.size(1), places.options()).reshape(plane_sizes);
  return index + planes * stride;
}

Tensors max_pool_forward(const Node& node, Inputs in) {
  // libtorch has no max pool for the small integers that ONNX allows; doubles hold them exactly.
  const Tensor x = in[0].is_floating_point() ? in[0] : in[0].to(at::kDouble);
  const MaxPool pool = max_pool_of(node, x);
  auto [values, places] = run(pool, padded(pool, x));
  if (!in[0].is_floating_point()) values = values.to(in[0].scalar_type());
  if (node.outputs.size() < 2 || !node.outputs[1]) return {values};
  const bool by_column = node.attributes.integer("storage_order", 0) != 0;
  return {values, onnx_indices(pool, places, x, by_column)};
}

Tensors max_pool_vjp(const Node& node, Inputs in, Inputs, Inputs grad_out,
                     std::span<const bool> wanted) {
  Tensors result(in.size());
  if (!wanted[0] || !grad_out[0].defined()) return result;
  const MaxPool pool = max_pool_of(node, in[0]);
  const Tensor x = padded(pool, in[0]);
  const Tensor places = std::get<1>(run(pool, x));
  result[0] = run_backward(pool, grad_out[0], x, places);
  if (!pool.pads_before.empty()) {
    result[0] =
        at::constant_pad_nd(result[0], negated(pad_order(pool.pads_before, pool.pads_after)));
  }
  return result;
}

void check_max_pool(const Node& node) {
  if (node.attributes.integers("kernel_shape").empty()) {
    fail(ErrorCode::BadModel, "attribute \"kernel_shape\" is missing");
  }
  check_window(node);
}

Tensors global_max_pool_forward(const Node&, Inputs in) {
  const Tensor flat = in[0].flatten(2);
  Sizes sizes(static_cast<std::size_t>(in[0].dim()), 1);
  sizes[0] = in[0].size(0);
  sizes[1] = in[0].size(1);
  return {std::get<0>(flat.max(2)).reshape(sizes)};
}

Tensors global_max_pool_vjp(const Node&, Inputs in, Inputs, Inputs grad_out,
                            std::span<const bool> wanted) {
  Tensors result(1);
  if (!wanted[0] || !grad_out[0].defined()) return result;
  const Tensor flat = in[0].flatten(2);
  const Tensor places = std::get<1>(flat.max(2, true));
  result[0] = at::zeros(flat.sizes(), flat.options())
                  .scatter(2, places, grad_out[0].flatten(2))
                  .reshape(in[0].sizes());
  return result;
}

}  // namespace

constinit const OpSpec op_MaxPool{.name = "MaxPool",
                                  .kind = OpKind::Select,
                                  .help = "largest value of a sliding window",
                                  .forward = max_pool_forward,
                                  .vjp = max_pool_vjp,
                                  .check = check_max_pool};

constinit const OpSpec op_GlobalMaxPool{.name = "GlobalMaxPool",
                                        .kind = OpKind::Select,
                                        .help = "largest value of each channel",
                                        .forward = global_max_pool_forward,
                                        .vjp = global_max_pool_vjp};

}  // namespace limn
