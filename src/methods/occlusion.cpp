// Occlusion: how much the score falls when a window of the input is replaced by a baseline; each
// pixel gets the mean over the windows that cover it, S(u) = mean over w with u in w of
// f(x) - f(x with w replaced). Windows stand `stride` apart; the last ones are clipped at the
// border. Forward passes only. Source: Zeiler, Fergus, "Visualizing and Understanding Convolutional
// Networks", 2014; as pytorch/captum@faac080 (Occlusion, windows over all channels).
#include "methods/baseline.h"
#include "methods/sampling.h"

namespace limn {
namespace {

struct OcclusionOptions {
  std::vector<double> window, stride;
  std::string baseline = "zero";
};

const MethodInfo& info() {
  static const MethodInfo value{
      .name = "occlusion",
      .title = "Occlusion",
      .family = "perturbation",
      .summary = "How much the score falls when a window is covered, averaged per pixel.",
      .formula = "S(u) = mean over windows w that hold u of f(x) - f(x with w replaced)",
      .paper = "Zeiler, Fergus: Visualizing and Understanding Convolutional Networks, 2014",
      .aliases = {"sliding-window"},
      .signed_map = true};
  return value;
}

Fields fields(OcclusionOptions& o) {
  return {reals_field("window", o.window,
                      "[height,width] or one number; empty: an eighth of the longer side")
              .also({"sliding-window-shapes"}),
          reals_field("stride", o.stride, "[down,right] or one number; empty: half the window")
              .also({"strides"}),
          baseline_field(o.baseline).also({"baselines"})};
}

/// Windows along one side: their length, their distance, how many there are.
struct Side {
  std::int64_t size, window, stride;
  std::int64_t count() const { return 1 + (size - window + stride - 1) / stride; }
};

/// One number for both sides, or one for each; 0 where nothing is said.
std::array<std::int64_t, 2> two(const char* name, const std::vector<double>& given) {
  if (given.empty()) return {0, 0};
  for (const double value : given) {
    if (given.size() > 2 || value < 1 || value > 65536 || value != std::floor(value)) {
      fail(ErrorCode::InvalidArgument, name, " takes [height,width] or one number, whole and at ",
           "least 1, as ", name, "=[16,16]");
    }
  }
  return {static_cast<std::int64_t>(given.front()), static_cast<std::int64_t>(given.back())};
}

std::array<Side, 2> sides(const OcclusionOptions& o, const Tensor& x) {
  need_places(x, "windows");
  auto window = two("window", o.window), stride = two("stride", o.stride);
  const std::int64_t eighth = std::max<std::int64_t>(1, std::max(x.size(2), x.size(3)) / 8);
  std::array<Side, 2> out{};
  for (std::size_t i = 0; i < 2; ++i) {
    const std::int64_t size = x.size(static_cast<std::int64_t>(i) + 2);
    if (window[i] == 0) window[i] = std::min(eighth, size);
    if (stride[i] == 0) stride[i] = std::max<std::int64_t>(1, window[i] / 2);
    if (window[i] > size) {
      fail(ErrorCode::InvalidArgument, "a window of ", window[0], " x ", window[1],
           " is larger than the input of ", x.size(2), " x ", x.size(3),
           "; give window=[height,width] of at most that");
    }
    if (stride[i] > window[i]) {
      fail(ErrorCode::InvalidArgument, "a stride of ", stride[i],
           " leaves gaps between windows of ", window[i], "; give stride=", window[i], " or less");
    }
    out[i] = {size, window[i], stride[i]};
  }
  return out;
}

/// [M, 1, rows, columns] -> [M, 1, H, W]: each pixel the mean of the windows that cover it.
Tensor spread(const Tensor& values, const std::array<Side, 2>& side) {
  const Tensor kernel = at::ones({1, 1, side[0].window, side[1].window}, values.options());
  const auto sum = [&](const Tensor& of) {
    return at::convolution(of, kernel, {}, {side[0].stride, side[1].stride}, {0, 0}, {1, 1}, true,
                           {0, 0}, 1)
        .slice(2, 0, side[0].size)
        .slice(3, 0, side[1].size);
  };
  return sum(values) / sum(at::ones_like(values.slice(0, 0, 1)));
}

std::vector<Explanation> explain(const OcclusionOptions& o, const Call& call) {
  const std::array<Side, 2> side = sides(o, call.x);
  const Pass pass(call, BatchNorm::Free);
  const Tensor& x = pass.tape[pass.model.input()];
  const Tensor baseline = baseline_of(o.baseline, call, x);
  const std::int64_t columns = side[1].count(), total = side[0].count() * columns;
  const auto targets = static_cast<std::int64_t>(pass.objectives.size());
  const Tensor falls = at::zeros({targets, x.size(0), total}, x.options());
  for_each_sample(call, pass, total, [&](const SampleBatch& batch) {
    const Tensor one = x.slice(0, batch.sample, batch.sample + 1);
    const Tensor covered = one.repeat({batch.count, 1, 1, 1});
    for (std::int64_t i = 0; i < batch.count; ++i) {
      const std::int64_t w = batch.first + i;
      const std::int64_t top = w / columns * side[0].stride, left = w % columns * side[1].stride;
      const auto window = [&](const Tensor& of) {
        return of.slice(1, top, top + side[0].window).slice(2, left, left + side[1].window);
      };
      window(covered[i]).copy_(window(baseline[batch.sample]));
    }
    const Tensor scores =
        scores_of(pass.model, {{pass.model.input(), covered}}, batch.targets, call.options.score);
    for (std::int64_t s = 0; s < targets; ++s) {
      falls[s][batch.sample]
          .slice(0, batch.first, batch.first + batch.count)
          .copy_(pass.objectives[static_cast<std::size_t>(s)].score[batch.sample] - scores[s]);
    }
  });
  std::vector<Explanation> all;
  for (std::size_t s = 0; s < pass.objectives.size(); ++s) {
    const Tensor fall = falls[static_cast<std::int64_t>(s)];
    all.push_back(around(
        pass, s, spread(fall.reshape({x.size(0), 1, side[0].count(), columns}), side), true));
  }
  return all;
}

}  // namespace

MethodEntry method_occlusion() {
  return define_method<OcclusionOptions>(info(), fields, explain, "window");
}

}  // namespace limn
