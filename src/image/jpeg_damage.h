// Whether the coded data of a JPEG file are whole. OpenCV fills what is damaged with gray and goes
// on, so that a broken picture would be measured without a word.
#pragma once
#include <string>
#include <string_view>

namespace limn {

/// What libjpeg finds wrong with the coded data, in its words; empty where it finds nothing, and
/// for files that it cannot read at all. Up to 16 bytes that are left over are no damage. Never
/// throws.
std::string jpeg_damage(std::string_view bytes);

}  // namespace limn
