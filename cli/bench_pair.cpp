// `limn bench pair`: what a bundle of components costs in BiLRP against as many separate LRP
// passes, each with a forward pass of its own.
#include <ATen/ATen.h>
#include <fmt/format.h>

#include <chrono>
#include <nlohmann/json.hpp>

#include "cli/cli.h"
#include "cli/model_options.h"
#include "cli/outbox.h"
#include "concepts/similarity.h"
#include "limn/bilrp.h"
#include "methods/noise.h"

namespace limn::cli {
namespace {

struct BenchPairCommand {
  ModelOptions model;
  PairOptions options;
  std::int64_t passes = 5;
  bool json = false;
};

template <typename Body>
double seconds(const Body& body) {
  const auto start = std::chrono::steady_clock::now();
  body();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

int bench_pair(const BenchPairCommand& command) {
  const LoadedModel loaded = load(command.model);
  std::vector<std::int64_t> shape = example_shape(loaded.model);
  shape.insert(shape.begin(), 1);
  const Tensor x1 = uniform_noise(1, shape).to(at::kFloat);
  const Tensor x2 = uniform_noise(2, shape).to(at::kFloat);
  PairOptions options = command.options;
  options.progress = [](double, double) { check_interrupt(); };
  PairExplanation pair;
  const double bundle = seconds([&] { pair = explain_pair(loaded.model, x1, x2, options); });
  PairOptions single = command.options;
  single.projections = 0;
  const SimilarityModel similarity(loaded.model, single);
  const Tensor row = projection_rows(
      0, 0, 1, 1, SimilarityInput(similarity, x1, "the input").components().numel());
  const auto pass = [&] {
    SimilarityInput input(similarity, x1, "the input");
    input.relevance([&](std::int64_t, std::int64_t) { return row; }, 1, {});
  };
  // The first pass makes the transposed weights, which all later ones share.
  pass();
  const double separate = seconds([&] {
    for (std::int64_t i = 0; i < command.passes; ++i) {
      check_interrupt();
      pass();
    }
  });
  const double each = separate / static_cast<double>(command.passes);
  const double all = 2 * static_cast<double>(pair.components) * each;
  const nlohmann::ordered_json line = {{"layer", pair.layer},     {"components", pair.components},
                                       {"bilrp_seconds", bundle}, {"lrp_seconds", each},
                                       {"separate_seconds", all}, {"times_faster", all / bundle}};
  if (command.json) {
    fmt::print("{}\n", line.dump());
    return 0;
  }
  fmt::print("{} components at {}, input {}x{}\n", pair.components, pair.layer, shape[2], shape[3]);
  fmt::print("BiLRP               {:>9.3f} s\n", bundle);
  fmt::print("one LRP pass        {:>9.3f} s\n", each);
  fmt::print("{:>4} LRP passes     {:>9.3f} s\n", 2 * pair.components, all);
  fmt::print("times faster        {:>9.2f}\n", all / bundle);
  return 0;
}

}  // namespace

void add_bench_pair(CLI::App& bench, Action& action) {
  const auto command = std::make_shared<BenchPairCommand>();
  command->options.projections = 100;
  command->options.composite = "gamma-by-depth";
  CLI::App* sub = bench.add_subcommand(
      "pair", "Time of BiLRP against that of separate LRP passes, on random inputs");
  add_model_options(*sub, command->model);
  sub->add_option("--layer", command->options.layer,
                  "the value compared; default: the input of the last linear layer");
  sub->add_option("--embedding", command->options.embedding, "auto, flat, mean or positive")
      ->check(CLI::IsMember({"auto", "flat", "mean", "positive"}));
  sub->add_option("--composite", command->options.composite,
                  "as explain-pair; default: gamma-by-depth, the authors'");
  sub->add_option("--projections", command->options.projections, "components; default: 100")
      ->check(CLI::Range(1, 100'000));
  sub->add_option("--passes", command->passes, "separate passes that are timed; default: 5")
      ->check(CLI::Range(1, 100'000));
  sub->add_flag("--json", command->json, "print one JSON object");
  sub->footer(
      "A separate pass is a forward pass up to the layer and one walk by the same rules. The time\n"
      "of all is that of one times twice the number of components.\n"
      "\n"
      "Example:\n  limn bench pair vgg16.onnx --layer pool5 --embedding flat --size 128\n");
  sub->callback([command, &action] { action = [command] { return bench_pair(*command); }; });
}

}  // namespace limn::cli
