// `limn visualize`: the pictures that units or classes answer to most.
#include <fmt/format.h>

#include <future>
#include <nlohmann/json.hpp>

#include "cli/choices.h"
#include "cli/cli.h"
#include "cli/field_flags.h"
#include "cli/outbox.h"
#include "cli/progress.h"
#include "cli/unit_list.h"
#include "concepts/picture_space.h"
#include "image/file.h"
#include "limn/error.h"
#include "limn/image.h"
#include "limn/npy.h"
#include "limn/sidecar.h"
#include "limn/visualization.h"
#include "render/picture_grid.h"

namespace limn::cli {
namespace {

using Json = nlohmann::ordered_json;

struct VisualizeCommand {
  ModelOptions model;
  VisualizeOptions options;
  std::vector<std::string> units, classes;
  std::string start, folder = "limn-out";
  bool trace = false, force = false, json = false;
};

constexpr const char* kManifest = "manifest.json";
constexpr const char* kGrid = "grid.png";
constexpr std::int64_t kMostUnits = 4096;
/// Curves that a plot of traces can show.
constexpr std::size_t kMostLines = 12;

/// One picture to come.
struct Wanted {
  Unit unit;
  std::string name;  ///< for people
  std::string file;
};

/// `VALUE:3`, `VALUE:0,4-7`, `VALUE:all`; names of values may have colons.
void add_units(const Model& model, const VisualizeOptions& options, const std::string& text,
               std::vector<Wanted>& out) {
  const std::size_t colon = text.rfind(':');
  if (colon == std::string::npos || colon == 0 || colon + 1 == text.size()) {
    fail(ErrorCode::InvalidArgument, "--unit is \"", text,
         "\"; give a value and its channels: VALUE:3, VALUE:0,4-7 or VALUE:all (`limn inspect` "
         "lists the values)");
  }
  const std::string layer = text.substr(0, colon), channels = text.substr(colon + 1);
  const std::int64_t count = unit_count(model, layer, options.size);
  const auto numbers = unit_list(channels == "all" ? fmt::format("0-{}", count - 1) : channels,
                                 "--unit " + layer + ":");
  for (const std::int64_t channel : numbers) {
    if (channel >= count) {
      fail(ErrorCode::InvalidArgument, "--unit is \"", text, "\"; \"", layer,
           "\" has channels 0 to ", count - 1);
    }
    out.push_back({{layer, channel},
                   fmt::format("{}:{}", layer, channel),
                   fmt::format("unit-{}-{}.png", slug(layer), channel)});
  }
}

void add_classes(const Model& model, const VisualizeOptions& options, const std::string& text,
                 std::vector<Wanted>& out) {
  const std::int64_t count = unit_count(model, "", options.size);
  std::vector<std::int64_t> indices;
  if (text == "all") {
    for (std::int64_t c = 0; c < count; ++c) indices.push_back(c);
  } else {
    indices.push_back(class_index(model, text, count));
  }
  for (const std::int64_t index : indices) {
    const bool known = static_cast<std::size_t>(index) < model.labels().size();
    const std::string label = class_label(model, index);
    const std::string short_label = label.substr(0, label.find(','));
    out.push_back({{"", index},
                   known ? fmt::format("{} (class {})", short_label, index) : label,
                   known ? fmt::format("class-{}-{}.png", index, slug(short_label))
                         : fmt::format("class-{}.png", index)});
  }
}

std::vector<Wanted> wanted_of(const VisualizeCommand& command, const Model& model) {
  if (command.units.empty() && command.classes.empty()) {
    fail(ErrorCode::InvalidArgument,
         "nothing to visualize; give --class NAME, --class all or --unit VALUE:channel (`limn "
         "inspect` lists the values)");
  }
  std::vector<Wanted> all;
  for (const auto& text : command.classes) add_classes(model, command.options, text, all);
  for (const auto& text : command.units) add_units(model, command.options, text, all);
  std::set<std::string> seen;
  std::erase_if(all, [&](const Wanted& one) { return !seen.insert(one.name).second; });
  if (static_cast<std::int64_t>(all.size()) > kMostUnits) {
    fail(ErrorCode::InvalidArgument, all.size(), " units are too many for one run; give at most ",
         kMostUnits);
  }
  return all;
}

/// The start picture in the model's size, as numbers in [0, 1].
Tensor start_picture(const VisualizeCommand& command, const Model& model) {
  const PictureSpace space(model, command.options.size);
  Preprocessing how = model.preprocessing();
  how.size.clear();
  const Tensor x = preprocess(read_picture(command.start), how,
                              {space.channels(), space.height(), space.width()})
                       .x;
  return PictureSpace::finished(space.picture_of(x)[0]);
}

/// Makes the pictures batch by batch, so that only bytes of all of them are held.
std::vector<Visualization> make_all(const VisualizeCommand& command, const Model& model,
                                    const std::vector<Wanted>& wanted, Outbox& outbox,
                                    std::vector<render::GridTile>& tiles) {
  Progress progress("pictures", static_cast<double>(wanted.size()));
  std::vector<Visualization> all;
  const auto batch = static_cast<std::size_t>(command.options.batch);
  while (all.size() < wanted.size()) {
    const std::size_t first = all.size();
    std::vector<Unit> units;
    while (units.size() < batch && first + units.size() < wanted.size() &&
           wanted[first + units.size()].unit.layer == wanted[first].unit.layer) {
      units.push_back(wanted[first + units.size()].unit);
    }
    VisualizeOptions options = command.options;
    options.progress = [&](double share) {
      check_interrupt();
      progress.at(static_cast<double>(first) + share * static_cast<double>(units.size()));
    };
    for (auto& one : visualize(model, units, options)) {
      const Wanted& what = wanted[all.size()];
      tiles.push_back({render::picture_bytes(one.picture), what.name,
                       one.dead ? "dead" : fmt::format("{:.3g}", one.activation)});
      outbox.put(what.file, encode_png(tiles.back().picture));
      one.picture = Tensor();
      all.push_back(std::move(one));
    }
  }
  return all;
}

void put_traces(const std::vector<Wanted>& wanted, const std::vector<Visualization>& all,
                Outbox& outbox) {
  Tensors traces;
  std::vector<PlotLine> lines;
  for (std::size_t i = 0; i < all.size(); ++i) {
    traces.push_back(all[i].trace);
    if (i >= kMostLines) continue;
    PlotLine line{.name = wanted[i].name, .x = {}, .y = {}};
    for (std::int64_t t = 0; t < all[i].trace.numel(); ++t) {
      line.x.push_back(static_cast<double>(t));
      line.y.push_back(all[i].trace[t].item<double>());
    }
    lines.push_back(std::move(line));
  }
  outbox.put("trace.npy", encode_npy(at::stack(traces)));
  outbox.put("trace.png", encode_png(line_plot(lines, {.title = "Activation that each step saw",
                                                       .x_label = "step",
                                                       .y_label = "activation"})));
}

Json unit_json(const Wanted& wanted, const Visualization& one) {
  Json json = {{"name", wanted.name},
               {"layer", one.unit.layer},
               {"channel", one.unit.channel},
               {"is_class", wanted.unit.layer.empty()},
               {"start_activation", one.start},
               {"activation", one.activation},
               {"opened_steps", one.opened},
               {"dead", one.dead},
               {"notes", one.notes},
               {"file", wanted.file}};
  return json;
}

Json answer_json(const VisualizeCommand& command, const std::vector<Wanted>& wanted,
                 const std::vector<Visualization>& all, double seconds) {
  VisualizeOptions options = command.options;
  Json json = {{"options", fields_spec("visualize", visualize_fields(options)).text()},
               {"seed", options.seed},
               {"start", command.start},
               {"start_sha256", command.start.empty() ? "" : file_sha256(command.start)},
               {"seconds", seconds}};
  Json files = {{"grid", kGrid}};
  if (command.trace) files.update({{"trace", "trace.npy"}, {"plot", "trace.png"}});
  json["files"] = std::move(files);
  for (std::size_t i = 0; i < all.size(); ++i)
    json["units"].push_back(unit_json(wanted[i], all[i]));
  return json;
}

void print(const std::vector<Wanted>& wanted, const std::vector<Visualization>& all,
           const std::string& path, double seconds) {
  std::size_t width = 4;
  for (const auto& one : wanted) width = std::max(width, one.name.size());
  fmt::print("{:<{}}  {:>10}  {:>10}\n", "unit", width, "at start", "activation");
  for (std::size_t i = 0; i < all.size(); ++i) {
    fmt::print("{:<{}}  {:>10.4g}  {:>10.4g}\n", wanted[i].name, width, all[i].start,
               all[i].activation);
    for (const auto& note : all[i].notes) fmt::print("  {}\n", note);
  }
  fmt::print("{} in {}\n{}\n",
             all.size() == 1 ? "1 picture" : fmt::format("{} pictures", all.size()),
             duration_words(seconds), path);
}

int visualize_of(VisualizeCommand command) {
  auto hash = std::async(std::launch::async, [&] { return file_sha256(command.model.path); });
  const LoadedModel loaded = load(command.model);
  const Model& model = loaded.model;
  if (!command.model.size.empty()) command.options.size = model.preprocessing().size;
  const std::vector<Wanted> wanted = wanted_of(command, model);
  if (!command.start.empty()) command.options.start = start_picture(command, model);
  std::vector<std::string> names = {kManifest, kGrid};
  if (command.trace) names.insert(names.end(), {"trace.npy", "trace.png"});
  for (const auto& one : wanted) names.push_back(one.file);
  Outbox outbox(command.folder, command.force);
  outbox.prepare(names);

  const auto begin = std::chrono::steady_clock::now();
  std::vector<render::GridTile> tiles;
  const auto all = make_all(command, model, wanted, outbox, tiles);
  const double seconds =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  outbox.put(kGrid, encode_png(render::picture_grid(tiles)));
  if (command.trace) put_traces(wanted, all, outbox);

  RunRecord run = start_record(command.model, loaded);
  run.model_sha256 = hash.get();
  run.seed = command.options.seed;
  const PictureSpace space(model, command.options.size);
  run.input_shape = {space.channels(), space.height(), space.width()};
  Json manifest = Json::parse(manifest_json(run, {}));
  manifest["schema"] = "limn.visualization/1";
  for (const char* other : {"results", "score", "batch", "max_gap"}) manifest.erase(other);
  const Json answer = answer_json(command, wanted, all, seconds);
  manifest["visualization"] = answer;
  outbox.put(kManifest, manifest.dump(2, ' ', false, Json::error_handler_t::replace) + "\n");
  outbox.keep();
  if (command.json) {
    fmt::print("{}\n", answer.dump(-1, ' ', false, Json::error_handler_t::replace));
  } else {
    print(wanted, all, outbox.path(kGrid), seconds);
  }
  if (!model.preprocessing().known) {
    fmt::print(stderr, "limn: warning: {}\n", kUnknownPreprocessing);
  }
  return 0;
}

}  // namespace

void add_visualize(CLI::App& app, Action& action) {
  const auto command = std::make_shared<VisualizeCommand>();
  CLI::App* sub = app.add_subcommand(
      "visualize", "Make the pictures that units or classes of a model answer to most");
  add_model_options(*sub, command->model);
  sub->add_option("--class", command->classes, "a class by label or index, or all; repeatable")
      ->type_name("CLASS")
      ->allow_extra_args(false);
  sub->add_option("--unit", command->units,
                  "channels of an inner value: VALUE:3, VALUE:0,4-7 or VALUE:all; repeatable")
      ->type_name("VALUE:CHANNELS")
      ->allow_extra_args(false);
  const auto flags =
      add_field_flags(*sub, visualize_fields(command->options), "Making the picture");
  const char* const group = "Results";
  sub->add_option("--start", command->start, "the picture to start from, instead of noise")
      ->type_name("PICTURE")
      ->group("Making the picture");
  sub->add_option("--seed", command->options.seed, "of the noise and the shifts")
      ->check(CLI::NonNegativeNumber)
      ->group("Making the picture");
  sub->add_option("-o,--out", command->folder, "folder for the results; default: limn-out")
      ->type_name("DIR");
  sub->add_flag("--trace", command->trace,
                "write trace.npy [units, steps], the activation that each step saw, and a plot")
      ->group(group);
  sub->add_flag("--json", command->json, "print one JSON object instead of a table")->group(group);
  sub->add_flag("--force", command->force, "overwrite existing files")->group(group);
  sub->footer(
      "Steps go up the unit's gradient, through random shifts, sizes and rotations. grid.png: all\n"
      "pictures with their activations; one PNG a unit; manifest.json: everything to redo them.\n"
      "--plain: as early code does it; of a class 149 gradient steps on noise, of a unit 30 steps\n"
      "of Adam, with --start 250 gradient steps on the picture (Deep Dream).\n"
      "\n"
      "Examples:\n"
      "  limn visualize models/shapes_vgg.onnx --class all -o classes\n"
      "  limn visualize model.onnx --unit relu4_2:0-15 --steps 512 -o units\n"
      "  limn visualize model.onnx --unit relu4_2:7 --start photo.jpg --plain -o dream\n");
  sub->callback([command, sub, flags, &action] {
    refuse_beside_plain(*sub, flags, {"--steps", "--batch"});
    action = [command] { return visualize_of(*command); };
  });
}

}  // namespace limn::cli
