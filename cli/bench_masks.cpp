// `limn bench masks`: how many masks RISE's estimators need, as rank correlation with a reference
// map from many more masks.
#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "cli/cli.h"
#include "cli/explaining.h"
#include "cli/outbox.h"
#include "cli/plot_file.h"
#include "cli/progress.h"
#include "limn/compare_maps.h"
#include "limn/error.h"
#include "limn/target.h"

namespace limn::cli {
namespace {

struct MasksCommand {
  ModelOptions model;
  ExplainSettings settings;
  std::vector<std::string> inputs;
  std::vector<std::int64_t> counts = {250, 500, 1000, 2000, 4000, 8000};
  std::int64_t reference = 100'000, cells = 7;
  PlotChoice plot = {"limn-masks.png"};
  bool json = false;
};

struct Estimator {
  std::string name, options;
};
const std::vector<Estimator> kEstimators = {
    {"original", "estimator=original"},
    {"centered", "estimator=centered"},
    {"centered, pairs", "estimator=centered, antithetic=true"},
    {"regression", "estimator=regression"},
    {"regression, pairs", "estimator=regression, antithetic=true"}};

class Bench {
 public:
  Bench(const MasksCommand& command, const LoadedModel& loaded, std::size_t inputs)
      : command_(command), loaded_(loaded) {
    total_ = static_cast<double>(command.reference);
    for (const auto count : command.counts) {
      total_ += static_cast<double>(count) * static_cast<double>(kEstimators.size());
    }
    total_ *= static_cast<double>(inputs);
    for (auto& row : sums_) row.assign(command.counts.size(), 0.0);
  }

  void add(const Tensor& x, Progress& progress) {
    const Tensor shares =
        probabilities(loaded_.model, loaded_.model.run(x, std::vector{loaded_.model.logits()}));
    const Target target = Target::of_class(shares[0].argmax().item<std::int64_t>());
    const Tensor truth = map(x, target, "estimator=centered, antithetic=true", command_.reference,
                             command_.settings.seed + 1, progress);
    for (std::size_t e = 0; e < kEstimators.size(); ++e) {
      for (std::size_t c = 0; c < command_.counts.size(); ++c) {
        const Tensor one = map(x, target, kEstimators[e].options, command_.counts[c],
                               command_.settings.seed, progress);
        sums_[e][c] += compare_maps(one, truth).rank_correlation;
      }
    }
    ++pictures_;
  }
  double mean(std::size_t estimator, std::size_t count) const {
    return sums_[estimator][count] / pictures_;
  }
  double total() const { return total_; }

 private:
  Tensor map(const Tensor& x, const Target& target, const std::string& how, std::int64_t count,
             std::uint64_t seed, Progress& progress) {
    ExplainOptions options;
    options.seed = seed;
    options.batch = command_.settings.batch;
    options.bfloat16 = loaded_.bfloat16;
    const double done = done_;
    options.progress = [&](double share) {
      check_interrupt();
      progress.at(done + share * static_cast<double>(count));
    };
    const auto method =
        make_method(fmt::format("rise({}, n={}, cells={})", how, count, command_.cells));
    const Tensor out = method->explain(loaded_.model, x, target, options).map()[0];
    done_ = done + static_cast<double>(count);
    return out;
  }

  const MasksCommand& command_;
  const LoadedModel& loaded_;
  std::array<std::vector<double>, 5> sums_;
  double total_ = 0, done_ = 0, pictures_ = 0;
};

int masks(const MasksCommand& command) {
  for (const auto count : command.counts) {
    if (count < 8 || count % 2 != 0) {
      fail(ErrorCode::InvalidArgument, "--counts holds ", count,
           "; legal: even numbers from 8, since pairs are measured, too");
    }
  }
  const auto inputs = list_inputs(command.inputs);
  PlotFile file(command.plot);
  const LoadedModel loaded = load(command.model);
  Bench bench(command, loaded, inputs.size());
  Progress progress("masks", bench.total());
  InputLoader loader(loaded.model);
  for (const auto& input : inputs) {
    in_context([&] { return "input \"" + input.path + "\""; },
               [&] { bench.add(loader.load(input).x, progress); });
  }
  progress.clear();
  if (!command.json) {
    fmt::print("rank correlation with {} masks, mean over {} picture{}\n{:<20}", command.reference,
               inputs.size(), inputs.size() == 1 ? "" : "s", "estimator");
    for (const auto count : command.counts) fmt::print("{:>8}", count);
    fmt::print("\n");
  }
  std::vector<PlotLine> lines;
  for (std::size_t e = 0; e < kEstimators.size(); ++e) {
    PlotLine line{kEstimators[e].name, {}, {}};
    if (!command.json) fmt::print("{:<20}", line.name);
    for (std::size_t c = 0; c < command.counts.size(); ++c) {
      line.x.push_back(std::log2(static_cast<double>(command.counts[c])));
      line.y.push_back(bench.mean(e, c));
      if (command.json) {
        const nlohmann::ordered_json one = {{"estimator", line.name},
                                            {"masks", command.counts[c]},
                                            {"rank_correlation", line.y.back()}};
        fmt::print("{}\n", one.dump());
      } else {
        fmt::print("{:>8.4f}", line.y.back());
      }
    }
    if (!command.json) fmt::print("\n");
    lines.push_back(std::move(line));
  }
  const std::string path = file.write(lines, {.title = "RISE: agreement with a reference of " +
                                                       std::to_string(command.reference) + " masks",
                                              .x_label = "log2 of the number of masks",
                                              .y_label = "rank correlation"});
  if (!command.json) fmt::print("{}\n", path);
  return 0;
}

}  // namespace

void add_bench_masks(CLI::App& bench, Action& action) {
  const auto command = std::make_shared<MasksCommand>();
  CLI::App* sub = bench.add_subcommand(
      "masks", "How many masks RISE's estimators need: agreement with a reference of many more");
  add_model_options(*sub, command->model);
  sub->add_option("INPUT", command->inputs, "pictures, folders of pictures, or .npy tensors")
      ->required();
  sub->add_option("--counts", command->counts, "numbers of masks: 250,500,1000")->delimiter(',');
  sub->add_option("--reference", command->reference, "masks of the reference map")
      ->check(CLI::Range(16, 100'000'000));
  sub->add_option("--cells", command->cells, "of the masks' grid, down and across")
      ->check(CLI::Range(1, 4096));
  sub->add_option("--seed", command->settings.seed, "the reference takes the next one")
      ->check(CLI::NonNegativeNumber);
  sub->add_option("--batch", command->settings.batch, "masked pictures in one pass")
      ->check(CLI::Range(0, 65536));
  add_plot_options(*sub, command->plot);
  sub->add_flag("--json", command->json,
                "print one JSON object a line: estimator, masks, rank_correlation");
  sub->footer(
      "The class is the one predicted on the picture. The reference is drawn in pairs, centered.\n"
      "\n"
      "Example:\n  limn bench masks models/shapes_resnet.onnx pictures --counts 500,2000,8000\n");
  sub->callback([command, &action] { action = [command] { return masks(*command); }; });
}

}  // namespace limn::cli
