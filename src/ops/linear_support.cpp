// See linear_support.h.
#include "ops/linear_support.h"

namespace limn {
namespace {

/// values * w, with w a scalar or one number per sample.
Tensor scaled(const Tensor& values, const Tensor& w) {
  if (w.dim() == 0) return values * w;
  Tensor per_sample = repeat_batch(w, values.size(0));
  std::vector<std::int64_t> sizes(static_cast<std::size_t>(values.dim()), 1);
  sizes[0] = -1;
  return values * per_sample.reshape(sizes);
}

}  // namespace

Tensor repeat_batch(const Tensor& tensor, std::int64_t count) {
  const std::int64_t own = tensor.size(0);
  if (own == count) return tensor;
  if (own == 0 || count % own != 0) {
    fail(ErrorCode::InvalidArgument, "a batch of ", count, " is no multiple of ", own);
  }
  // Unlike repeat, cat keeps channels_last.
  return at::cat(Tensors(static_cast<std::size_t>(count / own), tensor));
}

Tensor sum_to_sizes(const Tensor& tensor, at::IntArrayRef sizes) {
  return tensor.sizes() == sizes ? tensor : tensor.sum_to_size(sizes);
}

Tensor channel_shaped(const Tensor& values, std::int64_t rank) {
  if (!values.defined()) return {};
  std::vector<std::int64_t> sizes(static_cast<std::size_t>(std::max<std::int64_t>(rank - 1, 1)), 1);
  sizes[0] = -1;
  return values.reshape(sizes);
}

Tensor PoolView::apply(const Tensor& x, const Tensor& w, const Tensor& b) const {
  const Tensor z = scaled(pool(x), w);
  return b.defined() ? z + b : z;
}

Tensor PoolView::pull_x(const Tensor& s, const Tensor& w) const { return spread(scaled(s, w)); }

Tensor PoolView::pull_w(const Tensor& x, const Tensor& s) const {
  const Tensor z = pool(x);
  if (z.dim() == 0) return (z * s).reshape({1});
  return (repeat_batch(z, s.size(0)) * s).reshape({s.size(0), -1}).sum(1);
}

Tensors pool_vjp(const Node& node, Inputs in, Inputs, Inputs grad_out,
                 std::span<const bool> wanted) {
  Tensors result(in.size());
  if (!wanted[0] || !grad_out[0].defined()) return result;
  const std::unique_ptr<bool[]> constant(new bool[in.size()]);
  for (std::size_t i = 0; i < in.size(); ++i) constant[i] = i != 0;
  const auto view = node.spec->linear_view(node, in, {constant.get(), in.size()});
  result[0] = static_cast<const PoolView&>(*view).spread(grad_out[0]);
  return result;
}

}  // namespace limn
