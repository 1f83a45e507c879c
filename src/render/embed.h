// What self-contained pages are made of: pictures as data URLs, text that stays text.
#pragma once
#include <string>
#include <string_view>

#include "limn/tensor.h"

namespace limn::render {

std::string base64(std::string_view bytes);
/// uint8 [H, W, 3] or [H, W, 4] as `data:image/png;base64,...`.
std::string png_url(const Tensor& pixels);
/// The text with &, <, > and quotes written so that they stand for themselves.
std::string html_text(const std::string& text);

}  // namespace limn::render
