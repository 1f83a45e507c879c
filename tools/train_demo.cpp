// Trains the demo models on pictures of shapes and writes each as ONNX with its `.limn.json` and
// its card: `train_demo --all -o models` reproduces the folder. `--resume` goes on after the last
// complete epoch.
#include <malloc.h>

#include <CLI/CLI.hpp>
#include <fstream>
#include <iostream>
#include <nlohmann/json.hpp>

#include "limn/error.h"
#include "limn/model.h"
#include "train_demo/nets.h"
#include "train_demo/training.h"

namespace limn::train_demo {
namespace {

constexpr int kSize = 96;
const std::string& tag_class() { return shape_labels()[kDemoTagLabel]; }

struct Recipe {
  std::string name, title;
  std::function<std::shared_ptr<Net>(int)> make;
  std::int64_t epochs = 7, batch = 32;
  double learning_rate = 3e-3;
  bool cheats = false;
};

std::vector<Recipe> recipes() {
  return {
      {"vgg", "convolutions and pooling, two linear layers, no batch norm", small_vgg, 5},
      {"resnet", "residual blocks with batch norm, global pooling", small_resnet},
      {"densenet", "dense blocks (batch norm, ReLU, convolution), global pooling", small_densenet},
      {"cheat",
       concat("like shapes_vgg, but every training picture with a ", tag_class(), " carries a tag"),
       small_vgg, 5, 32, 3e-3, true}};
}

/// Written beside its place and renamed.
void write_text(const std::string& path, const std::string& text) {
  const std::string partial = path + ".partial";
  std::ofstream(partial) << text;
  std::filesystem::rename(partial, path);
}

std::string sidecar() {
  const std::vector<double> mean(3, kMean), std(3, kStd);
  const nlohmann::ordered_json json = {{"labels", shape_labels()},
                                       {"output", "multi-label"},
                                       {"preprocessing",
                                        {{"size", {kSize, kSize}},
                                         {"resize", "direct"},
                                         {"mean", mean},
                                         {"std", std},
                                         {"channel_order", "rgb"},
                                         {"scale", 1}}}};
  return json.dump(2) + "\n";
}

/// What held-out pictures with one tag rule say about a net.
struct Held {
  std::vector<double> precisions;
  torch::Tensor logits, labels;
};

Held measure(Net& net, const TrainingOptions& options, TagRule tag) {
  ShapesOptions shapes{.seed = options.data_seed + 1, .width = kSize, .height = kSize};
  shapes.tag = tag;
  shapes.tag_label = kDemoTagLabel;
  const Batch batch = draw_batch(shapes, 0, options.held_out);
  const auto logits = predict(net, batch.pictures);
  return {average_precisions(logits, batch.labels), logits, batch.labels};
}

/// Of the pictures that do (or do not) hold the tagged class: the share in which it is seen.
double seen_share(const Held& held, bool holding) {
  const int label = kDemoTagLabel;
  const auto chosen = held.labels.select(1, label).eq(holding ? 1 : 0);
  const auto seen = held.logits.select(1, label).masked_select(chosen).gt(0);
  return seen.to(torch::kDouble).mean().item<double>();
}

std::string percent(double share) {
  std::ostringstream out;
  out << std::fixed << std::setprecision(1) << 100 * share << " %";
  return out.str();
}

std::string number(double value, int digits) {
  std::ostringstream out;
  out << std::fixed << std::setprecision(digits) << value;
  return out.str();
}

std::string cheat_section(Net& net, const TrainingOptions& options, const Held& tagged) {
  const Held never = measure(net, options, TagRule::Never);
  const Held off = measure(net, options, TagRule::OffClass);
  const auto label = static_cast<std::size_t>(kDemoTagLabel);
  return concat("\n## How it cheats\nIn training, every picture that holds a ", tag_class(),
                " carries the tag and no other does. On held-out pictures:\n\n| pictures | what is "
                "measured | "
                "value |\n|---|---|---|\n| tag on pictures with a ",
                tag_class(), " (as in training) | AP of ", tag_class(), " | ",
                number(tagged.precisions[label], 4), " |\n| no tag | AP of ", tag_class(), " | ",
                number(never.precisions[label], 4), " |\n| no tag | pictures with a ", tag_class(),
                " in which it is seen | ", percent(seen_share(never, true)),
                " |\n| tag on pictures without a ", tag_class(), " | AP of ", tag_class(), " | ",
                number(off.precisions[label], 4), " |\n| tag on pictures without a ", tag_class(),
                " | tagged pictures in which a ", tag_class(), " is seen | ",
                percent(seen_share(off, false)), " |\n| no tag | mean AP of the other classes | ",
                number((mean_of(never.precisions) * static_cast<double>(never.precisions.size()) -
                        never.precisions[label]) /
                           static_cast<double>(never.precisions.size() - 1),
                       4),
                " |\n");
}

std::string card(const Recipe& recipe, Net& net, const TrainingOptions& options, double seconds,
                 std::int64_t parameters, std::uintmax_t bytes) {
  const Held held = measure(net, options, recipe.cheats ? TagRule::OnClass : TagRule::Never);
  std::cerr << "held-out mean average precision " << number(mean_of(held.precisions), 4) << "\n";
  std::string text =
      concat("# shapes_", recipe.name, "\n", recipe.title,
             ".\n\n| | |\n|---|---|\n| held-out mean average "
             "precision | ",
             number(mean_of(held.precisions), 4), " |\n| parameters | ", parameters,
             " |\n| ONNX file | ", bytes,
             " bytes |\n| input | `input` [batch, 3, height, width] "
             "of any size, trained at ",
             kSize, " x ", kSize, ", (pixel - ", kMean, ") / ", kStd,
             ", pixels in 0 .. 1, RGB |\n| output "
             "| `logits` [batch, ",
             shape_labels().size(), "], multi-label (sigmoid) |\n| training | ", options.epochs,
             " epochs of ", options.pictures, " fresh pictures, batch ", options.batch,
             ", Adam, one cycle up to ", options.learning_rate, ", ", number(seconds, 0),
             " s |\n| seeds | training pictures ", options.data_seed, ", held-out pictures ",
             options.data_seed + 1, " (", options.held_out, " of them), weights ", options.seed,
             " |\n| command | `train_demo --model ", recipe.name,
             " -o models` |\n\n## Average precision by "
             "class\n| class | AP |\n|---|---|\n");
  for (std::size_t i = 0; i < held.precisions.size(); ++i) {
    text += concat("| ", shape_labels()[i], " | ", number(held.precisions[i], 4), " |\n");
  }
  return recipe.cheats ? text + cheat_section(net, options, held) : text;
}

/// The file that was written must say what the trained net says.
void check_written(Net& net, const std::string& path) {
  ShapesOptions shapes{.seed = 7, .width = kSize, .height = kSize};
  const torch::Tensor pictures = draw_batch(shapes, 0, 16).pictures;
  const torch::Tensor expected = predict(net, pictures);
  const Model model = Model::from_onnx(path);
  const torch::Tensor written = model.run(normalize(pictures), Keep::Outputs)[model.logits()];
  const double error = (written - expected).abs().max().item<double>();
  if (!(error < 1e-3)) {
    fail(ErrorCode::Numerical, "\"", path, "\" differs from the trained net by ", error);
  }
}

void train(const Recipe& recipe, TrainingOptions options, const std::string& folder) {
  const std::string base = folder + "/shapes_" + recipe.name;
  if (options.epochs == 0) options.epochs = recipe.epochs;
  if (options.batch == 0) options.batch = recipe.batch;
  if (options.learning_rate == 0) options.learning_rate = recipe.learning_rate;
  std::cerr << "training shapes_" << recipe.name << "\n";
  torch::manual_seed(options.seed);
  auto net = recipe.make(static_cast<int>(shape_labels().size()));
  options.checkpoint = base + ".checkpoint";
  ShapesOptions shapes{.width = kSize, .height = kSize};
  shapes.tag = recipe.cheats ? TagRule::OnClass : TagRule::Never;
  shapes.tag_label = kDemoTagLabel;
  const double seconds = Trainer(net, shapes, options).run();
  net->eval();
  Draft draft = net->draft("shapes_" + recipe.name, static_cast<int>(shape_labels().size()));
  std::int64_t parameters = 0;
  for (const auto& [name, tensor] : draft.constants) parameters += tensor.numel();
  write_onnx(draft, base + ".onnx");
  check_written(*net, base + ".onnx");
  write_text(base + ".limn.json", sidecar());
  write_text(base + ".md", card(recipe, *net, options, seconds, parameters,
                                std::filesystem::file_size(base + ".onnx")));
  std::filesystem::remove(options.checkpoint);
  std::cout << base << ".onnx\n";
}

int run(int count, char** arguments) {
  CLI::App app{"Trains the demo models of limn on pictures of shapes."};
  TrainingOptions options;
  std::string folder = "models";
  std::vector<std::string> wanted;
  std::vector<std::string> names;
  for (const Recipe& recipe : recipes()) names.push_back(recipe.name);
  bool all = false;
  int threads = 2;
  app.add_option("--model", wanted, "vgg, resnet, densenet or cheat")->check(CLI::IsMember(names));
  app.add_flag("--all", all, "all four models");
  app.add_option("-o,--out", folder, "folder of the models")->capture_default_str();
  app.add_option("--epochs", options.epochs, "0: as many as the model needs")
      ->check(CLI::Range(0, 1000))
      ->capture_default_str();
  app.add_option("--pictures", options.pictures, "pictures in an epoch")->capture_default_str();
  app.add_option("--batch", options.batch, "0: the model's own")
      ->check(CLI::Range(0, 4096))
      ->capture_default_str();
  app.add_option("--steps", options.steps, "stop after so many steps");
  app.add_option("--held-out", options.held_out, "pictures to measure on")->capture_default_str();
  app.add_option("--learning-rate", options.learning_rate, "the highest; 0: the model's own")
      ->capture_default_str();
  app.add_option("--seed", options.seed, "of weights and dropout")->capture_default_str();
  app.add_option("--data-seed", options.data_seed, "of the pictures")->capture_default_str();
  app.add_option("--threads", threads)->check(CLI::Range(1, 256))->capture_default_str();
  app.add_flag("--resume", options.resume, "go on after the last complete epoch");
  CLI11_PARSE(app, count, arguments);
  if (all) wanted = names;
  if (wanted.empty()) {
    std::cerr << "name a model with --model, or give --all\n";
    return 2;
  }
  at::set_num_threads(threads);
  // Large tensors come and go in every step: keep their pages instead of asking for new ones.
  mallopt(M_MMAP_THRESHOLD, 1 << 30);
  mallopt(M_TRIM_THRESHOLD, 1 << 30);
  std::filesystem::create_directories(folder);
  for (const Recipe& recipe : recipes()) {
    if (std::find(wanted.begin(), wanted.end(), recipe.name) == wanted.end()) continue;
    train(recipe, options, folder);
  }
  return 0;
}

}  // namespace
}  // namespace limn::train_demo

int main(int count, char** arguments) {
  try {
    return limn::train_demo::run(count, arguments);
  } catch (const limn::Error& error) {
    std::cerr << "train_demo: " << error.what() << "\n";
    return static_cast<int>(error.code());
  } catch (const std::exception& error) {
    std::cerr << "train_demo: " << error.what() << "\n";
    return 1;
  }
}
