// The size of a picture from its first bytes: a header of a hundred bytes may ask a decoder for
// gigabytes, so it is read and checked before. Sources: ITU T.81, RFC 2083, TIFF 6.0, RFC 9649,
// netpbm's pnm(5), Microsoft's BITMAPINFOHEADER.
#include "image/picture_header.h"

#include <algorithm>
#include <cctype>
#include <cstdlib>

namespace limn {
namespace {

/// Numbers at a place; reading beyond the end gives 0.
class Bytes {
 public:
  explicit Bytes(std::string_view text) : text_(text) {}
  std::size_t size() const { return text_.size(); }
  std::uint64_t byte(std::size_t at) const {
    return at < text_.size() ? static_cast<unsigned char>(text_[at]) : 0;
  }
  std::uint64_t big(std::size_t at, int count) const {
    std::uint64_t value = 0;
    for (int i = 0; i < count; ++i) value = value << 8 | byte(at + static_cast<std::size_t>(i));
    return value;
  }
  std::uint64_t little(std::size_t at, int count) const {
    std::uint64_t value = 0;
    for (int i = count; i-- > 0;) value = value << 8 | byte(at + static_cast<std::size_t>(i));
    return value;
  }
  bool has(std::size_t at, std::string_view what) const {
    return at <= text_.size() && text_.substr(at, what.size()) == what;
  }

 private:
  std::string_view text_;
};

std::int64_t number(std::uint64_t value) { return static_cast<std::int64_t>(value & 0xffffffff); }

void jpeg(const Bytes& bytes, std::string_view text, PictureHeader& header) {
  header.complete = false;
  std::size_t at = 2;
  while (at + 4 <= bytes.size()) {
    if (bytes.byte(at) != 0xff) return;
    const std::uint64_t marker = bytes.byte(at + 1);
    if (marker == 0xff) {  // a fill byte
      ++at;
      continue;
    }
    const bool frame =
        marker >= 0xc0 && marker <= 0xcf && marker != 0xc4 && marker != 0xc8 && marker != 0xcc;
    if (frame) {
      header.height = number(bytes.big(at + 5, 2));
      header.width = number(bytes.big(at + 7, 2));
    }
    if (marker == 0xda) {
      // Entropy-coded data never holds the end mark FF D9, so finding it means that all is there.
      header.complete = text.find("\xff\xd9", at) != std::string_view::npos;
      return;
    }
    at += 2 + bytes.big(at + 2, 2);
  }
}

void png(const Bytes& bytes, PictureHeader& header) {
  header.width = number(bytes.big(16, 4));
  header.height = number(bytes.big(20, 4));
  header.complete = false;
  std::size_t at = 8;
  while (at + 12 <= bytes.size()) {
    if (bytes.has(at + 4, "IEND")) {
      header.complete = true;
      return;
    }
    at += 12 + bytes.big(at, 4);
  }
}

void tiff(const Bytes& bytes, PictureHeader& header) {
  const bool little = bytes.byte(0) == 'I';
  const auto read = [&](std::size_t at, int count) {
    return little ? bytes.little(at, count) : bytes.big(at, count);
  };
  const std::size_t directory = read(4, 4);
  const std::uint64_t entries = read(directory, 2);
  for (std::uint64_t i = 0; i < entries; ++i) {
    const std::size_t at = directory + 2 + 12 * i;
    if (at + 12 > bytes.size()) return;
    const std::uint64_t tag = read(at, 2);
    const std::int64_t value = number(read(at + 8, read(at + 2, 2) == 3 ? 2 : 4));
    if (tag == 256) header.width = value;
    if (tag == 257) header.height = value;
  }
}

void webp(const Bytes& bytes, PictureHeader& header) {
  if (bytes.has(12, "VP8X")) {
    header.width = number(bytes.little(24, 3)) + 1;
    header.height = number(bytes.little(27, 3)) + 1;
  } else if (bytes.has(12, "VP8L")) {
    const std::uint64_t bits = bytes.little(21, 4);
    header.width = number(bits & 0x3fff) + 1;
    header.height = number(bits >> 14 & 0x3fff) + 1;
  } else if (bytes.has(12, "VP8 ")) {
    header.width = number(bytes.little(26, 2) & 0x3fff);
    header.height = number(bytes.little(28, 2) & 0x3fff);
  }
  header.complete = bytes.little(4, 4) + 8 <= bytes.size();
}

void pnm(std::string_view text, PictureHeader& header) {
  std::size_t at = 2;
  const auto next = [&]() -> std::int64_t {
    while (at < text.size()) {
      if (text[at] == '#') {
        while (at < text.size() && text[at] != '\n') ++at;
      } else if (!std::isspace(static_cast<unsigned char>(text[at]))) {
        break;
      } else {
        ++at;
      }
    }
    std::int64_t value = 0;
    while (at < text.size() && std::isdigit(static_cast<unsigned char>(text[at]))) {
      value = std::min<std::int64_t>(value * 10 + (text[at++] - '0'), 0xffffffff);
    }
    return value;
  };
  header.width = next();
  header.height = next();
}

}  // namespace

PictureHeader read_picture_header(std::string_view text) {
  const Bytes bytes(text);
  PictureHeader header;
  if (bytes.has(0, "\xff\xd8\xff")) {
    header.format = "JPEG";
    jpeg(bytes, text, header);
  } else if (bytes.has(0, "\x89PNG\r\n\x1a\n")) {
    header.format = "PNG";
    png(bytes, header);
  } else if (bytes.has(0, "BM") && bytes.size() > 26) {
    header.format = "BMP";
    const bool old = bytes.little(14, 4) == 12;
    header.width = old ? number(bytes.little(18, 2)) : number(bytes.little(18, 4));
    // A negative height means rows from the top.
    header.height =
        old ? number(bytes.little(20, 2))
            : std::abs(static_cast<std::int64_t>(static_cast<std::int32_t>(bytes.little(22, 4))));
  } else if (bytes.has(0, std::string_view("II*\0", 4)) ||
             bytes.has(0, std::string_view("MM\0*", 4))) {
    header.format = "TIFF";
    tiff(bytes, header);
  } else if (bytes.has(0, "RIFF") && bytes.has(8, "WEBP")) {
    header.format = "WebP";
    webp(bytes, header);
  } else if (text.size() > 8 && text[0] == 'P' && text[1] >= '1' && text[1] <= '6') {
    header.format = "PNM";
    pnm(text, header);
  }
  return header;
}

}  // namespace limn
