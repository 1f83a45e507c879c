// See convolution.h. Per-sample weights and weight gradients go sample by sample: each call is a
// dense convolution, which libtorch's CPU kernels run faster than one with many groups.
#include "ops/convolution.h"

#include "ops/kernels.h"
#include "ops/linear_support.h"
#include "ops/sizes.h"

namespace limn {
namespace {

/// The sizes behind `pads`, in the order of constant_pad_nd.
Sizes padded_sizes(Sizes sizes, const Sizes& pads) {
  for (std::size_t i = 0; i < pads.size(); ++i) sizes[sizes.size() - 1 - i / 2] += pads[i];
  return sizes;
}

/// Bounds the padded input and the output before either is made.
void check_sizes(const Convolution& c, const Tensor& x, const Tensor& w) {
  Sizes in = padded_sizes(x.sizes().vec(), c.pad_input), out = in;
  out[1] = c.transposed ? w.size(1) * c.groups : w.size(0);
  for (std::size_t d = 0; d < c.stride.size(); ++d) {
    const std::size_t axis = d + 2;
    const std::int64_t reach = c.dilation[d] * (w.size(static_cast<std::int64_t>(axis)) - 1);
    if (c.transposed) {
      // libtorch crops its padding from the full result.
      out[axis] = (in[axis] - 1) * c.stride[d] + reach + 1 + c.output_padding[d];
    } else {
      in[axis] += 2 * c.padding[d];
      out[axis] = (in[axis] - reach - 1) / c.stride[d] + 1;
    }
    // libtorch has its own words for an input that is too small.
    in[axis] = std::max<std::int64_t>(in[axis], 0);
    out[axis] = std::max<std::int64_t>(out[axis], 0);
  }
  check_size(in, x.size(0));
  check_size(out, x.size(0));
  Sizes padded = padded_sizes(out, c.pad_output);
  for (auto& size : padded) size = std::max<std::int64_t>(size, 0);
  check_size(padded, x.size(0));
}

}  // namespace

Tensor Convolution::forward(const Tensor& x, const Tensor& w, const Tensor& b) const {
  check_sizes(*this, x, w);
  const Tensor padded = pad_input.empty() ? x : at::constant_pad_nd(x, pad_input);
  if (!transposed) return convolve(padded, w, b, stride, padding, dilation, groups);
  if (pad_output.empty()) {
    return at::convolution(padded, w, b, stride, padding, dilation, transposed, output_padding,
                           groups);
  }
  const Tensor z = at::constant_pad_nd(
      at::convolution(padded, w, {}, stride, padding, dilation, transposed, output_padding, groups),
      pad_output);
  return b.defined() ? z + channel_shaped(b, w.dim()) : z;
}

std::pair<Tensor, Tensor> Convolution::backward(const Tensor& s, const Tensor& x, const Tensor& w,
                                                bool want_x, bool want_w) const {
  const Tensor padded = pad_input.empty() ? x : at::constant_pad_nd(x, pad_input);
  const Tensor cropped = pad_output.empty() ? s : at::constant_pad_nd(s, negated(pad_output));
  auto [grad_x, grad_w, grad_b] =
      at::convolution_backward(cropped, padded, w, c10::nullopt, stride, padding, dilation,
                               transposed, output_padding, groups, {want_x, want_w, false});
  if (want_x && !pad_input.empty()) grad_x = at::constant_pad_nd(grad_x, negated(pad_input));
  return {grad_x, grad_w};
}

ConvolutionView::ConvolutionView(Convolution convolution, const Tensor& x, const Tensor& w,
                                 const Tensor& b)
    : convolution_(std::move(convolution)),
      x_sizes_(x.sizes().vec()),
      format_(x.suggest_memory_format()) {
  weight_ = w;
  bias_ = channel_shaped(b, x.dim());
}

Tensor ConvolutionView::apply(const Tensor& x, const Tensor& w, const Tensor& b) const {
  const std::int64_t channels =
      convolution_.transposed ? weight_.size(1) * convolution_.groups : weight_.size(0);
  const bool plain =
      b.defined() && b.dim() == x.dim() - 1 && b.numel() == channels && b.size(0) == channels;
  const Tensor fused = plain ? b.reshape({-1}) : Tensor();
  Tensor z;
  if (w.dim() == weight_.dim()) {
    z = convolution_.forward(x, w, fused);
  } else {
    Tensors parts;
    for (std::int64_t n = 0; n < x.size(0); ++n) {
      parts.push_back(convolution_.forward(x.narrow(0, n, 1), w[n % w.size(0)], fused));
    }
    z = at::cat(parts);
  }
  return b.defined() && !plain ? z + b : z;
}

Tensor ConvolutionView::pull_x(const Tensor& s, const Tensor& w) const {
  Sizes sizes = x_sizes_;
  const bool shared = w.dim() == weight_.dim();
  sizes[0] = shared ? s.size(0) : 1;
  const Tensor x = at::empty(sizes, s.options(), format_);
  if (shared) return convolution_.backward(s, x, w, true, false).first;
  Tensors parts;
  for (std::int64_t n = 0; n < s.size(0); ++n) {
    parts.push_back(
        convolution_.backward(s.narrow(0, n, 1), x, w[n % w.size(0)], true, false).first);
  }
  return at::cat(parts);
}

Tensor ConvolutionView::transposed(const Tensor& w) const {
  const auto all = [](const Sizes& sizes, auto holds) {
    return std::all_of(sizes.begin(), sizes.end(), holds);
  };
  const bool plain = !convolution_.transposed && convolution_.groups == 1 &&
                     convolution_.pad_input.empty() && w.dim() == 4 && w.device().is_cpu() &&
                     w.scalar_type() == at::kFloat;
  if (!plain) return {};
  if (is_pointwise()) {
    const bool bare = all(convolution_.padding, [](std::int64_t n) { return n == 0; });
    return bare ? w.transpose(0, 1) : Tensor();
  }
  if (!all(convolution_.stride, [](std::int64_t n) { return n == 1; })) return {};
  for (std::size_t d = 0; d < 2; ++d) {
    const std::int64_t reach =
        convolution_.dilation[d] * (w.size(static_cast<std::int64_t>(d) + 2) - 1);
    if (convolution_.padding[d] > reach) return {};
  }
  return w.flip({2, 3}).transpose(0, 1).contiguous(format_);
}

Tensor ConvolutionView::pull_x_by(const Tensor& s, const Tensor& v) const {
  Sizes padding;
  for (std::size_t d = 0; d < 2; ++d) {
    const std::int64_t kernel = v.size(static_cast<std::int64_t>(d) + 2);
    padding.push_back(convolution_.dilation[d] * (kernel - 1) - convolution_.padding[d]);
  }
  const Tensor seen = convolve(s, v, {}, {1, 1}, padding, convolution_.dilation, 1);
  if (convolution_.stride == Sizes{1, 1}) return seen;
  // A strided 1x1 kernel sees one place in stride x stride; the others get nothing.
  Sizes sizes = x_sizes_;
  sizes[0] = s.size(0);
  const Tensor x = at::zeros(sizes, s.options()).contiguous(format_);
  x.slice(2, 0, c10::nullopt, convolution_.stride[0])
      .slice(3, 0, c10::nullopt, convolution_.stride[1])
      .copy_(seen);
  return x;
}

Tensor ConvolutionView::pull_w(const Tensor& x, const Tensor& s) const {
  Tensors parts;
  for (std::int64_t n = 0; n < s.size(0); ++n) {
    parts.push_back(
        convolution_
            .backward(s.narrow(0, n, 1), x.narrow(0, n % x.size(0), 1), weight_, false, true)
            .second);
  }
  return at::stack(parts);
}

Tensor ConvolutionView::unfold(const Tensor& x) const {
  const bool plain = !convolution_.transposed && convolution_.groups == 1 && x.dim() == 4 &&
                     convolution_.pad_input.empty();
  if (!plain) return {};
  if (sees_each_place_once()) return x.flatten(2);
  return at::im2col(x.contiguous(), weight_.sizes().slice(2), convolution_.dilation,
                    convolution_.padding, convolution_.stride);
}

Tensor ConvolutionView::fold(const Tensor& columns) const {
  if (sees_each_place_once()) return columns.unflatten(2, at::IntArrayRef(x_sizes_).slice(2));
  return at::col2im(columns, at::IntArrayRef(x_sizes_).slice(2), weight_.sizes().slice(2),
                    convolution_.dilation, convolution_.padding, convolution_.stride)
      .contiguous(format_);
}

bool ConvolutionView::sees_each_place_once() const {
  const auto all = [](const Sizes& sizes, std::int64_t value) {
    return std::all_of(sizes.begin(), sizes.end(), [&](std::int64_t n) { return n == value; });
  };
  return is_pointwise() && all(convolution_.stride, 1) && all(convolution_.padding, 0);
}

void check_ranks(const Tensor& x, const Tensor& w) {
  if (w.dim() != x.dim() || x.dim() < 3 || x.dim() > 5) {
    fail(ErrorCode::BadInput, "input ", x.sizes(), " and weight ", w.sizes(),
         " are no convolution in 1, 2 or 3 dimensions");
  }
}

Tensors convolution_vjp(const Convolution& convolution, Inputs in, Inputs grad_out,
                        std::span<const bool> wanted) {
  Tensors result(in.size());
  const Tensor& s = grad_out[0];
  if (!s.defined()) return result;
  if (wanted[0] || wanted[1]) {
    std::tie(result[0], result[1]) = convolution.backward(s, in[0], in[1], wanted[0], wanted[1]);
  }
  if (in.size() > 2 && in[2].defined() && wanted[2]) {
    result[2] = s.transpose(0, 1).flatten(1).sum(1);
  }
  return result;
}

bool ConvolutionView::is_pointwise() const {
  const auto kernel = weight_.sizes().slice(2);
  return std::all_of(kernel.begin(), kernel.end(), [](auto size) { return size == 1; });
}

}  // namespace limn
