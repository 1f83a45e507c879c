// `limn bench curves`: deletion and insertion with all steps in one batch, against the loop of
// eclique/RISE@d91ea00 (evaluation.py): one picture a step through the unfolded graph.
#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "cli/cli.h"
#include "cli/model_options.h"
#include "cli/outbox.h"
#include "cli/plain_forward.h"
#include "cli/progress.h"
#include "limn/error.h"
#include "limn/insertion_deletion.h"

namespace limn::cli {
namespace {

struct CurvesCommand {
  ModelOptions model;
  std::int64_t steps = 28, runs = 3;
  bool json = false;
};

/// Pixels of `to` replace those of x, the most relevant first, one step after the other; the
/// class's probability at the start and after each.
std::vector<double> plain_curve(const PlainForward& plain, const Tensor& from, const Tensor& to,
                                const Tensor& map, std::int64_t target, std::int64_t step,
                                bool softmax) {
  const Tensor order = std::get<1>(map.flatten().sort(true, 0, true));
  Tensor x = from.clone();
  Tensor pixels = x.view({x.size(1), -1});
  const Tensor others = to.contiguous().view({x.size(1), -1});
  std::vector<double> curve;
  for (std::int64_t first = 0;; first += step) {
    const Tensor logits = plain.run(x);
    curve.push_back((softmax ? logits.softmax(1) : logits.sigmoid())[0][target].item<double>());
    if (first >= map.numel()) return curve;
    const Tensor places = order.slice(0, first, first + step);
    pixels.index_copy_(1, places, others.index_select(1, places));
  }
}

int curves(const CurvesCommand& command) {
  const LoadedModel loaded = load(command.model);
  const Model& model = loaded.model;
  if (!model.device().is_cpu() || model.is_detector() || model.fixed_batch() > 1) {
    fail(ErrorCode::InvalidArgument,
         "bench curves compares classifiers of any batch size on the CPU");
  }
  const auto shape = example_shape(model);
  at::manual_seed(0);
  const Tensor x = at::randn({1, shape[0], shape[1], shape[2]}, at::kFloat).to(model.dtype());
  const Tensor map = at::randn({shape[1], shape[2]}, at::kFloat);
  constexpr std::int64_t kTarget = 0;
  const bool softmax = model.output_kind() == OutputKind::SingleLabel;
  PixelCurveOptions options;
  options.step = (map.numel() + command.steps - 1) / command.steps;
  const PlainForward plain(model);
  const Tensor blurred = blurred_start(x, options.blur), nothing = at::zeros_like(x);
  std::vector<double> theirs, ours;
  double difference = 0;
  Progress progress("runs", static_cast<double>(2 * (command.runs + 1)));
  // The first run fills caches; then both take turns, so that a busy moment hits each.
  for (std::int64_t run = 0; run <= command.runs; ++run) {
    check_interrupt();
    std::vector<double> slow, fast;
    const double loop = seconds_of([&] {
      slow = plain_curve(plain, x, nothing, map, kTarget, options.step, softmax);
      const auto more = plain_curve(plain, blurred, x, map, kTarget, options.step, softmax);
      slow.insert(slow.end(), more.begin(), more.end());
    });
    progress.at(static_cast<double>(2 * run + 1));
    const double batch = seconds_of([&] {
      fast = deletion(model, x, map, kTarget, options).probability;
      const auto more = insertion(model, x, map, kTarget, options).probability;
      fast.insert(fast.end(), more.begin(), more.end());
    });
    progress.at(static_cast<double>(2 * run + 2));
    for (std::size_t i = 0; i < slow.size(); ++i) {
      difference = std::max(difference, std::abs(slow[i] - fast.at(i)));
    }
    if (run == 0) continue;
    theirs.push_back(loop);
    ours.push_back(batch);
  }
  progress.clear();
  const double ratio = median(theirs) / median(ours);
  if (command.json) {
    const nlohmann::ordered_json line = {{"steps", command.steps},
                                         {"threads", at::get_num_threads()},
                                         {"loop_seconds", median(theirs)},
                                         {"limn_seconds", median(ours)},
                                         {"ratio", ratio},
                                         {"largest_difference", difference}};
    fmt::print("{}\n", line.dump());
  } else {
    fmt::print("deletion and insertion, {} steps of {}x{}x{}, {} threads, median of {} runs\n",
               command.steps, shape[0], shape[1], shape[2], at::get_num_threads(), command.runs);
    fmt::print("one picture a step, eager {:>10.3f} s\n", median(theirs));
    fmt::print("limn                      {:>10.3f} s\n", median(ours));
    fmt::print("ratio                     {:>10.2f}\n", ratio);
    fmt::print("largest difference of a probability {:.1e}\n", difference);
  }
  return 0;
}

}  // namespace

void add_bench_curves(CLI::App& bench, Action& action) {
  const auto command = std::make_shared<CurvesCommand>();
  CLI::App* sub = bench.add_subcommand(
      "curves", "Time deletion and insertion against a loop of one picture a step");
  add_model_options(*sub, command->model, false);
  sub->add_option("--steps", command->steps, "steps of each curve: 28")
      ->check(CLI::Range(1, 10000));
  sub->add_option("--runs", command->runs, "runs of each, after one to warm up")
      ->check(CLI::Range(1, 1000));
  sub->add_flag("--json", command->json,
                "print one JSON object: steps, threads, loop_seconds, limn_seconds, ratio, "
                "largest_difference");
  sub->footer(
      "Picture and map are noise: neither changes what a pass costs. The loop is that of research\n"
      "code on the same libtorch: the graph as the file has it, one picture a step. Both curves\n"
      "are compared, too.\n"
      "\n"
      "Example:\n  limn bench curves resnet50.onnx --threads 2\n");
  sub->callback([command, &action] { action = [command] { return curves(*command); }; });
}

}  // namespace limn::cli
