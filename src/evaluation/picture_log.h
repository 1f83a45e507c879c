// pictures.jsonl: which pictures of which models are finished.
#pragma once
#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace limn {

/// One line: a picture of a model is finished, or cannot be used.
struct PictureLine {
  std::string model, data, image;
  std::int64_t index = 0;    ///< in the data set
  std::int64_t cases = 0;    ///< classes explained
  std::string problem = {};  ///< why it cannot be used; it is tried again by the next run
  std::map<std::string, double> seconds = {};  ///< of one map, by the method's canonical spec

  /// Of model, data and image.
  std::string key() const;
};
std::string picture_text(const PictureLine& line);
/// Throws BadInput for anything that `picture_text` does not write.
PictureLine parse_picture(const std::string& text);

/// The last line of each picture, in the order of their first lines. A broken last line is left
/// out. Empty where there is no file.
std::vector<PictureLine> read_pictures(const std::string& path);

}  // namespace limn
