// See region.h.
#include "metrics/region.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>

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

namespace {

/// In one batch, of which some metrics hold half a dozen copies in float64.
constexpr std::int64_t kMostPixels = std::int64_t{1} << 24;

void check_size(const Tensor& mask, at::IntArrayRef size, const char* name) {
  if (mask.sizes() == size) return;
  fail(ErrorCode::BadInput, "the ", name, " has shape ", mask.sizes(), ", the map ", size,
       "; both must be in the picture's geometry");
}

/// What belongs to the class in one case, on the CPU.
struct Region {
  Tensor mask = {};     ///< bool [h, w]
  Tensor ignored = {};  ///< the same; undefined where there are none
  bool pixels = false;
  std::string skipped = {};  ///< why the case does not count
};

/// [h, w] like the case's map.
Tensor checked_mask(const Tensor& mask, const MetricCase& one, const char* name) {
  check_size(mask, one.original.sizes(), name);
  return mask.to(at::kCPU, at::kBool);
}

Region region_of(const MetricCase& one, const RegionOptions& options) {
  const auto skip = [](std::string why) { return Region{.skipped = std::move(why)}; };
  if (!one.truth || !one.truth->mask().defined()) return skip("no boxes or pixels are known");
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
  Region region{.mask = checked_mask(mask, one, "mask"), .pixels = pixels};
  Tensor taken = region.mask;
  if (pixels && truth.ignored.defined()) {
    region.ignored = checked_mask(truth.ignored, one, "mask of ignored pixels");
    region.mask = region.mask.logical_and(region.ignored.logical_not());
    taken = taken.logical_or(region.ignored);
  }
  const auto size = [](const Tensor& set) { return set.sum().item<std::int64_t>(); };
  if (size(region.mask) == 0) return skip("no pixel belongs to the class");
  if (options.needs_rest && size(taken) == taken.numel()) {
    return skip("the class covers the whole picture");
  }
  return region;
}

/// One alone is not copied.
Tensor stacked(const Tensors& of) {
  return of.size() == 1 ? of.front().unsqueeze(0) : at::stack(of);
}

RegionBatch make_batch(const std::vector<MetricCase>& cases, const std::vector<Region>& regions,
                       const std::vector<std::size_t>& rows) {
  RegionBatch batch;
  Tensors maps, masks, ignored;
  std::vector<std::int64_t> pixels;
  bool any_ignored = false;
  for (const std::size_t row : rows) {
    batch.cases.push_back(&cases[row]);
    maps.push_back(cases[row].original);
    masks.push_back(regions[row].mask);
    pixels.push_back(regions[row].pixels ? 1 : 0);
    any_ignored = any_ignored || regions[row].ignored.defined();
    ignored.push_back(regions[row].ignored);
  }
  batch.maps = stacked(maps);
  batch.masks = plain_masks(stacked(masks), batch.maps);
  batch.pixels = at::tensor(pixels, at::kLong).to(batch.maps.device(), at::kBool);
  if (any_ignored) {
    for (Tensor& one : ignored) one = one.defined() ? one : at::zeros_like(regions[rows[0]].mask);
    batch.ignored = plain_masks(stacked(ignored), batch.maps);
  }
  return batch;
}

}  // namespace

std::vector<Measurement> measure_regions(
    const std::vector<MetricCase>& cases, const RegionOptions& options,
    const std::function<RegionValues(const RegionBatch&)>& measure) {
  std::vector<Measurement> out(cases.size());
  std::vector<Region> regions;
  std::map<std::vector<std::int64_t>, std::vector<std::size_t>> of_size;
  for (std::size_t i = 0; i < cases.size(); ++i) {
    regions.push_back(region_of(cases[i], options));
    out[i].skipped = regions[i].skipped;
    if (out[i].skipped.empty()) of_size[cases[i].original.sizes().vec()].push_back(i);
  }
  const auto judge = [&](const std::vector<std::size_t>& rows) {
    for (const auto& [name, values] : measure(make_batch(cases, regions, rows))) {
      const Tensor plain = values.to(at::kCPU, at::kDouble).contiguous();
      for (std::size_t i = 0; i < rows.size(); ++i) {
        const double value = plain.data_ptr<double>()[i];
        if (!std::isnan(value)) out[rows[i]].values[name] = value;
      }
    }
  };
  for (const auto& [size, rows] : of_size) {
    const std::int64_t pixels = std::max<std::int64_t>(1, cases[rows[0]].original.numel());
    const auto most = static_cast<std::size_t>(std::max<std::int64_t>(1, kMostPixels / pixels));
    std::vector<std::size_t> some;
    for (const std::size_t row : rows) {
      some.push_back(row);
      if (some.size() < most && row != rows.back()) continue;
      judge(some);
      some.clear();
    }
  }
  return out;
}

Tensor one_map(const Tensor& map, const char* name) {
  if (map.dim() != 2 || map.numel() == 0) {
    fail(ErrorCode::BadInput, "a ", name, " is [h, w] with at least one pixel, not ", map.sizes());
  }
  return map.unsqueeze(0);
}

Tensor plain_maps(const Tensor& maps) {
  if (maps.dim() != 3 || maps.numel() == 0) {
    fail(ErrorCode::BadInput, "maps are [N, h, w] with at least one map and pixel, not ",
         maps.sizes());
  }
  Tensor plain = maps.to(at::kDouble).contiguous();
  // NaN goes through both extremes.
  const Tensor low = plain.amin(), high = plain.amax();
  if (!low.isfinite().logical_and(high.isfinite()).item<bool>()) {
    fail(ErrorCode::Numerical, "the map holds NaN or infinity; nothing can be measured on it");
  }
  return plain;
}

Tensor plain_masks(const Tensor& masks, const Tensor& maps, const char* name) {
  check_size(masks, masks.dim() == 2 ? maps.sizes().slice(1) : maps.sizes(), name);
  return masks.to(maps.device(), at::kBool).expand(maps.sizes());
}

Tensor counted_pixels(const Tensor& ignored, const Tensor& maps) {
  if (!ignored.defined()) return at::ones(maps.sizes(), maps.options().dtype(at::kBool));
  return plain_masks(ignored, maps, "mask of ignored pixels").logical_not();
}

Tensor are_constant(const Tensor& maps) {
  const Tensor rows = maps.flatten(1);
  return rows.amin(1) == rows.amax(1);
}

}  // namespace limn
