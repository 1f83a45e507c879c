// ConvTranspose: the transpose of Conv in 1, 2 or 3 dimensions. Size of an output axis:
// stride * (size - 1) + output_padding + (kernel - 1) * dilation + 1 - pad_begin - pad_end.
// Asymmetric pads crop the full result; places that output_padding adds hold the bias alone.
#include "ops/convolution.h"
#include "ops/op.h"

namespace limn {
namespace {

/// Pads from output_shape or auto_pad=SAME: what the full result is longer than wanted.
void set_pads(const Node& node, const Sizes& full, const Sizes& spatial, Window& window) {
  const std::string mode = node.attributes.text("auto_pad", "NOTSET");
  Sizes wanted = node.attributes.integers("output_shape");
  if (wanted.size() == full.size() + 2) wanted.erase(wanted.begin(), wanted.begin() + 2);
  if (wanted.empty()) {
    if (mode == "NOTSET" || mode == "VALID") return;
    for (std::size_t axis = 0; axis < full.size(); ++axis) {
      wanted.push_back(spatial[axis] * window.stride[axis]);
    }
  }
  if (wanted.size() != full.size()) {
    fail(ErrorCode::BadModel, "output_shape has ", wanted.size(), " values, needs ", full.size());
  }
  for (std::size_t axis = 0; axis < full.size(); ++axis) {
    const std::int64_t total = full[axis] - wanted[axis];
    // A wish for more than the full result adds places at the end alone.
    if (total < 0) {
      window.pad_begin[axis] = 0;
      window.pad_end[axis] = total;
      continue;
    }
    const std::int64_t half = total / 2;
    window.pad_begin[axis] = mode == "SAME_UPPER" ? half : total - half;
    window.pad_end[axis] = total - window.pad_begin[axis];
  }
}

Convolution transposed_convolution_of(const Node& node, const Tensor& x, const Tensor& w) {
  check_ranks(x, w);
  const Sizes spatial = spatial_sizes(x);
  Window window = window_of(node, w.sizes().slice(2).vec(), spatial);
  const std::size_t rank = window.rank();
  const Sizes added = node.attributes.integers("output_padding", Sizes(rank, 0));
  if (added.size() != rank) {
    fail(ErrorCode::BadModel, "output_padding has ", added.size(), " values, needs ", rank);
  }
  Sizes full;
  for (std::size_t axis = 0; axis < rank; ++axis) {
    full.push_back(window.stride[axis] * (spatial[axis] - 1) + added[axis] + window.extent(axis));
  }
  set_pads(node, full, spatial, window);

  Convolution convolution;
  convolution.transposed = true;
  convolution.stride = window.stride;
  convolution.dilation = window.dilation;
  convolution.groups = node.attributes.integer("group", 1);
  convolution.output_padding.assign(rank, 0);
  convolution.padding.assign(rank, 0);
  const bool adds = std::ranges::any_of(added, [](auto size) { return size != 0; });
  if (window.symmetric() && !adds) {
    convolution.padding = window.pad_begin;
    return convolution;
  }
  Sizes begin, end;
  for (std::size_t axis = 0; axis < rank; ++axis) {
    begin.push_back(-window.pad_begin[axis]);
    end.push_back(added[axis] - window.pad_end[axis]);
  }
  convolution.pad_output = pad_order(begin, end);
  return convolution;
}

Tensors conv_transpose_forward(const Node& node, Inputs in) {
  return {
      transposed_convolution_of(node, in[0], in[1]).forward(in[0], in[1], optional_input(in, 2))};
}

std::unique_ptr<LinearView> conv_transpose_view(const Node& node, Inputs in,
                                                std::span<const bool>) {
  return std::make_unique<ConvolutionView>(transposed_convolution_of(node, in[0], in[1]), in[0],
                                           in[1], optional_input(in, 2));
}

Tensors conv_transpose_vjp(const Node& node, Inputs in, Inputs, Inputs grad_out,
                           std::span<const bool> wanted) {
  return convolution_vjp(transposed_convolution_of(node, in[0], in[1]), in, grad_out, wanted);
}

OpKind conv_transpose_kind(const Node&, std::span<const bool> constant) {
  return constant[1] ? OpKind::Linear : OpKind::Bilinear;
}

}  // namespace

constinit const OpSpec op_ConvTranspose{.name = "ConvTranspose",
                                        .kind = OpKind::Linear,
                                        .help = "transposed convolution in 1, 2 or 3 dimensions",
                                        .forward = conv_transpose_forward,
                                        .kind_of = conv_transpose_kind,
                                        .linear_view = conv_transpose_view,
                                        .vjp = conv_transpose_vjp,
                                        .check = check_window,
                                        .inputs_min = 2};

}  // namespace limn
