// ScatterND and ScatterElements: a copy of the data with some places written by index.
#include "ops/op.h"

namespace limn {
namespace {

Tensor combine(const std::string& reduction, const Tensor& old, const Tensor& update) {
  if (reduction == "add") return old + update;
  if (reduction == "mul") return old * update;
  if (reduction == "max") return at::maximum(old, update);
  if (reduction == "min") return at::minimum(old, update);
  return update;
}

void scatter_check(const Node& node) {
  const std::string reduction = node.attributes.text("reduction", "none");
  for (const char* known : {"none", "add", "mul", "max", "min"}) {
    if (reduction == known) return;
  }
  fail(ErrorCode::BadModel, "reduction \"", reduction, "\" is not none, add, mul, max or min");
}

/// Writes rows of `updates` into rows of `data` one after the other, as the standard words it where
/// an index repeats; without repetition (and for "none" and "add") at once.
Tensor write_rows(const Tensor& data, const Tensor& rows, const Tensor& updates,
                  const std::string& reduction) {
  if (reduction == "none") return data.index_copy(0, rows, updates);
  if (reduction == "add") return data.index_add(0, rows, updates);
  Tensor out = data.clone();
  const Tensor where = rows.cpu();
  for (std::int64_t i = 0; i < where.size(0); ++i) {
    const std::int64_t row = where[i].item<std::int64_t>();
    out[row].copy_(combine(reduction, out[row].clone(), updates[i]));
  }
  return out;
}

Tensors scatter_nd_forward(const Node& node, Inputs in) {
  const Tensor &data = in[0], index = in[1].to(at::kLong);
  const std::int64_t depth = index.size(-1);
  if (depth > data.dim()) {
    fail(ErrorCode::BadModel, "indices of depth ", depth, " do not fit shape ", data.sizes());
  }
  Tensor rows =
      at::zeros(index.sizes().slice(0, static_cast<std::size_t>(index.dim() - 1)), index.options());
  std::int64_t count = 1;
  for (std::int64_t i = 0; i < depth; ++i) {
    const std::int64_t size = data.size(i);
    const Tensor one = index.select(-1, i);
    if (one.numel() > 0 &&
        (one.min().item<std::int64_t>() < -size || one.max().item<std::int64_t>() >= size)) {
      fail(ErrorCode::BadModel, "an index is outside an axis of ", size);
    }
    rows = rows * size + at::where(one < 0, one + size, one);
    count *= size;
  }
  const Tensor flat = data.reshape({count, -1});
  const Tensor updates = in[2].reshape({rows.numel(), flat.size(1)});
  return {write_rows(flat, rows.reshape({-1}).to(data.device()), updates,
                     node.attributes.text("reduction", "none"))
              .reshape(data.sizes())};
}

Tensors scatter_elements_forward(const Node& node, Inputs in) {
  const std::int64_t axis = normalize_axis(node.attributes.integer("axis", 0), in[0].dim());
  const std::int64_t size = in[0].size(axis);
  Tensor index = in[1].to(at::kLong);
  if (index.numel() > 0 &&
      (index.min().item<std::int64_t>() < -size || index.max().item<std::int64_t>() >= size)) {
    fail(ErrorCode::BadModel, "an index is outside an axis of ", size);
  }
  index = at::where(index < 0, index + size, index).to(in[0].device());
  const std::string reduction = node.attributes.text("reduction", "none");
  if (reduction == "none") return {in[0].scatter(axis, index, in[2])};
  if (reduction == "add") return {in[0].scatter_add(axis, index, in[2])};
  // As rows of single numbers: the linear place of every index.
  Tensor place = at::zeros_like(index);
  for (std::int64_t d = 0; d < in[0].dim(); ++d) {
    std::vector<std::int64_t> shape(static_cast<std::size_t>(in[0].dim()), 1);
    shape[static_cast<std::size_t>(d)] = index.size(d);
    const Tensor own = at::arange(index.size(d), index.options()).reshape(shape).expand_as(index);
    place = place * in[0].size(d) + (d == axis ? index : own);
  }
  return {write_rows(in[0].reshape({-1, 1}), place.reshape({-1}), in[2].reshape({-1, 1}), reduction)
              .reshape(in[0].sizes())};
}

}  // namespace

constinit const OpSpec op_ScatterND{.name = "ScatterND",
                                    .kind = OpKind::Route,
                                    .help = "slices written by index tuples",
                                    .forward = scatter_nd_forward,
                                    .check = scatter_check,
                                    .since = 11,
                                    .inputs_min = 3};
constinit const OpSpec op_ScatterElements{.name = "ScatterElements",
                                          .kind = OpKind::Route,
                                          .help = "values written by index along an axis",
                                          .forward = scatter_elements_forward,
                                          .check = scatter_check,
                                          .since = 11,
                                          .inputs_min = 3};
constinit const OpSpec op_Scatter{.name = "Scatter",
                                  .kind = OpKind::Route,
                                  .help = "ScatterElements before opset 11",
                                  .forward = scatter_elements_forward,
                                  .check = scatter_check,
                                  .since = 9,
                                  .inputs_min = 3};

}  // namespace limn
