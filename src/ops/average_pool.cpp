// AveragePool and GlobalAveragePool: means over windows.
// z = sum over the window / number of its places, pads counted where asked. Windows that ceil_mode
// lets reach past the end pad never count what lies there, as in PyTorch and onnxruntime.
#include "ops/linear_support.h"
#include "ops/op.h"
#include "ops/window.h"

namespace limn {
namespace {

/// Geometry of one average pool against inputs of one spatial size.
struct AveragePool {
  Window window;
  Sizes spatial;  ///< of the input
  Sizes count;    ///< places per axis
  Sizes extra;    ///< reach of the last window past the end pad
  bool count_pads = false;

  bool dilated() const {
    return std::ranges::any_of(window.dilation, [](auto step) { return step != 1; });
  }
  /// True where libtorch's own pool computes exactly this.
  bool plain() const {
    if (!window.symmetric() || dilated()) return false;
    for (std::size_t axis = 0; axis < window.rank(); ++axis) {
      if (extra[axis] > 0 || window.pad_begin[axis] * 2 > window.kernel[axis]) return false;
    }
    return true;
  }
};

AveragePool average_pool_of(const Node& node, const Tensor& x) {
  AveragePool pool;
  pool.spatial = spatial_sizes(x);
  pool.window = window_of(node, node.attributes.integers("kernel_shape"), pool.spatial);
  pool.count_pads = node.attributes.integer("count_include_pad", 0) != 0;
  const bool ceil = node.attributes.integer("ceil_mode", 0) != 0;
  for (std::size_t axis = 0; axis < pool.window.rank(); ++axis) {
    const std::int64_t size = pool.spatial[axis];
    pool.count.push_back(places(pool.window, axis, size, ceil));
    const std::int64_t reach =
        (pool.count.back() - 1) * pool.window.stride[axis] + pool.window.extent(axis);
    pool.extra.push_back(std::max<std::int64_t>(
        0, reach - size - pool.window.pad_begin[axis] - pool.window.pad_end[axis]));
  }
  return pool;
}

/// libtorch's pools over one, two or three axes; one axis is run as a picture of height 1.
Tensor pool_kernel(const Tensor& x, Sizes kernel, Sizes stride, Sizes pads, bool count_pads) {
  if (kernel.size() == 3) return at::avg_pool3d(x, kernel, stride, pads, false, count_pads);
  if (kernel.size() == 2) return at::avg_pool2d(x, kernel, stride, pads, false, count_pads);
  return at::avg_pool2d(x.unsqueeze(2), {1, kernel[0]}, {1, stride[0]}, {0, pads[0]}, false,
                        count_pads)
      .squeeze(2);
}

Tensor pool_kernel_backward(const Tensor& s, const Tensor& x, Sizes kernel, Sizes stride,
                            Sizes pads, bool count_pads) {
  if (kernel.size() == 3) {
    return at::avg_pool3d_backward(s, x, kernel, stride, pads, false, count_pads, c10::nullopt);
  }
  if (kernel.size() == 2) {
    return at::avg_pool2d_backward(s, x, kernel, stride, pads, false, count_pads, c10::nullopt);
  }
  return at::avg_pool2d_backward(s.unsqueeze(2), x.unsqueeze(2), {1, kernel[0]}, {1, stride[0]},
                                 {0, pads[0]}, false, count_pads, c10::nullopt)
      .squeeze(2);
}

/// Number of summed places over the divisor for each output place, [1, 1, out...]. `window_mean`
/// says that the sum is already divided by the kernel's size.
Tensor inverse_divisor(const AveragePool& pool, const Tensor& like, bool window_mean) {
  Tensor inverse = at::ones({1, 1}, like.options());
  const Window& window = pool.window;
  for (std::size_t axis = 0; axis < window.rank(); ++axis) {
    std::vector<double> values;
    for (std::int64_t place = 0; place < pool.count[axis]; ++place) {
      std::int64_t counted = 0;
      for (std::int64_t tap = 0; tap < window.kernel[axis]; ++tap) {
        const std::int64_t at =
            place * window.stride[axis] - window.pad_begin[axis] + tap * window.dilation[axis];
        const bool inside = at >= 0 && at < pool.spatial[axis];
        const bool padded =
            at >= -window.pad_begin[axis] && at < pool.spatial[axis] + window.pad_end[axis];
        counted += pool.count_pads ? padded : inside;
      }
      const double taps = window_mean ? static_cast<double>(window.kernel[axis]) : 1;
      values.push_back(counted > 0 ? taps / static_cast<double>(counted) : 0);
    }
    inverse = inverse.unsqueeze(-1) * at::tensor(values, at::kDouble).to(like.options());
  }
  return inverse;
}

class AveragePoolView : public PoolView {
 public:
  AveragePoolView(const Node& node, const Tensor& x)
      : PoolView(x),
        pool_(average_pool_of(node, x)),
        channels_(x.size(1)),
        format_(x.suggest_memory_format()) {
    for (std::size_t axis = 0; axis < pool_.window.rank(); ++axis) {
      ends_.push_back(pool_.window.pad_end[axis] + pool_.extra[axis]);
    }
    zeros_.assign(pool_.window.rank(), 0);
    if (!pool_.plain()) inverse_ = inverse_divisor(pool_, x, !pool_.dilated());
  }

