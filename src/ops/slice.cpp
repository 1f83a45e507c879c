// Slice: every step-th entry from start to end along some axes; steps may be negative.
#include "ops/op.h"

namespace limn {
namespace {

Tensors slice_forward(const Node& node, Inputs in) {
  const bool by_input = node.opset >= 10 && in.size() > 2;
  const auto& attributes = node.attributes;
  const auto starts = by_input ? integers_of(in[1]) : attributes.integers("starts");
  const auto ends = by_input ? integers_of(in[2]) : attributes.integers("ends");
  auto axes = by_input ? integers_of(optional_input(in, 3)) : attributes.integers("axes");
  auto steps = by_input ? integers_of(optional_input(in, 4)) : std::vector<std::int64_t>{};
  if (starts.size() != ends.size()) fail(ErrorCode::BadModel, "starts and ends differ in length");
  for (std::size_t i = axes.size(); i < starts.size(); ++i)
    axes.push_back(static_cast<std::int64_t>(i));
  steps.resize(starts.size(), 1);
  Tensor out = in[0];
  for (std::size_t i = 0; i < starts.size(); ++i) {
    const std::int64_t axis = normalize_axis(axes[i], out.dim()), size = out.size(axis);
    const std::int64_t step = steps[i];
    if (step == 0) fail(ErrorCode::BadModel, "step 0");
    const auto clamped = [&](std::int64_t at, std::int64_t low, std::int64_t high) {
      if (at < 0) at = at < -size ? low : at + size;
      return std::clamp(at, low, high);
    };
    if (step > 0) {
      const std::int64_t start = clamped(starts[i], 0, size), end = clamped(ends[i], 0, size);
      out = out.slice(axis, start, std::max(start, end), step);
      continue;
    }
    // Backwards from start down to just above end; -1 stands for "before the first".
    const std::int64_t start = size == 0 ? -1 : clamped(starts[i], 0, size - 1);
    const std::int64_t end = size == 0 ? -1 : clamped(ends[i], -1, size - 1);
    const at::Tensor index = start > end
                                 ? at::arange(start, end, step, at::TensorOptions(at::kLong))
                                 : at::empty({0}, at::TensorOptions(at::kLong));
    out = out.index_select(axis, index.to(out.device()));
  }
  return {out};
}

}  // namespace

constinit const OpSpec op_Slice{.name = "Slice",
                                .kind = OpKind::Route,
                                .help = "every step-th entry from start to end",
                                .forward = slice_forward};

}  // namespace limn
