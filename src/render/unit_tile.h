// A picture with what one unit sees in it.
#pragma once
#include "limn/tensor.h"

namespace limn::render {

/// `picture` uint8 [H, W, 3] with a longer side of `side` pixels. It is dark where the unit does
/// not fire; yellow surrounds where it fires, blue where its formula holds. Masks: bool [h, w],
/// laid over the whole picture.
Tensor unit_tile(const Tensor& picture, const Tensor& fires, const Tensor& formula,
                 std::int64_t side);

}  // namespace limn::render
