// See insertion_deletion.h.
#include "limn/insertion_deletion.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>

#include "limn/target.h"
#include "metrics/metric_base.h"

namespace limn {
namespace {

constexpr std::int64_t kSteps = 28;

/// Normalized Gaussian taps at -reach .. reach.
std::vector<double> gaussian_taps(std::int64_t reach, double sigma) {
  std::vector<double> taps;
  double sum = 0;
  for (std::int64_t j = -reach; j <= reach; ++j) {
    const auto at = static_cast<double>(j);
    taps.push_back(std::exp(-at * at / (2 * sigma * sigma)));
    sum += taps.back();
  }
  for (double& tap : taps) tap /= sum;
  return taps;
}

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

/// Each channel filtered with the outer product of taps; x is padded already.
Tensor filtered(const Tensor& x, const std::vector<double>& taps) {
  const auto size = static_cast<std::int64_t>(taps.size());
  const Tensor line = at::tensor(taps, at::kDouble).to(x.options());
  const Tensor planes = x.flatten(0, 1).unsqueeze(1);
  const Tensor down = at::conv2d(planes, line.view({1, 1, size, 1}));
  const Tensor both = at::conv2d(down, line.view({1, 1, 1, size}));
  return both.view({x.size(0), x.size(1), both.size(2), both.size(3)});
}

/// The probabilities as, step by step, pixels of `to` replace those of `from`.
PixelCurve curve(const Model& model, const Tensor& from, const Tensor& to, const Tensor& map,
                 std::int64_t target, const PixelCurveOptions& options) {
  const std::int64_t pixels = map.numel();
  const std::int64_t step = options.step > 0 ? options.step : (pixels + kSteps - 1) / kSteps;
  const std::int64_t steps = (pixels + step - 1) / step;
  const Tensor order = std::get<1>(map.flatten().to(at::kCPU, at::kDouble).sort(true, 0, true));
  // The step at which each pixel changes: 1 .. steps.
  Tensor changes = at::empty({pixels}, at::kLong);
  changes.index_put_({order}, at::arange(pixels, at::kLong).div(step, "floor") + 1);
  changes = changes.view({1, 1, map.size(0), map.size(1)}).to(from.device());
  const Model runner = model.folded();
  PixelCurve out;
  const std::int64_t batch = model.fixed_batch() > 0 ? model.fixed_batch() : options.batch;
  for (std::int64_t first = 0; first <= steps; first += batch) {
    const std::int64_t count = std::min(batch, steps + 1 - first);
    const Tensor number =
        at::arange(first, first + count, changes.options()).view({count, 1, 1, 1});
    const Tensor tape_input = at::where(changes <= number, to, from);
    const Tape tape = runner.run(tape_input, std::vector<ValueId>{});
    const auto bound =
        bind_targets(runner, tape, {Target::of_class(target)}, ScoreKind::Probability);
    const Tensor probability = bound.front().score.to(at::kCPU, at::kDouble).contiguous();
    const auto* values = probability.data_ptr<double>();
    out.probability.insert(out.probability.end(), values, values + count);
  }
  for (std::size_t i = 1; i < out.probability.size(); ++i) {
    out.area += (out.probability[i - 1] + out.probability[i]) / 2 / static_cast<double>(steps);
  }
  return out;
}

void check(const Tensor& x, const Tensor& map, const PixelCurveOptions& options) {
  if (x.dim() != 4 || x.size(0) != 1) {
    fail(ErrorCode::InvalidArgument, "insertion and deletion take one picture [1, C, H, W], not ",
         x.sizes());
  }
  if (map.dim() != 2 || map.size(0) != x.size(2) || map.size(1) != x.size(3)) {
    fail(ErrorCode::InvalidArgument, "the map has shape ", map.sizes(), ", the picture needs [",
         x.size(2), ", ", x.size(3), "]: resize the map first");
  }
  if (!at::isfinite(map).all().item<bool>()) {
    fail(ErrorCode::Numerical, "the map holds NaN or infinity: its pixels have no order");
  }
  if (options.step < 0 || options.batch < 1) {
    fail(ErrorCode::InvalidArgument, "step=", options.step, ", batch=", options.batch,
         ": give step of at least 1 (0: a 28th of the picture) and batch of at least 1");
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
    return filtered(at::constant_pad_nd(x, {5, 5, 5, 5}), mirrored_taps(11, 5));
  }
  if (blur != "ucag") {
    fail(ErrorCode::InvalidArgument, "blur is \"", blur, "\"; legal: rise, ucag");
  }
  if (x.size(2) < 26 || x.size(3) < 26) {
    fail(ErrorCode::InvalidArgument, "blur=ucag mirrors 25 pixels at each border; a picture of ",
         x.size(2), " x ", x.size(3), " is too small: take blur=rise");
  }
  return filtered(at::reflection_pad2d(x, {25, 25, 25, 25}), gaussian_taps(25, 50));
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
  fields.push_back(
      choice_field("blur", o.blur, {"rise", "ucag"}, "the blurred copy that pixels appear on"));
  return fields;
}

Measurement measured(const PixelCurve& curve) {
  return {.values = {{"area", curve.area}}, .curves = {{"probability", curve.probability}}};
}

Measurement measure_deletion(const CurveOptions& o, const MetricCase& one) {
  return measured(deletion(one.model, one.x, one.map, one.target, {.step = o.step}));
}

Measurement measure_insertion(const CurveOptions& o, const MetricCase& one) {
  return measured(
      insertion(one.model, one.x, one.map, one.target, {.step = o.step, .blur = o.blur}));
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
