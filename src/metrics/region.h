// Which pixels of a picture belong to the class that a metric asks about, and whether the pair of
// picture and class counts at all.
#pragma once
#include <string>

#include "limn/metric.h"
#include "limn/options.h"
#include "limn/tensor.h"

namespace limn {

struct RegionOptions {
  /// auto: TorchRay's choice, masks of objects (COCO), else boxes (VOC), else a segmentation.
  /// finest: pixels where they are known, else boxes.
  std::string mask = "auto";
  std::string subset = "all";
  bool difficult = false;  ///< pairs whose objects are all marked difficult count, too
};

/// The options `mask` and `subset`.
Field mask_field(RegionOptions& o);
Field subset_field(RegionOptions& o);

struct Region {
  Tensor mask = {};     ///< bool [h, w] on the CPU; never empty
  Tensor ignored = {};  ///< the same: pixels that nobody labelled; undefined where there are none
  bool pixels = false;  ///< the mask is one of pixels, not of boxes
  std::string skipped = {};  ///< why the pair does not count; `mask` is then undefined
};

/// Of a case whose truth is known. Throws BadInput where the mask's size is not the map's.
Region region_of(const MetricCase& one, const RegionOptions& options);

/// float64 [h, w] on the CPU, contiguous. Throws BadInput, Numerical.
Tensor plain_map(const Tensor& map);
/// bool [h, w] on the CPU, contiguous. Throws BadInput where its size is not `map`'s.
Tensor plain_mask(const Tensor& mask, const Tensor& map, const char* name = "mask");
/// True where all values are equal: such a map points nowhere.
bool is_constant(const Tensor& map);

}  // namespace limn
