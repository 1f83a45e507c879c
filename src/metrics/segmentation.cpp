// Segmentation: how well a map, cut at a threshold, separates the object from the rest; figures of
// the data set come from the pixels of all pictures together.
//   foreground = [H > t], t = 0, the mean, Otsu's or a share of the largest value; with crf=true
//   the field of dense_crf.h decides between A = max(0, H - t) / max and (1 - A)^alpha
// Source: KU-HJH/UCAG@4d12475 (agf/imagenet_seg_eval.py, agf/utils/metrices.py, Extrans/utils).
#include <ATen/ATen.h>

#include "limn/dense_crf.h"
#include "limn/localization.h"
#include "metrics/metric_base.h"
#include "metrics/region.h"

namespace limn {
namespace {

struct SegmentationOptions {
  RegionOptions region = {.mask = "pixels", .difficult = true};
  std::string threshold = "zero";
  bool crf = false;
  double alpha = 4;
  std::int64_t iterations = DenseCrfOptions().iterations;
};

Field threshold_field(std::string& value) {
  Field field = text_field("threshold", value,
                           "what foreground exceeds; a number is a share of the largest value");
  field.legal = "zero|mean|otsu or a number";
  field.set = [set = field.set, &value](const Spec& spec) {
    set(spec);
    map_threshold(at::zeros({1, 1}), value);
  };
  return field;
}

Fields fields(SegmentationOptions& o) {
  return {threshold_field(o.threshold), mask_field(o.region),
          bool_field("crf", o.crf, "a dense conditional random field refines the map first"),
          real_field("alpha", o.alpha, .01, 1000,
                     "with crf: the exponent of the background; the larger, the more foreground"),
          integer_field("iterations", o.iterations, 1, 1000, "with crf: steps of mean field")};
}

SegmentationCounts counts_of(const Measurement& one) {
  const auto count = [&](const char* name) {
    return static_cast<std::int64_t>(one.values.at(name));
  };
  return {.true_foreground = count("true-foreground"),
          .false_foreground = count("false-foreground"),
          .true_background = count("true-background"),
          .false_background = count("false-background")};
}

/// bool [N, h, w].
Tensor foreground(const SegmentationOptions& o, const RegionBatch& batch) {
  Tensor out = batched::segment_map(batch.maps, o.threshold);
  if (!o.crf) return out;
  const Tensor maps = plain_maps(batch.maps);
  const Tensor above = maps - batched::map_threshold(maps, o.threshold).view({-1, 1, 1});
  const Tensor constant = are_constant(maps).cpu();
  for (std::size_t i = 0; i < batch.cases.size(); ++i) {
    const auto row = static_cast<std::int64_t>(i);
    if (constant[row].item<bool>()) continue;
    const Tensor unary = crf_unary(class_probabilities(above.narrow(0, row, 1), o.alpha));
    const Tensor marginal = dense_crf(unary, batch.cases[i]->picture, {.iterations = o.iterations});
    out[row].copy_(marginal[1] > marginal[0]);
  }
  return out;
}

std::vector<Measurement> measure(const SegmentationOptions& o,
                                 const std::vector<MetricCase>& cases) {
  auto out = measure_regions(cases, o.region, [&](const RegionBatch& batch) -> RegionValues {
    const auto counts =
        batched::count_segmentation(foreground(o, batch), batch.masks, batch.ignored);
    return {{"true-foreground", counts.true_foreground},
            {"false-foreground", counts.false_foreground},
            {"true-background", counts.true_background},
            {"false-background", counts.false_background}};
  });
  for (auto& one : out) {
    if (one.skipped.empty()) one.values["average-precision"] = counts_of(one).average_precision();
  }
  return out;
}

/// A field of seconds a map is solved map by map, so that what is done is kept.
bool is_batched(const SegmentationOptions& o) { return !o.crf; }

std::vector<double> summarize(const SegmentationOptions&, const std::vector<MetricRow>& rows) {
  SegmentationCounts sum;
  for (const auto& row : rows) {
    if (!row.measurement.values.empty()) sum += counts_of(row.measurement);
  }
  return {sum.mean_iou(), sum.pixel_accuracy(), mean_of(rows, "average-precision")};
}

}  // namespace

MetricEntry metric_segmentation() {
  return define_metric<SegmentationOptions>(
      {.name = "segmentation",
       .title = "Segmentation",
       .summary = "How well a map, cut at a threshold, separates the object from the rest.",
       .formula =
           "foreground = [H > t]; IoU, accuracy of all pixels; average precision of pictures",
       .paper = "Guillaumin, Kuettel, Ferrari: ImageNet Auto-Annotation with Segmentation "
                "Propagation, 2014 (data); Krahenbuhl, Koltun, 2011 (crf)",
       .columns = {{.name = "miou", .help = "mean of the IoU of foreground and background"},
                   {.name = "pixel-accuracy", .help = "pixels that are right"},
                   {.name = "map", .help = "mean over pictures of average precision"}},
       .needs_mask = true},
      fields, measure, summarize, is_batched);
}

}  // namespace limn
