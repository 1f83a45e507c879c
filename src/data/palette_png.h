// PNG files with PASCAL VOC's palette.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "limn/shapes.h"

namespace limn {

/// VOC's color of an index: the bits of the index dealt to red, green and blue from the top.
RgbColor voc_color(int index);

/// An indexed PNG with VOC's 256 colors; `indices` holds height x width values.
/// Throws Io where the picture cannot be encoded.
std::vector<std::uint8_t> palette_png(const std::uint8_t* indices, int width, int height);

}  // namespace limn
