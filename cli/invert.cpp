// `limn invert`: what inner values kept of a picture.
#include <fmt/format.h>

#include <future>
#include <nlohmann/json.hpp>
#include <set>

#include "cli/choices.h"
#include "cli/cli.h"
#include "cli/field_flags.h"
#include "cli/inputs.h"
#include "cli/outbox.h"
#include "cli/progress.h"
#include "limn/error.h"
#include "limn/image.h"
#include "limn/npy.h"
#include "limn/sidecar.h"
#include "limn/visualization.h"
#include "render/picture_grid.h"

namespace limn::cli {
namespace {

using Json = nlohmann::ordered_json;

struct InvertCommand {
  ModelOptions model;
  InvertOptions options;
  std::string input, folder = "limn-out";
  std::vector<std::string> layers;
  bool trace = false, force = false, json = false;
};

constexpr const char* kManifest = "manifest.json";
constexpr const char* kGrid = "grid.png";

std::string file_of(const std::string& layer) { return "invert-" + slug(layer) + ".png"; }

std::string shape_words(const std::vector<std::int64_t>& shape) {
  return fmt::format("{}", fmt::join(shape, " x "));
}

Input input_of(const InvertCommand& command) {
  const auto inputs = list_inputs({command.input});
  if (inputs.size() == 1) return inputs.front();
  fail(ErrorCode::InvalidArgument, "invert takes one picture, \"", command.input, "\" holds ",
       inputs.size(), "; give one of them");
}

std::vector<Inversion> invert_all(const InvertCommand& command, const Model& model,
                                  const Tensor& x) {
  Progress progress("pictures", static_cast<double>(command.layers.size()));
  std::vector<Inversion> all;
  for (const auto& layer : command.layers) {
    InvertOptions options = command.options;
    options.progress = [&](double share) {
      check_interrupt();
      progress.at(static_cast<double>(all.size()) + share);
    };
    all.push_back(invert(model, x, layer, options));
  }
  return all;
}

void put_pictures(const InvertCommand& command, const std::vector<Inversion>& all, Outbox& outbox) {
  std::vector<render::GridTile> tiles = {
      {render::picture_bytes(all.front().original), "the picture", ""}};
  Tensors traces;
  for (std::size_t i = 0; i < all.size(); ++i) {
    const Inversion& one = all[i];
    tiles.push_back({render::picture_bytes(one.picture), command.layers[i],
                     fmt::format("{}; error {:.2g}", shape_words(one.shape), one.error)});
    outbox.put(file_of(command.layers[i]), encode_png(tiles.back().picture));
    traces.push_back(one.trace);
  }
  outbox.put(kGrid, encode_png(render::picture_grid(tiles)));
  if (command.trace) outbox.put("trace.npy", encode_npy(at::stack(traces)));
}

Json answer_json(const InvertCommand& command, const Input& input, const Loaded& loaded,
                 const std::vector<Inversion>& all, double seconds) {
  InvertOptions options = command.options;
  Json json = {{"options", fields_spec("invert", invert_fields(options)).text()},
               {"seed", options.seed},
               {"input", input.path},
               {"input_sha256", loaded.sha256},
               {"seconds", seconds}};
  Json files = {{"grid", kGrid}};
  if (command.trace) files["trace"] = "trace.npy";
  json["files"] = std::move(files);
  for (std::size_t i = 0; i < all.size(); ++i) {
    const Inversion& one = all[i];
    json["layers"].push_back({{"layer", one.layer},
                              {"shape", one.shape},
                              {"start_error", one.trace[0].item<double>()},
                              {"error", one.error},
                              {"difference", one.difference},
                              {"notes", one.notes},
                              {"file", file_of(command.layers[i])}});
  }
  return json;
}

void print(const std::vector<Inversion>& all, const std::string& path, double seconds) {
  std::size_t width = 5;
  for (const auto& one : all) width = std::max(width, one.layer.size());
  fmt::print("{:<{}}  {:>14}  {:>8}  {:>10}\n", "layer", width, "shape", "error", "difference");
  for (const auto& one : all) {
    fmt::print("{:<{}}  {:>14}  {:>8.3g}  {:>10.3g}\n", one.layer, width, shape_words(one.shape),
               one.error, one.difference);
    for (const auto& note : one.notes) fmt::print("  {}\n", note);
  }
  fmt::print("{}\n{}\n", duration_words(seconds), path);
}

int invert_of(InvertCommand command) {
  std::set<std::string> seen;
  std::erase_if(command.layers, [&](const auto& one) { return !seen.insert(one).second; });
  const Input input = input_of(command);
  auto hash = std::async(std::launch::async, [&] { return file_sha256(command.model.path); });
  const LoadedModel loaded = load(command.model);
  const Model& model = loaded.model;
  for (const auto& layer : command.layers) model.graph().at(layer);
  InputLoader loader(model);
  const Loaded sample = loader.load(input);
  std::vector<std::string> names = {kManifest, kGrid};
  if (command.trace) names.emplace_back("trace.npy");
  for (const auto& layer : command.layers) names.push_back(file_of(layer));
  Outbox outbox(command.folder, command.force);
  outbox.prepare(names);

  const auto begin = std::chrono::steady_clock::now();
  const auto all = invert_all(command, model, sample.x);
  const double seconds =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  put_pictures(command, all, outbox);

  RunRecord run = start_record(command.model, loaded);
  run.model_sha256 = hash.get();
  run.seed = command.options.seed;
  run.input_shape = sample.x.sizes().slice(1).vec();
  Json manifest = Json::parse(manifest_json(run, {}));
  manifest["schema"] = "limn.inversion/1";
  for (const char* other : {"results", "score", "batch", "max_gap"}) manifest.erase(other);
  const Json answer = answer_json(command, input, sample, all, seconds);
  manifest["inversion"] = answer;
  outbox.put(kManifest, manifest.dump(2, ' ', false, Json::error_handler_t::replace) + "\n");
  outbox.keep();
  if (command.json) {
    fmt::print("{}\n", answer.dump(-1, ' ', false, Json::error_handler_t::replace));
  } else {
    print(all, outbox.path(kGrid), seconds);
  }
  if (!model.preprocessing().known && !input.is_tensor) {
    fmt::print(stderr, "limn: warning: {}\n", kUnknownPreprocessing);
  }
  return 0;
}

}  // namespace

void add_invert(CLI::App& app, Action& action) {
  const auto command = std::make_shared<InvertCommand>();
  CLI::App* sub =
      app.add_subcommand("invert", "Find a picture back from what inner values kept of it");
  add_model_options(*sub, command->model);
  sub->add_option("INPUT", command->input, "a picture, or a .npy tensor [1,C,H,W]")->required();
  sub->add_option("--layer", command->layers, "an inner value to start from; repeatable")
      ->type_name("VALUE")
      ->allow_extra_args(false)
      ->required();
  const auto flags = add_field_flags(*sub, invert_fields(command->options), "Finding the picture");
  const char* const group = "Results";
  sub->add_option("--seed", command->options.seed, "of the noise that it starts from")
      ->check(CLI::NonNegativeNumber)
      ->group("Finding the picture");
  sub->add_option("-o,--out", command->folder, "folder for the results; default: limn-out")
      ->type_name("DIR");
  sub->add_flag("--trace", command->trace,
                "write trace.npy [layers, steps], the error of each step")
      ->group(group);
  sub->add_flag("--json", command->json, "print one JSON object instead of a table")->group(group);
  sub->add_flag("--force", command->force, "overwrite existing files")->group(group);
  sub->footer(
      "Looks for a picture with the same inner value, starting from noise. error: squared "
      "distance\n"
      "of the values over the squared size of the wanted one, 0 is exact. difference: root mean\n"
      "square between both pictures, 0..1. What the value did not keep is left to the prior that\n"
      "pictures are smooth. grid.png: the picture and what came back from each value; one PNG a\n"
      "value; manifest.json. --plain: 201 steps with momentum, as early code does it.\n"
      "\n"
      "Example:\n"
      "  limn invert model.onnx cat.jpg --layer relu1_2 --layer relu3_3 --layer relu5_3 -o back\n");
  sub->callback([command, sub, flags, &action] {
    refuse_beside_plain(*sub, flags, {"--steps"});
    action = [command] { return invert_of(*command); };
  });
}

}  // namespace limn::cli
