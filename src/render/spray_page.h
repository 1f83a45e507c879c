// The page of a spectral analysis: one self-contained HTML file, drawn without scripts.
#pragma once
#include <string>
#include <vector>

#include "limn/spray.h"
#include "limn/tensor.h"

namespace limn::render {

/// A picture of one map: its overlay, or the map alone.
struct SprayPicture {
  std::string name;
  Tensor pixels;  ///< uint8 [h, w, 3]
};

/// One class of maps.
struct SprayGroup {
  std::string name;
  std::vector<std::string> maps;  ///< a name for each map
  SprayAnalysis analysis = {};
  Tensor tsne = {};                ///< [n, 2]; undefined where there are too many maps
  std::vector<Tensor> means = {};  ///< uint8 [h, w, 3] of each cluster's mean map
  std::vector<std::vector<SprayPicture>> examples = {};  ///< of each cluster
  std::vector<std::string> words = {};                   ///< what was found, in sentences
};

/// Hexadecimal color of a cluster, as in the page: `#0072b2`.
std::string cluster_color(std::size_t cluster);

std::string spray_page(const std::string& title, const std::vector<std::string>& facts,
                       const std::vector<SprayGroup>& groups, const std::string& version);

}  // namespace limn::render
