// The XML annotation of a PASCAL VOC picture.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace limn {

struct VocObject {
  std::string name;
  bool difficult = false;
  /// Pixels, as in the file: 1-based, the last row and column included.
  double left = 0, top = 0, right = 0, bottom = 0;
};

struct VocAnnotation {
  std::int64_t width = 0, height = 0;  ///< 0 where the file does not say
  std::vector<VocObject> objects;      ///< in file order
};

/// Throws BadInput that names the line, or the object and what is wrong with it.
VocAnnotation parse_voc_annotation(std::string_view xml);

}  // namespace limn
