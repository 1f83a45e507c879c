// Energy-based pointing game: the share of a map's positive relevance that lies on the object.
//   e = sum(S * mask) / sum(S), S clipped at 0; 0 where there is none
// Source: Wang et al., Score-CAM, 2020; KU-HJH/UCAG@4d12475 (pointing_game.py).
#include <ATen/ATen.h>

#include <cmath>

#include "limn/localization.h"
#include "metrics/metric_base.h"
#include "metrics/region.h"

namespace limn {

Tensor batched::energy_inside(const Tensor& maps, const Tensor& masks, MapPart part) {
  Tensor energy = plain_maps(maps);
  const Tensor inside = plain_masks(masks, energy).to(at::kDouble);
  if (part == MapPart::Positive) energy = energy.clamp_min(0);
  const Tensor share = (energy * inside).sum({1, 2}) / energy.sum({1, 2});
  return at::where(share.isfinite(), share, at::zeros_like(share));
}

double energy_inside(const Tensor& map, const Tensor& mask, MapPart part) {
  return batched::energy_inside(one_map(map), one_map(mask, "mask"), part).item<double>();
}

namespace {

struct EnergyOptions {
  RegionOptions region;
  bool reference = false;
};

Fields fields(EnergyOptions& o) {
  return {mask_field(o.region), subset_field(o.region),
          bool_field("reference", o.reference,
                     "as the authors' code: negative values take part, and pairs whose objects are "
                     "all difficult count as 0")};
}

std::vector<Measurement> measure(const EnergyOptions& o, const std::vector<MetricCase>& cases) {
  RegionOptions wanted = o.region;
  wanted.difficult = o.reference;
  const MapPart part = o.reference ? MapPart::Signed : MapPart::Positive;
  auto out = measure_regions(cases, wanted, [&](const RegionBatch& batch) -> RegionValues {
    return {{"energy", batched::energy_inside(batch.maps, batch.masks, part)}};
  });
  for (std::size_t i = 0; i < cases.size(); ++i) {
    const bool counts_as_zero = out[i].skipped.empty() && cases[i].truth->all_difficult;
    if (counts_as_zero) out[i].values["energy"] = 0;
  }
  return out;
}

std::vector<double> summarize(const EnergyOptions&, const std::vector<MetricRow>& rows) {
  return {class_mean_of(rows, "energy"), mean_of(rows, "energy")};
}

}  // namespace

MetricEntry metric_energy_pointing_game() {
  return define_metric<EnergyOptions>(
      {.name = "energy-pointing-game",
       .title = "Energy-based pointing game",
       .summary = "The share of a map's positive relevance that lies on the object.",
       .formula = "sum(S * mask) / sum(S), S clipped at 0",
       .paper = "Wang et al.: Score-CAM, 2020",
       .columns = {{.name = "energy", .help = "mean share of each class, then their mean"},
                   {.name = "micro-energy", .help = "mean share of all pairs"}},
       .needs_mask = true},
      fields, measure, summarize);
}

}  // namespace limn
