// Which pixels of a picture belong to the class that a metric asks about, and whether the pair of
// picture and class counts at all; many maps as one batch.
#pragma once
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "limn/metric.h"
#include "limn/options.h"
#include "limn/tensor.h"

namespace limn {

struct RegionOptions {
  /// auto: TorchRay's choice, masks of objects (COCO), else boxes (VOC), else a segmentation.
  /// finest: pixels where they are known, else boxes.
  std::string mask = "auto";
  std::string subset = "all";
  bool difficult = false;   ///< pairs whose objects are all marked difficult count, too
  bool needs_rest = false;  ///< pairs whose class covers the whole picture do not count
};

/// The options `mask` and `subset`.
Field mask_field(RegionOptions& o);
Field subset_field(RegionOptions& o);

/// The cases of one size that count, as one batch on the maps' device.
struct RegionBatch {
  std::vector<const MetricCase*> cases;  ///< N
  Tensor maps;     ///< [N, h, w], in the pictures' geometry, as they were given
  Tensor masks;    ///< bool [N, h, w]; no mask is empty
  Tensor ignored;  ///< the same: pixels that nobody labelled; undefined where there are none
  Tensor pixels;   ///< bool [N]: the mask is one of pixels, not of boxes
};
/// Values [N] of each case by name; what is NaN is left out.
using RegionValues = std::map<std::string, Tensor>;

/// Judges all cases that count, those of one size together as far as memory allows; the others are
/// skipped with the reason. Throws BadInput where a mask's size is not the map's, Numerical where a
/// map holds NaN or infinity.
std::vector<Measurement> measure_regions(
    const std::vector<MetricCase>& cases, const RegionOptions& options,
    const std::function<RegionValues(const RegionBatch&)>& measure);

/// [h, w] as the only map, or mask, of a batch. Throws BadInput.
Tensor one_map(const Tensor& map, const char* name = "map");
/// float64 [N, h, w], contiguous, on the maps' device. Throws BadInput, Numerical.
Tensor plain_maps(const Tensor& maps);
/// bool [N, h, w] on the device of `maps`, from [N, h, w] or one [h, w] for all of them, to be read
/// only. Throws BadInput where the size is not that of `maps`.
Tensor plain_masks(const Tensor& masks, const Tensor& maps, const char* name = "mask");
/// bool [N, h, w]: pixels that count, all where `ignored` is undefined. Throws BadInput.
Tensor counted_pixels(const Tensor& ignored, const Tensor& maps);
/// bool [N]: all values are equal; such a map points nowhere.
Tensor are_constant(const Tensor& maps);

}  // namespace limn
