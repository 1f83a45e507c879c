// PNG files with PASCAL VOC's palette.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "limn/shapes.h"

namespace limn {

/// VOC's color of an index: the bits of the index dealt to red, green and blue from the top.
RgbColor voc_color(int index);

/// An indexed PNG with VOC's 256 colors; `indices` holds height x width values.
/// Throws Io where the picture cannot be encoded.
std::vector<std::uint8_t> palette_png(const std::uint8_t* indices, int width, int height);

/// The indices of a PNG: uint8 [H, W]. Of an indexed or gray file its numbers, of one in color the
/// index whose VOC color it is. `name` stands in errors. Throws BadInput for anything else, for
/// damaged or truncated files, and more than kMaxPixels pixels.
Tensor palette_indices(std::string_view png, const std::string& name);

/// Where an indexed or gray PNG is not 0, or one in color not black: bool [H, W]. As
/// `palette_indices`.
Tensor png_mask(std::string_view png, const std::string& name);

}  // namespace limn
