// `limn compare`: one labelled grid of inputs and targets by methods.
#include <fmt/format.h>

#include <filesystem>
#include <future>

#include "cli/cli.h"
#include "cli/explaining.h"
#include "cli/outbox.h"
#include "limn/error.h"
#include "limn/sidecar.h"

namespace limn::cli {
namespace {

struct CompareCommand {
  ModelOptions model;
  ExplainSettings settings;
  std::vector<std::string> inputs;
  std::string file = "limn-compare.png";
  std::int64_t cell = 224;
  bool overlay = false, force = false, html = false;
};

int compare(const CompareCommand& command) {
  const auto methods = make_methods(command.settings);
  const auto targets = make_targets(command.settings);
  style_map(at::zeros({1, 1}), true, command.settings.colormap, command.settings.scale);
  const auto inputs = list_inputs(command.inputs);
  if (inputs.size() * targets.size() > 200) {
    fail(ErrorCode::InvalidArgument, inputs.size(), " inputs and ", targets.size(),
         " targets make too tall a picture; compare at most 200 rows, or use `limn explain`");
  }
  const std::filesystem::path file(command.file);
  if (file.extension() != ".png") {
    fail(ErrorCode::InvalidArgument, "-o is \"", command.file, "\"; give a name that ends in .png");
  }
  const std::string page = file.stem().string() + ".html";
  std::vector<std::string> names = {file.filename().string()};
  if (command.html) names.push_back(page);
  auto hash = std::async(std::launch::async, [&] { return file_sha256(command.model.path); });
  const LoadedModel loaded = load(command.model, targets, command.settings);
  Outbox outbox(file.parent_path().string(), command.force);
  outbox.prepare(names);
  RunRecord run = start_record(command.model, loaded);
  run.score_kind = score_name(loaded, targets, command.settings);
  run.seed = command.settings.seed;
  run.batch = command.settings.batch;

  std::vector<GridRow> rows(inputs.size() * targets.size());
  std::vector<ReportItem> items;
  explain_all(loaded, inputs, methods, targets, command.settings, [&](Outcome&& outcome) {
    GridRow& row = rows[outcome.input * targets.size() + outcome.target];
    const ResultRecord& record = outcome.record;
    if (row.cells.empty()) {
      row.cells.resize(methods.size());
      row.picture = outcome.marked();
      double share = -1;
      for (const auto& one : record.predictions) {
        if (!record.classes.empty() && one.index == record.classes[0]) share = one.probability;
      }
      row.label = record.target + (share >= 0 ? fmt::format(", {:.1f} %", 100 * share) : "");
    }
    row.cells[outcome.method] = {outcome.original, record.style, ""};
    for (const auto& warning : record.warnings) {
      fmt::print(stderr, "limn: warning: {}, {}: {}\n", record.input, record.asked_method, warning);
    }
    if (command.html) {
      items.push_back({record, outcome.marked(), outcome.map, outcome.original});
    }
  });
  std::vector<std::string> columns;
  for (const auto& method : methods) columns.push_back(method.asked);
  const Tensor grid =
      comparison_grid(columns, rows, {.cell = command.cell, .overlay = command.overlay});
  outbox.put(names[0], encode_png(grid));
  run.model_sha256 = hash.get();
  if (command.html) outbox.put(page, html_report(run, items, "limn: " + command.model.path));
  outbox.keep();
  for (const auto& name : names) fmt::print("{}\n", outbox.path(name));
  return 0;
}

}  // namespace

void add_compare(CLI::App& app, Action& action) {
  const auto command = std::make_shared<CompareCommand>();
  command->settings.methods = {"gradient", "guided-backprop", "grad-cam", "lrp"};
  CLI::App* sub = app.add_subcommand("compare", "Draw a grid: inputs and targets by methods");
  add_model_options(*sub, command->model);
  sub->add_option("INPUT", command->inputs, "pictures, folders of pictures, or .npy tensors")
      ->required();
  add_explain_settings(*sub, command->settings);
  sub->add_option("-o,--out", command->file, "the picture to write; default: limn-compare.png")
      ->type_name("FILE.png");
  sub->add_option("--cell", command->cell, "width of one map in pixels")
      ->check(CLI::Range(64, 2048))
      ->group("Pictures");
  sub->add_flag("--overlay", command->overlay, "draw maps over the pictures")->group("Pictures");
  sub->add_flag("--html", command->html, "write FILE.html, too: slider, raw values, certificates")
      ->group("Results");
  sub->add_flag("--force", command->force, "overwrite existing files")->group("Results");
  sub->footer(
      "Each map has its own scale, said below it; the color bar shows what colors mean.\n"
      "\n"
      "Examples:\n"
      "  limn compare model.onnx cat.jpg dog.jpg\n"
      "  limn compare model.onnx cat.jpg -t top:3 -m lrp -m grad-cam --overlay -o grid.png\n");
  sub->callback([command, &action] { action = [command] { return compare(*command); }; });
}

}  // namespace limn::cli
