// COCO's instances JSON, read one annotation at a time so that large files stay small in memory.
#pragma once
#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "data/coco_mask.h"

namespace limn {

struct CocoAnnotation {
  std::int64_t id = 0, image = 0, category = 0;  ///< as in the file
  int label = -1;                                ///< -1 where no category has this id
  bool crowd = false;
  double area = 0;
  std::optional<std::array<double, 4>> box;  ///< left, top, width, height
  std::vector<std::vector<double>> polygons;
  std::optional<std::vector<std::uint32_t>> runs;  ///< of an uncompressed RLE
  std::optional<std::string> text;                 ///< of a compressed RLE
  std::array<std::int64_t, 2> rle_size{};          ///< height, width
  std::string broken;  ///< what is wrong with it; then it has no mask and no box
};

struct CocoImage {
  std::int64_t id = 0, width = 0, height = 0;
  std::string file;
  std::vector<std::size_t> annotations;  ///< places in CocoFile::annotations
};

struct CocoFile {
  std::vector<CocoImage> images;            ///< in file order
  std::vector<CocoAnnotation> annotations;  ///< in file order
  std::vector<std::string> labels;          ///< categories in file order
  std::vector<std::int64_t> strays;         ///< annotations of pictures that are not listed
};

/// Throws BadInput that names the place: no JSON, or entries without which nothing can be said.
/// An annotation that alone is wrong is kept with `broken`.
CocoFile parse_coco(std::string_view text);

/// The masks of an annotation; empty where it has none. Throws BadInput.
std::vector<CocoRle> coco_masks(const CocoAnnotation& annotation, std::int64_t height,
                                std::int64_t width);

}  // namespace limn
