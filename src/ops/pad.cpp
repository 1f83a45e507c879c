// Pad: constant, edge, reflect or wrap; negative pads crop.
#include "ops/op.h"
#include "ops/sizes.h"

namespace limn {
namespace {

/// Begins and ends per axis, the full 2 x rank of them.
std::vector<std::int64_t> pads_of(const Node& node, Inputs in) {
  std::vector<std::int64_t> pads =
      node.opset >= 11 && in.size() > 1 ? integers_of(in[1]) : node.attributes.integers("pads");
  const auto rank = static_cast<std::size_t>(in[0].dim());
  if (optional_input(in, 3).defined()) {
    const std::vector<std::int64_t> axes = integers_of(in[3]);
    std::vector<std::int64_t> full(2 * rank, 0);
    if (pads.size() != 2 * axes.size()) fail(ErrorCode::BadModel, "pads and axes differ in length");
    for (std::size_t i = 0; i < axes.size(); ++i) {
      const auto axis = static_cast<std::size_t>(normalize_axis(axes[i], in[0].dim()));
      full[axis] = pads[i];
      full[axis + rank] = pads[i + axes.size()];
    }
    pads = full;
  }
  if (pads.size() != 2 * rank) {
    fail(ErrorCode::BadModel, "has ", pads.size(), " pads for an input of ", rank, " dimensions");
  }
  std::vector<std::int64_t> shape = in[0].sizes().vec();
  for (std::size_t d = 0; d < rank; ++d) shape[d] += pads[d] + pads[d + rank];
  check_size(shape, rank > 2 ? in[0].size(0) : 1);
  return pads;
}

std::int64_t source_index(std::int64_t i, std::int64_t size, const std::string& mode) {
  if (mode == "edge") return std::clamp<std::int64_t>(i, 0, size - 1);
  if (mode == "wrap") return ((i % size) + size) % size;
  const std::int64_t period = std::max<std::int64_t>(1, 2 * (size - 1));
  i = ((i % period) + period) % period;
  return i < size ? i : period - i;
}

Tensors pad_forward(const Node& node, Inputs in) {
  const std::vector<std::int64_t> pads = pads_of(node, in);
  const std::string mode = node.attributes.text("mode", "constant");
  const auto rank = static_cast<std::size_t>(in[0].dim());
  if (mode == "constant") {
    const Tensor fill = node.opset >= 11 ? optional_input(in, 2) : Tensor();
    const double value = fill.defined() && fill.numel() > 0 ? fill.reshape({-1})[0].item<double>()
                                                            : node.attributes.real("value", 0);
    std::vector<std::int64_t> torch_pads;
    for (std::size_t d = rank; d-- > 0;) {
      torch_pads.push_back(pads[d]);
      torch_pads.push_back(pads[d + rank]);
    }
    return {at::constant_pad_nd(in[0], torch_pads, value)};
  }
  Tensor out = in[0];
  for (std::size_t d = 0; d < rank; ++d) {
    if (pads[d] == 0 && pads[d + rank] == 0) continue;
    const auto axis = static_cast<std::int64_t>(d);
    const std::int64_t size = out.size(axis);
    std::vector<std::int64_t> index;
    for (std::int64_t i = -pads[d]; i < size + pads[d + rank]; ++i) {
      index.push_back(source_index(i, size, mode));
    }
    out = out.index_select(axis, at::tensor(index, at::kLong).to(out.device()));
  }
  return {out};
}

Tensors pad_vjp(const Node& node, Inputs in, Inputs, Inputs grad_out,
                std::span<const bool> wanted) {
  if (node.attributes.text("mode", "constant") != "constant") {
    return autograd_vjp(node, in, grad_out, wanted);
  }
  const std::vector<std::int64_t> pads = pads_of(node, in);
  const auto rank = static_cast<std::size_t>(in[0].dim());
  std::vector<std::int64_t> back;
  for (std::size_t d = rank; d-- > 0;) {
    back.push_back(-pads[d]);
    back.push_back(-pads[d + rank]);
  }
  Tensors result(in.size());
  result[0] = at::constant_pad_nd(grad_out[0], back, 0);
  return result;
}

void pad_check(const Node& node) {
  const std::string mode = node.attributes.text("mode", "constant");
  if (mode != "constant" && mode != "edge" && mode != "reflect" && mode != "wrap") {
    fail(ErrorCode::BadModel, "mode \"", mode, "\" is not constant, edge, reflect or wrap");
  }
}

}  // namespace

constinit const OpSpec op_Pad{.name = "Pad",
                              .kind = OpKind::Route,
                              .help = "borders: constant, edge, reflect or wrap",
                              .forward = pad_forward,
                              .vjp = pad_vjp,
                              .check = pad_check,
                              .since = 2};

}  // namespace limn
