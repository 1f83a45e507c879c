// Tile: the input repeated along its axes.
#include "ops/op.h"
#include "ops/sizes.h"

namespace limn {
namespace {

Tensors tile_forward(const Node&, Inputs in) {
  const std::vector<std::int64_t> repeats = integers_of(in[1]);
  if (static_cast<std::int64_t>(repeats.size()) != in[0].dim()) {
    fail(ErrorCode::BadModel, repeats.size(), " repeats for an input of ", in[0].dim(),
         " dimensions");
  }
  std::vector<std::int64_t> shape = in[0].sizes().vec();
  for (std::size_t d = 0; d < shape.size(); ++d) {
    // Also where another size is 0, so that the product of these two cannot overflow.
    const double size = static_cast<double>(shape[d]) * static_cast<double>(repeats[d]);
    if (size < 0 || size > kMaxBatchElements) {
      fail(ErrorCode::BadModel, "repeats a size of ", shape[d], " ", repeats[d], " times; at most ",
           kMaxBatchElements, " elements are allowed");
    }
    shape[d] *= repeats[d];
  }
  check_size(shape);
  return {in[0].repeat(repeats)};
}

}  // namespace

constinit const OpSpec op_Tile{.name = "Tile",
                               .kind = OpKind::Route,
                               .help = "the input repeated",
                               .forward = tile_forward,
                               .since = 6,
                               .inputs_min = 2};

}  // namespace limn
