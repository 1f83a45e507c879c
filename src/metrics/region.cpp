// See region.h.
#include "metrics/region.h"

#include <ATen/ATen.h>

#include "limn/error.h"

namespace limn {

Field mask_field(RegionOptions& o) {
  return choice_field("mask", o.mask, {"auto", "finest", "boxes", "pixels"},
                      "what belongs to the class: boxes, pixels, the finest known, or auto: "
                      "masks of objects, else boxes, else pixels of a segmentation");
}

Field subset_field(RegionOptions& o) {
  return choice_field("subset", o.subset, {"all", "dif"},
                      "all pairs of picture and class, or those in the difficult list");
}

Region region_of(const MetricCase& one, const RegionOptions& options) {
  const auto skip = [](std::string why) { return Region{.skipped = std::move(why)}; };
  const Truth& truth = *one.truth;
  if (options.subset == "dif" && !truth.in_difficult_list) {
    return skip("not in the data set's list of difficult pairs");
  }
  if (truth.all_difficult && !options.difficult) {
    return skip("every object of the class is marked difficult");
  }
  const bool has_pixels = truth.pixels.defined(), has_boxes = truth.boxes.defined();
  const bool pixels = options.mask == "pixels" || (options.mask == "finest" && has_pixels) ||
                      (options.mask == "auto" && (truth.object_masks || !has_boxes));
  const Tensor& mask = pixels ? truth.pixels : truth.boxes;
  if (!mask.defined()) {
    return skip(pixels ? "no pixels of the class are known; mask=boxes takes its boxes"
                       : "no boxes of the class are known; mask=pixels takes its pixels");
  }
  Region region{.mask = plain_mask(mask, one.original), .pixels = pixels};
  if (pixels && truth.ignored.defined()) {
    region.ignored = plain_mask(truth.ignored, one.original, "mask of ignored pixels");
    region.mask = region.mask.logical_and(region.ignored.logical_not());
  }
  if (!region.mask.any().item<bool>()) return skip("no pixel belongs to the class");
  return region;
}

Tensor plain_map(const Tensor& map) {
  if (map.dim() != 2 || map.numel() == 0) {
    fail(ErrorCode::BadInput, "a map is [h, w] with at least one pixel, not ", map.sizes());
  }
  Tensor plain = map.to(at::kCPU, at::kDouble).contiguous();
  if (!plain.isfinite().all().item<bool>()) {
    fail(ErrorCode::Numerical, "the map holds NaN or infinity; nothing can be measured on it");
  }
  return plain;
}

Tensor plain_mask(const Tensor& mask, const Tensor& map, const char* name) {
  if (mask.sizes() != map.sizes()) {
    fail(ErrorCode::BadInput, "the ", name, " has shape ", mask.sizes(), ", the map ", map.sizes(),
         "; both must be in the picture's geometry");
  }
  return mask.to(at::kCPU, at::kBool).contiguous();
}

bool is_constant(const Tensor& map) { return map.min().item<double>() == map.max().item<double>(); }

}  // namespace limn
