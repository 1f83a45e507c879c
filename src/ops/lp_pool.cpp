// LpPool and GlobalLpPool: z = (sum over the window of |x|^p)^(1/p). Pads add nothing.
#include "ops/convolution.h"
#include "ops/op.h"
#include "ops/window.h"

namespace limn {
namespace {

/// The sum over windows as a convolution of each channel with ones.
Convolution window_sum(const Node& node, const Tensor& x) {
  const Sizes spatial = spatial_sizes(x);
  const Window window = window_of(node, node.attributes.integers("kernel_shape"), spatial);
  const bool ceil = node.attributes.integer("ceil_mode", 0) != 0;
  Convolution sum;
  sum.stride = window.stride;
  sum.dilation = window.dilation;
  sum.padding.assign(window.rank(), 0);
  sum.output_padding = sum.padding;
  sum.groups = x.size(1);
  Sizes ends;
  for (std::size_t axis = 0; axis < window.rank(); ++axis) {
    const std::int64_t count = places(window, axis, spatial[axis], ceil);
    const std::int64_t reach = (count - 1) * window.stride[axis] + window.extent(axis);
    ends.push_back(reach - spatial[axis] - window.pad_begin[axis]);
  }
  sum.pad_input = pad_order(window.pad_begin, ends);
  return sum;
}

Tensor ones_kernel(const Node& node, const Tensor& x) {
  Sizes sizes = node.attributes.integers("kernel_shape");
  sizes.insert(sizes.begin(), {x.size(1), 1});
  return at::ones(sizes, x.options());
}

double power_of(const Node& node) { return static_cast<double>(node.attributes.integer("p", 2)); }

/// dz/dx without the sum over windows: sign(x) |x|^(p-1).
Tensor slope(const Tensor& x, double p) { return x.sgn() * x.abs().pow(p - 1); }

/// s * z^(1-p), and 0 where z is 0 (there every x of the window is 0).
Tensor share(const Tensor& s, const Tensor& z, double p) {
  return at::where(z > 0, s * z.pow(1 - p), at::zeros({}, z.options()));
}

Tensors lp_pool_forward(const Node& node, Inputs in) {
  const double p = power_of(node);
  const Tensor powers = in[0].abs().pow(p);
  return {window_sum(node, in[0]).forward(powers, ones_kernel(node, in[0]), {}).pow(1 / p)};
}

Tensors lp_pool_vjp(const Node& node, Inputs in, Inputs out, Inputs grad_out,
                    std::span<const bool> wanted) {
  Tensors result(1);
  if (!wanted[0] || !grad_out[0].defined()) return result;
  const double p = power_of(node);
  const Tensor spread =
      window_sum(node, in[0])
          .backward(share(grad_out[0], out[0], p), in[0], ones_kernel(node, in[0]), true, false)
          .first;
  result[0] = spread * slope(in[0], p);
  return result;
}

void check_lp_pool(const Node& node) {
  if (node.attributes.integers("kernel_shape").empty()) {
    fail(ErrorCode::BadModel, "attribute \"kernel_shape\" is missing");
  }
  if (node.attributes.integer("p", 2) < 1) fail(ErrorCode::BadModel, "p must be 1 or more");
  check_window(node);
}

Tensors global_lp_pool_forward(const Node& node, Inputs in) {
  Sizes axes;
  for (std::int64_t axis = 2; axis < in[0].dim(); ++axis) axes.push_back(axis);
  return {at::linalg_vector_norm(in[0], power_of(node), axes, true)};
}

Tensors global_lp_pool_vjp(const Node& node, Inputs in, Inputs out, Inputs grad_out,
                           std::span<const bool> wanted) {
  Tensors result(1);
  if (!wanted[0] || !grad_out[0].defined()) return result;
  const double p = power_of(node);
  result[0] = share(grad_out[0], out[0], p) * slope(in[0], p);
  return result;
}

}  // namespace

constinit const OpSpec op_LpPool{.name = "LpPool",
                                 .kind = OpKind::Normalise,
                                 .help = "p-norm over a sliding window",
                                 .forward = lp_pool_forward,
                                 .vjp = lp_pool_vjp,
                                 .check = check_lp_pool,
                                 .since = 2};

constinit const OpSpec op_GlobalLpPool{.name = "GlobalLpPool",
                                       .kind = OpKind::Normalise,
                                       .help = "p-norm over all places of each channel",
                                       .forward = global_lp_pool_forward,
                                       .vjp = global_lp_pool_vjp,
                                       .since = 2};

}  // namespace limn
