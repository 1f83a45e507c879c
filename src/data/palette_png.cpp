// OpenCV writes no indexed PNG, but an 8-bit gray one has the same pixel data: the color type in
// the header is changed from gray to indexed and a palette is put behind it (PNG specification,
// 11.2.2 and 11.2.3). The palette is that of VOCdevkit's VOClabelcolormap.m.
#include "data/palette_png.h"

#include <array>
#include <opencv2/imgcodecs.hpp>

#include "limn/error.h"

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

}  // namespace limn
