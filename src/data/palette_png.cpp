// OpenCV writes no indexed PNG, but an 8-bit gray one has the same pixel data: the color type in
// the header is changed from gray to indexed and a palette is put behind it (PNG specification,
// 11.2.2 and 11.2.3), and back for reading, since decoders give colors where masks need numbers.
// The palette is that of VOCdevkit's VOClabelcolormap.m.
#include "data/palette_png.h"

#include <array>
#include <opencv2/imgcodecs.hpp>
#include <unordered_map>

#include "image/picture_header.h"
#include "limn/error.h"
#include "limn/image.h"

namespace limn {
namespace {

/// CRC-32 of a chunk's type and data.
std::uint32_t crc32(const std::uint8_t* data, std::size_t size) {
  std::uint32_t crc = 0xffffffffU;
  for (std::size_t i = 0; i < size; ++i) {
    crc ^= data[i];
    for (int bit = 0; bit < 8; ++bit) crc = (crc >> 1) ^ ((crc & 1) ? 0xedb88320U : 0U);
  }
  return ~crc;
}

void put_number(std::vector<std::uint8_t>& out, std::uint32_t value) {
  for (int shift = 24; shift >= 0; shift -= 8) {
    out.push_back(static_cast<std::uint8_t>(value >> shift));
  }
}

/// `chunk` is type and data.
void put_chunk(std::vector<std::uint8_t>& out, const std::vector<std::uint8_t>& chunk) {
  put_number(out, static_cast<std::uint32_t>(chunk.size() - 4));
  out.insert(out.end(), chunk.begin(), chunk.end());
  put_number(out, crc32(chunk.data(), chunk.size()));
}

}  // namespace

RgbColor voc_color(int index) {
  RgbColor color{};
  for (int bit = 7; bit >= 0; --bit, index >>= 3) {
    for (std::size_t c = 0; c < 3; ++c) {
      color[c] = static_cast<std::uint8_t>(color[c] | (((index >> c) & 1) << bit));
    }
  }
  return color;
}

std::vector<std::uint8_t> palette_png(const std::uint8_t* indices, int width, int height) {
  const cv::Mat gray(height, width, CV_8UC1, const_cast<std::uint8_t*>(indices));
  std::vector<std::uint8_t> png;
  // Signature (8), then the header chunk: length (4), type (4), data (13), checksum (4).
  constexpr std::size_t kHeader = 8, kHeaderEnd = kHeader + 25, kBitDepth = kHeader + 16;
  if (!cv::imencode(".png", gray, png) || png.size() < kHeaderEnd || png[kBitDepth] != 8 ||
      png[kBitDepth + 1] != 0) {
    fail(ErrorCode::Io, "OpenCV could not encode a mask of ", width, " x ", height, " as gray PNG");
  }
  std::vector<std::uint8_t> out(png.begin(), png.begin() + kHeader);
  std::vector<std::uint8_t> header(png.begin() + kHeader + 4, png.begin() + kHeader + 21);
  header[4 + 9] = 3;
  put_chunk(out, header);
  std::vector<std::uint8_t> palette = {'P', 'L', 'T', 'E'};
  for (int index = 0; index < 256; ++index) {
    const RgbColor color = voc_color(index);
    palette.insert(palette.end(), color.begin(), color.end());
  }
  put_chunk(out, palette);
  out.insert(out.end(), png.begin() + kHeaderEnd, png.end());
  return out;
}

namespace {

enum PngColor : std::uint8_t { kGray = 0, kRgb = 2, kIndexed = 3, kRgba = 6 };
constexpr std::size_t kDepthAt = 24, kColorAt = 25;

std::size_t number_at(std::string_view bytes, std::size_t at) {
  std::size_t value = 0;
  for (std::size_t i = 0; i < 4; ++i) value = value << 8 | static_cast<std::uint8_t>(bytes[at + i]);
  return value;
}

/// The same pixels called gray: header, data and end without the palette. Empty where a checksum is
/// wrong.
std::vector<std::uint8_t> called_gray(std::string_view png) {
  std::vector<std::uint8_t> out(png.begin(), png.begin() + 8);
  std::size_t at = 8;
  while (at + 12 <= png.size()) {
    const std::size_t size = number_at(png, at);
    if (size > png.size() - at - 12) break;
    const std::string_view type = png.substr(at + 4, 4);
    if (type == "IHDR" || type == "IDAT" || type == "IEND") {
      std::vector<std::uint8_t> chunk(png.begin() + static_cast<std::ptrdiff_t>(at + 4),
                                      png.begin() + static_cast<std::ptrdiff_t>(at + 8 + size));
      if (crc32(chunk.data(), chunk.size()) != number_at(png, at + 8 + size)) return {};
      if (type == "IHDR" && size == 13) chunk[4 + 9] = kGray;
      put_chunk(out, chunk);
    }
    at += 12 + size;
  }
  return out;
}

/// libpng spreads 1, 2 and 4 bits of gray over 0..255.
Tensor gray_indices(std::string_view png, int depth) {
  const std::vector<std::uint8_t> bytes = called_gray(png);
  if (bytes.empty()) return {};
  const cv::Mat gray = cv::imdecode(bytes, cv::IMREAD_GRAYSCALE);
  if (gray.empty() || gray.type() != CV_8UC1) return {};
  const Tensor view = at::from_blob(const_cast<std::uint8_t*>(gray.data), {gray.rows, gray.cols},
                                    {static_cast<std::int64_t>(gray.step), 1}, at::kByte);
  return depth < 8 ? view.div(255 / ((1 << depth) - 1), "floor") : view.clone();
}

Tensor color_indices(std::string_view png, const std::string& name) {
  static const std::unordered_map<int, std::uint8_t> index_of = [] {
    std::unordered_map<int, std::uint8_t> all;
    for (int index = 0; index < 256; ++index) {
      const RgbColor color = voc_color(index);
      all[color[0] << 16 | color[1] << 8 | color[2]] = static_cast<std::uint8_t>(index);
    }
    return all;
  }();
  const Tensor pixels = decode_picture(png, name).pixels;
  Tensor out = at::empty({pixels.size(0), pixels.size(1)}, at::kByte);
  const auto* color = pixels.data_ptr<std::uint8_t>();
  auto* index = out.data_ptr<std::uint8_t>();
  for (std::int64_t i = 0; i < out.numel(); ++i, color += 3) {
    const auto found = index_of.find(color[0] << 16 | color[1] << 8 | color[2]);
    if (found == index_of.end()) {
      fail(ErrorCode::BadInput, "\"", name, "\": row ", i / out.size(1), ", column ",
           i % out.size(1), " has a color that is not in VOC's palette");
    }
    index[i] = found->second;
  }
  return out;
}

/// The type of a PNG's pixels, once it is known to be a whole one that limn reads.
int checked_color(std::string_view png, const std::string& name) {
  const PictureHeader header = read_picture_header(png);
  const auto bad = [&](const auto&... parts) {
    fail(ErrorCode::BadInput, "mask \"", name, "\" ", parts...);
  };
  if (header.format != "PNG" || header.width <= 0 || header.height <= 0) bad("is no PNG file");
  if (header.width > kMaxPixels / header.height) {
    bad("is ", header.width, " x ", header.height, " pixels; limn reads at most ",
        kMaxPixels / 1'000'000, " megapixels");
  }
  if (!header.complete) bad("is truncated");
  const int depth = png[kDepthAt], color = png[kColorAt];
  const bool in_color = color == kRgb || color == kRgba;
  if (!in_color && ((color != kGray && color != kIndexed) || depth > 8)) {
    bad("has ", depth, " bits and color type ", color, "; expected indices or 8-bit gray");
  }
  return color;
}

}  // namespace

Tensor palette_indices(std::string_view png, const std::string& name) {
  const int color = checked_color(png, name);
  if (color == kRgb || color == kRgba) return color_indices(png, name);
  Tensor indices;
  try {
    indices = gray_indices(png, png[kDepthAt]);
  } catch (const cv::Exception& error) {
    fail(ErrorCode::BadInput, "mask \"", name, "\" cannot be decoded: ", error.err);
  }
  if (!indices.defined()) fail(ErrorCode::BadInput, "mask \"", name, "\" is damaged");
  return indices;
}

Tensor png_mask(std::string_view png, const std::string& name) {
  const int color = checked_color(png, name);
  if (color == kRgb || color == kRgba) return decode_picture(png, name).pixels.amax(2) != 0;
  return palette_indices(png, name) != 0;
}

}  // namespace limn
