// The size of a picture from its first bytes, without decoding anything.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>

namespace limn {

struct PictureHeader {
  std::string format;  ///< JPEG, PNG, BMP, TIFF, WebP, PNM; empty where none of these
  std::int64_t width = 0, height = 0;
  bool complete = true;  ///< false where the format's closing mark is missing
};
/// Never throws; a damaged header gives a size of 0 x 0.
PictureHeader read_picture_header(std::string_view bytes);

}  // namespace limn
