// What pages that are complete in themselves are made of.
#pragma once
#include <string>
#include <string_view>

#include "limn/tensor.h"

namespace limn::render {

std::string base64(std::string_view bytes);
/// A PNG as an address that holds the picture.
std::string png_url(std::string_view png);
std::string jpeg_url(std::string_view jpeg);
/// PNG of uint8 [h, w, 3 or 4].
std::string png_url(const Tensor& pixels);
/// Text as text, between tags and within quotes.
std::string escaped(std::string_view text);
/// The first `mark` of a page becomes `by`.
void replace(std::string& text, std::string_view mark, std::string_view by);

}  // namespace limn::render
