// Gather, GatherElements, GatherND: values picked by index; negative indices count from the end.
#include "ops/op.h"

namespace limn {
namespace {

/// Indices on the data's device, made nonnegative for an axis of `size`; checked.
Tensor wrapped(const Tensor& indices, std::int64_t size, const Tensor& data) {
  const Tensor index = indices.to(at::kLong);
  if (index.numel() > 0 &&
      (index.min().item<std::int64_t>() < -size || index.max().item<std::int64_t>() >= size)) {
    fail(ErrorCode::BadModel, "an index is outside an axis of ", size);
  }
  return at::where(index < 0, index + size, index).to(data.device());
}

Tensors gather_forward(const Node& node, Inputs in) {
  const std::int64_t axis = normalize_axis(node.attributes.integer("axis", 0), in[0].dim());
  const Tensor index = wrapped(in[1], in[0].size(axis), in[0]);
  std::vector<std::int64_t> shape = in[0].sizes().slice(0, static_cast<std::size_t>(axis)).vec();
  for (const std::int64_t size : index.sizes()) shape.push_back(size);
  for (std::int64_t d = axis + 1; d < in[0].dim(); ++d) shape.push_back(in[0].size(d));
  return {in[0].index_select(axis, index.reshape({-1})).reshape(shape)};
}

Tensors gather_elements_forward(const Node& node, Inputs in) {
  const std::int64_t axis = normalize_axis(node.attributes.integer("axis", 0), in[0].dim());
  return {in[0].gather(axis, wrapped(in[1], in[0].size(axis), in[0]))};
}

Tensors gather_nd_forward(const Node& node, Inputs in) {
  const std::int64_t batch = node.attributes.integer("batch_dims", 0);
  const std::int64_t depth = in[1].size(-1), rank = in[0].dim();
  if (batch < 0 || batch + depth > rank) {
    fail(ErrorCode::BadModel, "indices of depth ", depth, " do not fit shape ", in[0].sizes());
  }
  // Flattened: [batch, picked axes, rest] by one linear index.
  std::int64_t batches = 1, picked = 1;
  std::vector<std::int64_t> shape, rest;
  for (std::int64_t d = 0; d < batch; ++d) batches *= in[0].size(d);
  Tensor linear =
      at::zeros(in[1].sizes().slice(0, static_cast<std::size_t>(in[1].dim() - 1)), at::kLong);
  for (std::int64_t i = 0; i < depth; ++i) {
    const std::int64_t size = in[0].size(batch + i);
    linear = linear * size + wrapped(in[1].select(-1, i), size, linear);
    picked *= size;
  }
  for (std::int64_t d = batch + depth; d < rank; ++d) rest.push_back(in[0].size(d));
  shape = linear.sizes().vec();
  shape.insert(shape.end(), rest.begin(), rest.end());
  const Tensor offsets = at::arange(batches, at::kLong).unsqueeze(1) * picked;
  const Tensor rows = (linear.reshape({batches, -1}) + offsets).reshape({-1}).to(in[0].device());
  return {in[0].reshape({batches * picked, -1}).index_select(0, rows).reshape(shape)};
}

}  // namespace

constinit const OpSpec op_Gather{.name = "Gather",
                                 .kind = OpKind::Route,
                                 .help = "slices picked by index",
                                 .forward = gather_forward,
                                 .inputs_min = 2};
constinit const OpSpec op_GatherElements{.name = "GatherElements",
                                         .kind = OpKind::Route,
                                         .help = "values picked by index along an axis",
                                         .forward = gather_elements_forward,
                                         .inputs_min = 2};
constinit const OpSpec op_GatherND{.name = "GatherND",
                                   .kind = OpKind::Route,
                                   .help = "values picked by index tuples",
                                   .forward = gather_nd_forward,
                                   .inputs_min = 2};

}  // namespace limn
