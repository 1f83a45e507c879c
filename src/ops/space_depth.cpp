// DepthToSpace and SpaceToDepth: blocks of places to channels and back.
#include "ops/op.h"

namespace limn {
namespace {

std::int64_t block_of(const Node& node) { return node.attributes.integer("blocksize", 0); }

void block_check(const Node& node) {
  if (block_of(node) < 1) fail(ErrorCode::BadModel, "blocksize is ", block_of(node));
}

Tensors depth_to_space_forward(const Node& node, Inputs in) {
  const std::int64_t b = block_of(node), n = in[0].size(0), c = in[0].size(1) / (b * b),
                     h = in[0].size(2), w = in[0].size(3);
  const bool column_row = node.attributes.text("mode", "DCR") == "CRD";
  const Tensor apart = column_row ? in[0].reshape({n, c, b, b, h, w}).permute({0, 1, 4, 2, 5, 3})
                                  : in[0].reshape({n, b, b, c, h, w}).permute({0, 3, 4, 1, 5, 2});
  return {apart.reshape({n, c, h * b, w * b})};
}

Tensors space_to_depth_forward(const Node& node, Inputs in) {
  const std::int64_t b = block_of(node), n = in[0].size(0), c = in[0].size(1),
                     h = in[0].size(2) / b, w = in[0].size(3) / b;
  const Tensor apart = in[0].reshape({n, c, h, b, w, b}).permute({0, 3, 5, 1, 2, 4});
  return {apart.reshape({n, c * b * b, h, w})};
}

}  // namespace

constinit const OpSpec op_DepthToSpace{.name = "DepthToSpace",
                                       .kind = OpKind::Route,
                                       .help = "channels to blocks of places",
                                       .forward = depth_to_space_forward,
                                       .check = block_check};
constinit const OpSpec op_SpaceToDepth{.name = "SpaceToDepth",
                                       .kind = OpKind::Route,
                                       .help = "blocks of places to channels",
                                       .forward = space_to_depth_forward,
                                       .check = block_check};

}  // namespace limn
