// See insertion_deletion.h.
#include "limn/insertion_deletion.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>

#include "image/separable.h"
#include "limn/resample.h"
#include "metrics/metric_base.h"
#include "metrics/picture_scores.h"

namespace limn {
namespace {

constexpr std::int64_t kSteps = 28;

/// The row of rise_kernel: Gaussian weight of each place's mirror images.
std::vector<double> mirrored_taps(std::int64_t size, double sigma) {
  const auto reach = static_cast<std::int64_t>(4 * sigma + 0.5);
  const std::vector<double> taps = gaussian_taps(reach, sigma);
  std::vector<double> row(static_cast<std::size_t>(size), 0);
  for (std::int64_t j = -reach; j <= reach; ++j) {
    // The place that size / 2 + j falls on when the border mirrors.
    const std::int64_t period = 2 * size;
    std::int64_t at = ((size / 2 + j) % period + period) % period;
    if (at >= size) at = period - 1 - at;
    row[static_cast<std::size_t>(at)] += taps[static_cast<std::size_t>(j + reach)];
  }
  return row;
}

/// The probabilities as, step by step, pixels of `to` replace those of `from`.
PixelCurve curve(const Model& model, const Tensor& from, const Tensor& to, const Tensor& map,
                 std::int64_t target, const PixelCurveOptions& options) {
  const std::int64_t pixels = map.numel();
  const std::int64_t step = options.step > 0 ? options.step : (pixels + kSteps - 1) / kSteps;
  const std::int64_t steps = (pixels + step - 1) / step;
  // The step at which each pixel changes: 1 .. steps.
  const Tensor changes = (pixel_ranks(map).div(step, "floor") + 1).to(from.device());
  PixelCurve out;
  out.probability =
      score_pictures(model, steps + 1, target, options.batch,
                     [&](std::int64_t first, std::int64_t count) {
                       const Tensor number = at::arange(first, first + count, changes.options());
                       return at::where(changes <= number.view({count, 1, 1, 1}), to, from);
                     })
          .probability;
  out.area = trapezoids(out.probability) / static_cast<double>(steps);
  return out;
}

void check(const Tensor& x, const Tensor& map, const PixelCurveOptions& options) {
  check_picture_and_map("a pixel curve", x, map);
  check_batch("a pixel curve", options.batch);
  if (options.step < 0) {
    fail(ErrorCode::InvalidArgument, "step=", options.step,
         "; give a step of at least 1 (0: a 28th of the picture)");
  }
}

}  // namespace

Tensor rise_kernel(std::int64_t size, double sigma) {
  if (size < 1 || !(sigma > 0)) {
    fail(ErrorCode::InvalidArgument, "a blur needs a size of at least 1 and a sigma above 0");
  }
  const Tensor row = at::tensor(mirrored_taps(size, sigma), at::kDouble);
  return at::outer(row, row);
}

Tensor blurred_start(const Tensor& x, const std::string& blur) {
  if (blur == "rise") {
    const auto taps = mirrored_taps(11, 5);
    return filter_separable(at::constant_pad_nd(x, {5, 5, 5, 5}), taps, taps);
  }
  if (blur == "scaled") {
    const double sigma = 5.0 * static_cast<double>(std::min(x.size(2), x.size(3))) / 224;
    const std::int64_t reach = std::max<std::int64_t>(1, std::llround(sigma));
    const auto taps = mirrored_taps(2 * reach + 1, sigma);
    return filter_separable(at::constant_pad_nd(x, {reach, reach, reach, reach}), taps, taps);
  }
  if (blur != "ucag") {
    fail(ErrorCode::InvalidArgument, "blur is \"", blur, "\"; legal: rise, ucag, scaled");
  }
  if (x.size(2) < 26 || x.size(3) < 26) {
    fail(ErrorCode::InvalidArgument, "blur=ucag mirrors 25 pixels at each border; a picture of ",
         x.size(2), " x ", x.size(3), " is too small: take blur=rise");
  }
  return gaussian_blur(x, 51, 51, 50);
}

PixelCurve deletion(const Model& model, const Tensor& x, const Tensor& map, std::int64_t target,
                    const PixelCurveOptions& options) {
  check(x, map, options);
  const Tensor input = x.to(model.device(), model.dtype());
  return curve(model, input, at::zeros_like(input), map, target, options);
}

PixelCurve insertion(const Model& model, const Tensor& x, const Tensor& map, std::int64_t target,
                     const PixelCurveOptions& options) {
  check(x, map, options);
  const Tensor input = x.to(model.device(), model.dtype());
  return curve(model, blurred_start(input, options.blur), input, map, target, options);
}

namespace {

struct CurveOptions {
  std::int64_t step = 0;
  std::string blur = "rise";
};

Fields deletion_fields(CurveOptions& o) {
  return {
      integer_field("step", o.step, 0, 1'000'000'000, "pixels a step; 0: a 28th of the picture")};
}

Fields insertion_fields(CurveOptions& o) {
  Fields fields = deletion_fields(o);
  fields.push_back(choice_field("blur", o.blur, {"rise", "ucag", "scaled"},
                                "the blurred copy that pixels appear on"));
  return fields;
}

Measurement measured(const PixelCurve& curve) {
  return {.values = {{"area", curve.area}}, .curves = {{"probability", curve.probability}}};
}

Measurement measure_deletion(const CurveOptions& o, const MetricCase& one) {
  return measured(deletion(one.model, one.x, one.map, one.target,
                           {.step = o.step, .batch = batch_of(one, PixelCurveOptions{}.batch)}));
}

Measurement measure_insertion(const CurveOptions& o, const MetricCase& one) {
  return measured(insertion(
      one.model, one.x, one.map, one.target,
      {.step = o.step, .batch = batch_of(one, PixelCurveOptions{}.batch), .blur = o.blur}));
}

std::vector<double> mean_area(const CurveOptions&, const std::vector<MetricRow>& rows) {
  return {mean_of(rows, "area")};
}

constexpr const char* kPaper = "Petsiuk, Das, Saenko: RISE, 2018";

}  // namespace

MetricEntry metric_deletion() {
  return define_metric<CurveOptions>(
      {.name = "deletion",
       .title = "Deletion",
       .summary = "How fast the class's probability falls as the most relevant pixels vanish.",
       .formula = "area under p(class) over the share of pixels set to 0, most relevant first",
       .paper = kPaper,
       .columns = {{.name = "area", .better = Better::Lower, .help = "mean area under the curve"}},
       .needs_model = true},
      deletion_fields, measure_deletion, mean_area);
}

MetricEntry metric_insertion() {
  return define_metric<CurveOptions>(
      {.name = "insertion",
       .title = "Insertion",
       .summary = "How fast the class's probability rises as the most relevant pixels appear.",
       .formula =
           "area under p(class) over the share of pixels shown on a blurred copy, most relevant "
           "first",
       .paper = kPaper,
       .columns = {{.name = "area", .better = Better::Higher, .help = "mean area under the curve"}},
       .needs_model = true},
      insertion_fields, measure_insertion, mean_area);
}

}  // namespace limn
