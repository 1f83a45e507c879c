// Energy-based pointing game: the share of a map's positive relevance that lies on the object.
//   e = sum(S * mask) / sum(S), S clipped at 0; 0 where there is none
// Source: Wang et al., Score-CAM, 2020; KU-HJH/UCAG@4d12475 (pointing_game.py).
#include <ATen/ATen.h>

#include <cmath>

#include "limn/localization.h"
#include "metrics/metric_base.h"
#include "metrics/region.h"

namespace limn {

double energy_inside(const Tensor& map, const Tensor& mask, MapPart part) {
  Tensor energy = plain_map(map);
  const Tensor inside = plain_mask(mask, energy);
  if (part == MapPart::Positive) energy = energy.clamp_min(0);
  const double whole = energy.sum().item<double>();
  const double share = (energy * inside).sum().item<double>() / whole;
  return std::isfinite(share) ? share : 0;
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

Measurement measure(const EnergyOptions& o, const MetricCase& one) {
  RegionOptions wanted = o.region;
  wanted.difficult = o.reference;
  const Region region = region_of(one, wanted);
  if (!region.skipped.empty()) return {.skipped = region.skipped};
  if (one.truth->all_difficult) return {.values = {{"energy", 0}}};
  const MapPart part = o.reference ? MapPart::Signed : MapPart::Positive;
  return {.values = {{"energy", energy_inside(one.original, region.mask, part)}}};
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
