// See html_parts.h.
#include "render/html_parts.h"

#include "limn/image.h"

namespace limn::render {

std::string base64(std::string_view bytes) {
  static constexpr std::string_view kLetters =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string out;
  out.reserve((bytes.size() + 2) / 3 * 4);
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    std::uint32_t group = 0;
    for (std::size_t k = 0; k < 3; ++k) {
      group = group << 8 | (i + k < bytes.size() ? static_cast<unsigned char>(bytes[i + k]) : 0U);
    }
    for (std::size_t k = 0; k < 4; ++k) {
      const bool real = i + k <= bytes.size();
      out += real ? kLetters[group >> (18 - 6 * k) & 63] : '=';
    }
  }
  return out;
}

std::string png_url(std::string_view png) { return "data:image/png;base64," + base64(png); }

std::string jpeg_url(std::string_view jpeg) { return "data:image/jpeg;base64," + base64(jpeg); }

std::string png_url(const Tensor& pixels) { return png_url(std::string_view(encode_png(pixels))); }

std::string escaped(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '<') {
      out += "&lt;";
    } else if (c == '&') {
      out += "&amp;";
    } else if (c == '"') {
      out += "&quot;";
    } else {
      out += c;
    }
  }
  return out;
}

void replace(std::string& text, std::string_view mark, std::string_view by) {
  const std::size_t at = text.find(mark);
  if (at != std::string::npos) text.replace(at, mark.size(), by);
}

}  // namespace limn::render
