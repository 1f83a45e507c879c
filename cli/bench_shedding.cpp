// `limn bench shedding`: what a method gains or sheds when the picture is enlarged before it is
// explained, in deletion and insertion on the picture at its own size. The motivation of UCAG
// (Hong, Nam, Choi, Lee, 2023).
#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "cli/cli.h"
#include "cli/explaining.h"
#include "cli/outbox.h"
#include "cli/plot_file.h"
#include "cli/progress.h"
#include "limn/error.h"
#include "limn/insertion_deletion.h"
#include "limn/target.h"

namespace limn::cli {
namespace {

struct SheddingCommand {
  ModelOptions model;
  ExplainSettings settings;
  std::vector<std::string> inputs;
  std::vector<double> factors = {1, 1.5, 2, 2.5, 3};
  std::int64_t step = 0;
  PlotChoice plot = {"limn-shedding.png"};
  bool json = false;
};

/// Means over the pictures, per factor.
struct Curve {
  std::vector<double> deletion, insertion;
};

/// x enlarged; throws where the model takes one size only.
Tensor enlarged(const Model& model, const Tensor& x, double factor) {
  if (factor == 1) return x;
  const auto shape = model.input_shape();
  if (shape.size() == 3 && (shape[1] > 0 || shape[2] > 0)) {
    fail(ErrorCode::Unsupported, "the model takes pictures of ", shape[1], " x ", shape[2],
         " alone, and shedding enlarges them; export it with dynamic height and width");
  }
  const auto side = [&](std::int64_t axis) {
    return std::llround(static_cast<double>(x.size(axis)) * factor);
  };
  return at::upsample_bicubic2d(x, {side(2), side(3)}, false);
}

void add_areas(const SheddingCommand& command, const LoadedModel& loaded, const Method& method,
               const Tensor& x, std::int64_t target, double factor, double& deleted,
               double& inserted) {
  const Model& model = loaded.model;
  ExplainOptions options;
  options.score = score_of(loaded, command.settings);
  options.seed = command.settings.seed;
  options.batch = command.settings.batch;
  options.bfloat16 = loaded.bfloat16;
  const Tensor map =
      method.explain(model, enlarged(model, x, factor), Target::of_class(target), options).map();
  const Tensor fit = resize_maps(map.to(at::kCPU, at::kFloat), x.size(2), x.size(3))[0];
  PixelCurveOptions how;
  how.step = command.step;
  deleted += deletion(model, x, fit, target, how).area;
  inserted += insertion(model, x, fit, target, how).area;
}

void print(const SheddingCommand& command, const std::string& method, const Curve& curve) {
  for (std::size_t f = 0; f < command.factors.size(); ++f) {
    if (command.json) {
      const nlohmann::ordered_json line = {{"method", method},
                                           {"factor", command.factors[f]},
                                           {"deletion", curve.deletion[f]},
                                           {"insertion", curve.insertion[f]}};
      fmt::print("{}\n", line.dump());
    } else {
      fmt::print("{:<40} {:>8.2f} {:>10.4f} {:>10.4f}\n", method, command.factors[f],
                 curve.deletion[f], curve.insertion[f]);
    }
  }
}

int shedding(const SheddingCommand& command) {
  for (const double factor : command.factors) {
    if (!(factor >= 0.25 && factor <= 16)) {
      fail(ErrorCode::InvalidArgument, "--factors holds ", factor, "; legal: from 0.25 to 16");
    }
  }
  const auto methods = make_methods(command.settings);
  const auto inputs = list_inputs(command.inputs);
  PlotFile file(command.plot);
  const LoadedModel loaded = load(command.model);
  const std::size_t factors = command.factors.size();
  std::vector<Curve> curves(methods.size(),
                            {std::vector<double>(factors, 0.0), std::vector<double>(factors, 0.0)});
  Progress progress("runs", static_cast<double>(inputs.size() * methods.size() * factors));
  double done = 0;
  InputLoader loader(loaded.model);
  for (const auto& input : inputs) {
    const Tensor x = loader.load(input).x;
    in_context([&] { return "input \"" + input.path + "\""; },
               [&] {
                 const Tensor shares = probabilities(
                     loaded.model, loaded.model.run(x, std::vector{loaded.model.logits()}));
                 const auto target = shares[0].argmax().item<std::int64_t>();
                 for (std::size_t m = 0; m < methods.size(); ++m) {
                   for (std::size_t f = 0; f < factors; ++f) {
                     check_interrupt();
                     add_areas(command, loaded, *methods[m].method, x, target, command.factors[f],
                               curves[m].deletion[f], curves[m].insertion[f]);
                     progress.at(++done);
                   }
                 }
               });
  }
  progress.clear();
  std::vector<PlotLine> lines;
  if (!command.json) {
    fmt::print("means over {} picture{}; deletion: lower is better, insertion: higher\n",
               inputs.size(), inputs.size() == 1 ? "" : "s");
    fmt::print("{:<40} {:>8} {:>10} {:>10}\n", "method", "factor", "deletion", "insertion");
  }
  for (std::size_t m = 0; m < methods.size(); ++m) {
    for (auto* values : {&curves[m].deletion, &curves[m].insertion}) {
      for (double& value : *values) value /= static_cast<double>(inputs.size());
    }
    print(command, methods[m].asked, curves[m]);
    lines.push_back({"insertion, " + methods[m].asked, command.factors, curves[m].insertion});
    lines.push_back({"deletion, " + methods[m].asked, command.factors, curves[m].deletion});
  }
  const std::string path = file.write(lines, {.title = "Saliency shedding",
                                              .x_label = "up-sampling factor",
                                              .y_label = "area under the class's probability"});
  if (!command.json) fmt::print("{}\n", path);
  return 0;
}

}  // namespace

void add_bench_shedding(CLI::App& bench, Action& action) {
  const auto command = std::make_shared<SheddingCommand>();
  command->settings.methods = {"grad-cam"};
  CLI::App* sub = bench.add_subcommand(
      "shedding", "Deletion and insertion of a method against the picture's up-sampling factor");
  add_model_options(*sub, command->model);
  sub->add_option("INPUT", command->inputs, "pictures, folders of pictures, or .npy tensors")
      ->required();
  sub->add_option("-m,--method", command->settings.methods, "what explains; default: grad-cam")
      ->type_name("SPEC ...");
  sub->add_option("--factors", command->factors, "how much pictures are enlarged: 1,1.5,2")
      ->delimiter(',');
  sub->add_option("--step", command->step,
                  "pixels that vanish or appear at once; default: a 28th of the picture")
      ->check(CLI::Range(0, 1 << 28));
  sub->add_option("--score", command->settings.score, "logit, prob or log-prob; default: logit");
  sub->add_option("--seed", command->settings.seed, "of methods that sample")
      ->check(CLI::NonNegativeNumber);
  add_plot_options(*sub, command->plot);
  sub->add_flag("--json", command->json,
                "print one JSON object a line: method, factor, deletion, insertion");
  sub->footer(
      "The class is the one predicted on the picture as it is. Maps of enlarged pictures are\n"
      "resized to the picture; deletion and insertion run at its own size. The model must take\n"
      "pictures of any size.\n"
      "\n"
      "Example:\n  limn bench shedding models/shapes_resnet.onnx pictures -m grad-cam -m lrp\n");
  sub->callback([command, &action] { action = [command] { return shedding(*command); }; });
}

}  // namespace limn::cli
