// Conv: z[o] = sum_c w[o, c] * x[c] + b[o], the cross-correlation of ONNX in 1, 2 or 3 dimensions,
// with groups, strides, dilations and pads that may differ between begin and end.
#include "ops/convolution.h"
#include "ops/op.h"

namespace limn {
namespace {

Convolution convolution_of(const Node& node, const Tensor& x, const Tensor& w) {
  check_ranks(x, w);
  const Window window = window_of(node, w.sizes().slice(2).vec(), spatial_sizes(x));
  Convolution convolution;
  convolution.stride = window.stride;
  convolution.dilation = window.dilation;
  convolution.output_padding.assign(window.rank(), 0);
  convolution.groups = node.attributes.integer("group", 1);
  if (window.symmetric()) {
    convolution.padding = window.pad_begin;
  } else {
    convolution.padding.assign(window.rank(), 0);
    convolution.pad_input = pad_order(window.pad_begin, window.pad_end);
  }
  return convolution;
}

Tensors conv_forward(const Node& node, Inputs in) {
  return {convolution_of(node, in[0], in[1]).forward(in[0], in[1], optional_input(in, 2))};
}

std::unique_ptr<LinearView> conv_view(const Node& node, Inputs in, std::span<const bool>) {
  return std::make_unique<ConvolutionView>(convolution_of(node, in[0], in[1]), in[0], in[1],
                                           optional_input(in, 2));
}

Tensors conv_vjp(const Node& node, Inputs in, Inputs, Inputs grad_out,
                 std::span<const bool> wanted) {
  return convolution_vjp(convolution_of(node, in[0], in[1]), in, grad_out, wanted);
}

OpKind conv_kind(const Node&, std::span<const bool> constant) {
  return constant[1] ? OpKind::Linear : OpKind::Bilinear;
}

}  // namespace

constinit const OpSpec op_Conv{.name = "Conv",
                               .kind = OpKind::Linear,
                               .help = "convolution in 1, 2 or 3 dimensions",
                               .forward = conv_forward,
                               .kind_of = conv_kind,
                               .linear_view = conv_view,
                               .vjp = conv_vjp,
                               .check = check_window,
                               .inputs_min = 2};

}  // namespace limn
