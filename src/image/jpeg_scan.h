// Whether the coded data of a JPEG file are whole. Decoders fill what is damaged with gray and go
// on, so that a broken picture would be measured without a word.
#pragma once
#include <string>
#include <string_view>

namespace limn {

/// What is wrong with the coded data, in words; empty where nothing is found. Files of sequential
/// Huffman codes are walked code by code. Of others (progressive, arithmetic) and of files without
/// their own tables nothing is said. Never throws.
std::string jpeg_damage(std::string_view bytes);

}  // namespace limn
