// Any bytes as annotations; the first byte chooses the reader. Only limn::Error may come out, and a
// mask covers its picture exactly.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <string_view>

#include "data/coco_json.h"
#include "data/csv_table.h"
#include "data/voc_annotation.h"
#include "limn/error.h"

namespace {

void draw(const limn::CocoRle& rle) {
  limn::check_rle(rle);
  const auto pixels = static_cast<std::size_t>(rle.height * rle.width);
  const auto picture = std::make_unique<bool[]>(pixels);
  limn::paint(rle, picture.get());
  std::int64_t inside = 0;
  for (std::size_t i = 0; i < pixels; ++i) inside += picture[i] ? 1 : 0;
  if (inside != rle.area()) std::abort();
}

void read_coco(std::string_view text) {
  const limn::CocoFile file = limn::parse_coco(text);
  for (const auto& image : file.images) {
    if (image.height * image.width > 1 << 16) continue;
    for (const std::size_t place : image.annotations) {
      const auto masks = limn::coco_masks(file.annotations.at(place), image.height, image.width);
      for (const auto& mask : masks) draw(mask);
    }
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 1) return 0;
  const std::string_view text(reinterpret_cast<const char*>(data) + 1, size - 1);
  try {
    switch (data[0]) {
      case 'j':
        read_coco(text);
        break;
      case 'r':
        draw(limn::rle_of_text(text, 30, 40));
        break;
      case 'x':
        limn::parse_voc_annotation(text);
        break;
      case 'c':
        limn::parse_csv(text);
        break;
      default:
        break;
    }
  } catch (const limn::Error&) {
  }
  return 0;
}
