// Pictures in rows with words below each.
#pragma once
#include <string>
#include <vector>

#include "limn/tensor.h"

namespace limn::render {

struct GridTile {
  Tensor picture;       ///< uint8 [H, W, 3]
  std::string caption;  ///< two lines at most
  std::string detail;   ///< one line in gray
};

/// uint8 [H, W, 3] of a picture [C, H, W] in [0, 1]; one channel becomes three.
Tensor picture_bytes(const Tensor& picture);

/// uint8 [h, w, 3]: all tiles at one size, row by row, in a shape near 3 : 2; many become small.
Tensor picture_grid(const std::vector<GridTile>& tiles);

}  // namespace limn::render
