// Region insertion: is the class the likeliest again when the most relevant 1 to 20 % of the pixels
// appear on a canvas? The area is that under the accuracy, by trapezoids a step wide. The T-PAMI
// version of Attribution Equilibrium (Nam, Choi, Lee) prints such a table; the canvas is ours.
#include <ATen/ATen.h>

#include <cmath>

#include "limn/faithfulness.h"
#include "limn/insertion_deletion.h"
#include "metrics/metric_base.h"
#include "metrics/picture_scores.h"

namespace limn {
namespace {

/// 1 in the middle, 0 in the corners, float64 [H, W].
Tensor radial_gradient(std::int64_t height, std::int64_t width) {
  const auto from_middle = [](std::int64_t size) {
    return at::arange(size, at::kDouble) - static_cast<double>(size - 1) / 2;
  };
  const Tensor down = from_middle(height).unsqueeze(1), across = from_middle(width);
  const Tensor distance = (down.square() + across.square()).sqrt();
  const double corner = distance.max().item<double>();
  return corner > 0 ? 1 - distance / corner : at::ones_like(distance);
}

Tensor gray_gradient(const Preprocessing& prepared, const Tensor& x) {
  if (!prepared.known) {
    fail(ErrorCode::InvalidArgument,
         "canvas=gray-gradient needs to know how pictures become inputs; give --preset, or --mean "
         "and --std, or take canvas=blur or zero");
  }
  const std::vector<double> low = prepared.low(), high = prepared.high();
  if (x.size(1) != static_cast<std::int64_t>(low.size())) {
    fail(ErrorCode::InvalidArgument, "canvas=gray-gradient has ", low.size(),
         " channels, the input has shape ", x.sizes(), "; take canvas=blur or zero");
  }
  const auto channels = [](const std::vector<double>& values) {
    return at::tensor(values, at::kDouble).view({1, -1, 1, 1});
  };
  const Tensor gray = radial_gradient(x.size(2), x.size(3));
  return (gray * channels(high) + (1 - gray) * channels(low)).to(x.options());
}

std::vector<double> percents(const RegionInsertionOptions& o) {
  const double steps = (o.last - o.first) / o.step;
  if (!(o.first >= 0 && o.last <= 100 && o.first <= o.last && o.step > 0 && steps <= 10'000)) {
    fail(ErrorCode::InvalidArgument, "region-insertion: first=", o.first, ", last=", o.last,
         ", step=", o.step,
         "; give 0 <= first <= last <= 100 percent and a step of at least a "
         "10000th of that range");
  }
  std::vector<double> all;
  // The last share counts even where the step's rounding leaves it a hair beyond.
  for (int i = 0; i <= std::floor(steps + 1e-9); ++i) all.push_back(o.first + i * o.step);
  return all;
}

}  // namespace

Tensor insertion_canvas(const Model& model, const Tensor& x, const std::string& canvas) {
  if (canvas == "gray-gradient") return gray_gradient(model.preprocessing(), x);
  if (canvas == "blur") return blurred_start(x, "rise");
  if (canvas == "zero") return at::zeros_like(x);
  fail(ErrorCode::InvalidArgument, "canvas is \"", canvas, "\"; legal: gray-gradient, blur, zero");
}

RegionInsertion region_insertion(const Model& model, const Tensor& x, const Tensor& map,
                                 std::int64_t target, const RegionInsertionOptions& options) {
  check_picture_and_map("region-insertion", x, map);
  check_batch("region-insertion", options.batch);
  RegionInsertion out;
  out.percent = percents(options);
  std::vector<std::int64_t> shown;
  for (const double percent : out.percent) {
    shown.push_back(std::llround(percent / 100 * static_cast<double>(map.numel())));
  }
  const Tensor picture = x.to(model.device(), model.dtype());
  const Tensor canvas = insertion_canvas(model, picture, options.canvas);
  const Tensor ranks = pixel_ranks(map).to(picture.device()).unsqueeze(0).unsqueeze(0);
  const Tensor counts = at::tensor(shown, at::kLong).to(picture.device()).view({-1, 1, 1, 1});
  const PictureScores scores = score_pictures(
      model, counts.size(0), target, options.batch, [&](std::int64_t first, std::int64_t count) {
        return at::where(ranks < counts.narrow(0, first, count), picture, canvas);
      });
  out.probability = scores.probability;
  out.correct = scores.likeliest;
  out.area = trapezoids(out.correct);
  out.probability_area = trapezoids(out.probability);
  return out;
}

namespace {

Fields fields(RegionInsertionOptions& o) {
  return {
      choice_field("canvas", o.canvas, {"gray-gradient", "blur", "zero"}, "what pixels appear on"),
      real_field("first", o.first, 0, 100, "percent of the pixels in the first step"),
      real_field("last", o.last, 0, 100, "and in the last"),
      real_field("step", o.step, 1e-4, 100, "percent from step to step")};
}

Measurement measure(const RegionInsertionOptions& o, const MetricCase& one) {
  RegionInsertionOptions options = o;
  options.batch = batch_of(one, o.batch);
  const RegionInsertion got = region_insertion(one.model, one.x, one.map, one.target, options);
  return {
      .values = {{"area", got.area}, {"probability-area", got.probability_area}},
      .curves = {
          {"percent", got.percent}, {"correct", got.correct}, {"probability", got.probability}}};
}

std::vector<double> summarize(const RegionInsertionOptions&, const std::vector<MetricRow>& rows) {
  return {mean_of(rows, "area"), mean_of(rows, "probability-area")};
}

}  // namespace

MetricEntry metric_region_insertion() {
  return define_metric<RegionInsertionOptions>(
      {.name = "region-insertion",
       .title = "Region insertion",
       .summary = "How soon the class is recognized again as its most relevant pixels appear.",
       .formula = "area = sum of the trapezoids under the accuracy at 1, 2, ... 20 % of the pixels",
       .paper = "Nam, Choi, Lee: the table of a published overview talk; canvas and pixel order "
                "are limn's",
       .columns = {{.name = "area",
                    .better = Better::Higher,
                    .low = 0,
                    .high = 19,
                    .help = "area under the accuracy; 19 with the 20 steps of the default"},
                   {.name = "probability-area",
                    .better = Better::Higher,
                    .low = 0,
                    .high = 19,
                    .help = "the same under the class's probability"}},
       .needs_model = true},
      fields, measure, summarize);
}

}  // namespace limn