  Tensor pool(const Tensor& x) const override {
    const Window& window = pool_.window;
    if (pool_.plain()) {
      return pool_kernel(x, window.kernel, window.stride, window.pad_begin, pool_.count_pads);
    }
    const Tensor padded = at::constant_pad_nd(x, pad_order(window.pad_begin, ends_));
    if (!pool_.dilated()) {
      return pool_kernel(padded, window.kernel, window.stride, zeros_, true) * inverse_;
    }
    return at::convolution(padded, ones(x), {}, window.stride, zeros_, window.dilation, false,
                           zeros_, channels_) *
           inverse_;
  }

  Tensor spread(const Tensor& s) const override {
    const Window& window = pool_.window;
    if (pool_.plain()) {
      return pool_kernel_backward(s, input_like(s, pool_.spatial), window.kernel, window.stride,
                                  window.pad_begin, pool_.count_pads);
    }
    Sizes padded = pool_.spatial;
    for (std::size_t axis = 0; axis < padded.size(); ++axis) {
      padded[axis] += window.pad_begin[axis] + ends_[axis];
    }
    const Tensor x = input_like(s, padded), shares = s * inverse_;
    const Tensor full =
        pool_.dilated()
            ? std::get<0>(at::convolution_backward(shares, x, ones(s), c10::nullopt, window.stride,
                                                   zeros_, window.dilation, false, zeros_,
                                                   channels_, {true, false, false}))
            : pool_kernel_backward(shares, x, window.kernel, window.stride, zeros_, true);
    return at::constant_pad_nd(full, negated(pad_order(window.pad_begin, ends_)));
  }

 private:
  Tensor ones(const Tensor& like) const {
    Sizes sizes = pool_.window.kernel;
    sizes.insert(sizes.begin(), {channels_, 1});
    return at::ones(sizes, like.options());
  }
  /// Uninitialized: the backward kernels read its sizes and format alone.
  Tensor input_like(const Tensor& s, Sizes spatial) const {
    spatial.insert(spatial.begin(), {s.size(0), channels_});
    return at::empty(spatial, s.options(), format_);
  }

  AveragePool pool_;
  Sizes ends_, zeros_;
  std::int64_t channels_;
  at::MemoryFormat format_;
  Tensor inverse_;
};

Tensors average_pool_forward(const Node& node, Inputs in) {
  return {AveragePoolView(node, in[0]).pool(in[0])};
}

std::unique_ptr<LinearView> average_pool_view(const Node& node, Inputs in, std::span<const bool>) {
  return std::make_unique<AveragePoolView>(node, in[0]);
}

void check_average_pool(const Node& node) {
  if (node.attributes.integers("kernel_shape").empty()) {
    fail(ErrorCode::BadModel, "attribute \"kernel_shape\" is missing");
  }
  check_window(node);
}

class GlobalAveragePoolView : public PoolView {
 public:
  explicit GlobalAveragePoolView(const Tensor& x) : PoolView(x), spatial_(spatial_sizes(x)) {
    for (std::size_t axis = 0; axis < spatial_.size(); ++axis) {
      axes_.push_back(static_cast<std::int64_t>(axis) + 2);
    }
    size_ = static_cast<double>(c10::multiply_integers(spatial_));
  }
  Tensor pool(const Tensor& x) const override { return x.mean(axes_, true); }
  Tensor spread(const Tensor& s) const override {
    Sizes sizes = spatial_;
    sizes.insert(sizes.begin(), {s.size(0), s.size(1)});
    return (s / size_).expand(sizes);
  }

 private:
  Sizes spatial_, axes_;
  double size_;
};

Tensors global_average_pool_forward(const Node&, Inputs in) {
  return {GlobalAveragePoolView(in[0]).pool(in[0])};
}

std::unique_ptr<LinearView> global_average_pool_view(const Node&, Inputs in,
                                                     std::span<const bool>) {
  return std::make_unique<GlobalAveragePoolView>(in[0]);
}

}  // namespace

constinit const OpSpec op_AveragePool{.name = "AveragePool",
                                      .kind = OpKind::Linear,
                                      .help = "mean over a sliding window",
                                      .forward = average_pool_forward,
                                      .linear_view = average_pool_view,
                                      .vjp = pool_vjp,
                                      .check = check_average_pool,
                                      .since = 7};

constinit const OpSpec op_GlobalAveragePool{.name = "GlobalAveragePool",
                                            .kind = OpKind::Linear,
                                            .help = "mean over all places of each channel",
                                            .forward = global_average_pool_forward,
                                            .linear_view = global_average_pool_view,
                                            .vjp = pool_vjp};

}  // namespace limn
