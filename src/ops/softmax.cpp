// Softmax, LogSoftmax and Hardmax. From opset 13 on along one axis (default the last); before, the
// input is flattened to a matrix at `axis` (default 1) and each row is one distribution.
#include "ops/op.h"

namespace limn {
namespace {

/// Runs `body` on the input as ONNX groups it, over the axis it is given.
template <typename Body>
Tensor over_rows(const Node& node, const Tensor& x, Body&& body) {
  const bool one_axis = node.opset >= 13;
  const std::int64_t axis =
      normalize_axis(node.attributes.integer("axis", one_axis ? -1 : 1), x.dim());
  if (one_axis) return body(x, axis);
  std::int64_t rows = 1;
  for (std::int64_t i = 0; i < axis; ++i) rows *= x.size(i);
  return body(x.reshape({rows, -1}), 1).reshape(x.sizes());
}

Tensors softmax_forward(const Node& node, Inputs in) {
  return {over_rows(node, in[0],
                    [](const Tensor& x, std::int64_t axis) { return at::softmax(x, axis); })};
}

Tensors softmax_vjp(const Node& node, Inputs, Inputs out, Inputs grad_out,
                    std::span<const bool> wanted) {
  Tensors result(1);
  if (!wanted[0] || !grad_out[0].defined()) return result;
  const Tensor product = grad_out[0] * out[0];
  const Tensor sums = over_rows(node, product, [](const Tensor& rows, std::int64_t axis) {
    return rows.sum(axis, true).expand_as(rows);
  });
  result[0] = product - out[0] * sums;
  return result;
}

Tensors log_softmax_forward(const Node& node, Inputs in) {
  return {over_rows(node, in[0],
                    [](const Tensor& x, std::int64_t axis) { return at::log_softmax(x, axis); })};
}

Tensors log_softmax_vjp(const Node& node, Inputs, Inputs out, Inputs grad_out,
                        std::span<const bool> wanted) {
  Tensors result(1);
  if (!wanted[0] || !grad_out[0].defined()) return result;
  const Tensor sums = over_rows(node, grad_out[0], [](const Tensor& rows, std::int64_t axis) {
    return rows.sum(axis, true).expand_as(rows);
  });
  result[0] = grad_out[0] - out[0].exp() * sums;
  return result;
}

Tensors hardmax_forward(const Node& node, Inputs in) {
  return {over_rows(node, in[0], [](const Tensor& x, std::int64_t axis) {
    return at::zeros_like(x).scatter(axis, x.argmax(axis, true), 1);
  })};
}

}  // namespace

constinit const OpSpec op_Softmax{.name = "Softmax",
                                  .kind = OpKind::Normalise,
                                  .help = "exponentials that sum to 1",
                                  .forward = softmax_forward,
                                  .vjp = softmax_vjp};
constinit const OpSpec op_LogSoftmax{.name = "LogSoftmax",
                                     .kind = OpKind::Normalise,
                                     .help = "logarithm of Softmax",
                                     .forward = log_softmax_forward,
                                     .vjp = log_softmax_vjp};
constinit const OpSpec op_Hardmax{.name = "Hardmax",
                                  .kind = OpKind::Normalise,
                                  .help = "1 at the first maximum, else 0",
                                  .forward = hardmax_forward};

}  // namespace limn
