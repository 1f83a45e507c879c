// `limn bench cost`: what each method costs, in plain forward passes of the same model.
#include <ATen/Parallel.h>
#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "cli/allocator.h"
#include "cli/cli.h"
#include "cli/explaining.h"
#include "cli/outbox.h"
#include "cli/plain_forward.h"
#include "cli/progress.h"
#include "limn/error.h"
#include "limn/target.h"

namespace limn::cli {
namespace {

struct CostCommand {
  ModelOptions model;
  std::vector<std::string> methods;
  std::int64_t batch = 1, runs = 5, loop = 0, loop_batch = 16, targets = 0;
  bool autograd = false, json = false;
};

/// command.loop pictures of x's size in batches, as research code loops over masked pictures or
/// patches; `backward`: with autograd from the largest logits back to the pictures.
void plain_loop(const PlainForward& plain, const Tensor& x, const CostCommand& command,
                bool backward) {
  for (std::int64_t first = 0; first < command.loop; first += command.loop_batch) {
    const std::int64_t rows = std::min(command.loop_batch, command.loop - first);
    Tensor part = x.slice(0, 0, 1).expand({rows, -1, -1, -1}).contiguous();
    part.set_requires_grad(backward);
    const Tensor logits = plain.run(part);
    const DefaultAllocator as_eager_libtorch_has_it;
    if (backward) logits.amax(1).sum().backward();
  }
}

struct Entry {
  std::string name;
  std::function<void()> work;
  std::vector<double> seconds;
};

int cost(const CostCommand& command) {
  ExplainSettings settings;
  settings.methods = command.methods;
  if (settings.methods.empty()) {
    settings.methods = {"gradient", "guided-backprop", "grad-cam", "lrp(composite=epsilon-plus)",
                        "lrp(composite=epsilon-alpha2-beta1)"};
  }
  const auto methods = make_methods(settings);
  const LoadedModel loaded = load(command.model);
  const Model& model = loaded.model;
  if (!model.device().is_cpu()) {
    fail(ErrorCode::InvalidArgument,
         "bench cost compares on the CPU; the GPU table comes from ./dev gpu");
  }
  const auto shape = example_shape(model);
  at::manual_seed(0);
  const Tensor x =
      in_context([&] { return concat("an input of --batch ", command.batch); },
                 [&] {
                   return at::randn({command.batch, shape[0], shape[1], shape[2]}, at::kFloat)
                       .to(model.dtype());
                 });
  const PlainForward plain(model);
  std::vector<Entry> entries;
  entries.push_back({"plain forward", [&] { plain.run(x); }, {}});
  const Model folded = model.folded();
  entries.push_back({"forward", [&] { folded.run(x, Keep::Outputs); }, {}});
  ExplainOptions options;
  options.bfloat16 = loaded.bfloat16;
  // Nothing is detected in noise.
  const Target target = model.is_detector() ? Target::of_proposal(0, 0) : Target::top1();
  for (const auto& method : methods) {
    entries.push_back(
        {method.asked, [&] { method.method->explain(model, x, target, options); }, {}});
  }
  std::vector<Target> targets;
  if (command.targets > 0) targets = Target::parse(fmt::format("top:{}", command.targets));
  for (const auto& method : methods) {
    if (targets.empty()) break;
    entries.push_back({fmt::format("{}, {} targets in one call", method.asked, targets.size()),
                       [&] { method.method->explain(model, x, targets, options); },
                       {}});
    entries.push_back({fmt::format("{}, {} targets one by one", method.asked, targets.size()),
                       [&] {
                         for (const auto& target : targets) {
                           method.method->explain(model, x, target, options);
                         }
                       },
                       {}});
  }
  if (command.loop > 0) {
    const auto name =
        fmt::format("plain loop of {} in batches of {}", command.loop, command.loop_batch);
    entries.push_back({name, [&] { plain_loop(plain, x, command, false); }, {}});
    if (command.autograd) {
      entries.push_back({name + ", autograd", [&] { plain_loop(plain, x, command, true); }, {}});
    }
  }
  // The first run fills caches of weights; then all take turns, so that a busy moment hits each.
  Progress progress("runs",
                    static_cast<double>(entries.size()) * static_cast<double>(command.runs + 1));
  double done = 0;
  for (std::int64_t run = 0; run <= command.runs; ++run) {
    for (auto& entry : entries) {
      check_interrupt();
      const double seconds = seconds_of(entry.work);
      if (run > 0) entry.seconds.push_back(seconds);
      progress.at(++done);
    }
  }
  progress.clear();
  const double base = median(entries.front().seconds);
  if (!command.json) {
    fmt::print("{} x {}x{}x{}, {} threads, median of {} runs\n", command.batch, shape[0], shape[1],
               shape[2], at::get_num_threads(), command.runs);
    fmt::print("{:<44} {:>8} {:>10}\n", "method", "ratio", "seconds");
  }
  for (const auto& entry : entries) {
    const double seconds = median(entry.seconds);
    if (command.json) {
      const nlohmann::ordered_json json = {
          {"method", entry.name}, {"ratio", seconds / base}, {"seconds", seconds}};
      fmt::print("{}\n", json.dump());
    } else {
      fmt::print("{:<44} {:>8.2f} {:>10.4f}\n", entry.name, seconds / base, seconds);
    }
  }
  return 0;
}

}  // namespace

void add_bench_cost(CLI::App& bench, Action& action) {
  const auto command = std::make_shared<CostCommand>();
  CLI::App* sub = bench.add_subcommand(
      "cost", "Time methods as multiples of one plain fp32 forward pass of the same model");
  add_model_options(*sub, command->model, false);
  sub->add_option("-m,--method", command->methods, "methods to time")->type_name("SPEC");
  sub->add_option("--batch", command->batch, "pictures in one pass")->check(CLI::Range(1, 4096));
  sub->add_option("--runs", command->runs, "runs of each, after one to warm up")
      ->check(CLI::Range(1, 1000));
  sub->add_option("--loop", command->loop,
                  "also time eager libtorch on N pictures in a loop, as score-cam or rise is in\n"
                  "research code")
      ->type_name("N")
      ->check(CLI::Range(1, 1000000));
  sub->add_option("--loop-batch", command->loop_batch, "pictures in one pass of that loop: 16")
      ->check(CLI::Range(1, 4096));
  sub->add_flag("--autograd", command->autograd,
                "the loop with autograd back to the picture, too, as hooks have it");
  sub->add_option("--targets", command->targets,
                  "also time each method on the K likeliest classes, in one call and one by one")
      ->type_name("K")
      ->check(CLI::Range(1, 10000));
  sub->add_flag("--json", command->json, "print one JSON object a line: method, ratio, seconds");
  sub->footer(
      "The plain forward pass runs the unfolded graph node by node on contiguous tensors, as "
      "eager\n"
      "libtorch does; `forward` is limn's own. Runs are interleaved; the median counts.\n"
      "\n"
      "Example:\n  limn bench cost model.onnx -m gradient -m lrp --batch 1 --threads 2\n");
  sub->callback([command, &action] { action = [command] { return cost(*command); }; });
}

}  // namespace limn::cli
