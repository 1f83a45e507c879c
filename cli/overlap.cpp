// `limn overlap`: do maps of different classes rest on the same pixels? One object read as several
// classes through the same features shows as high overlap.
#include <fmt/format.h>

#include <filesystem>
#include <nlohmann/json.hpp>

#include "cli/cli.h"
#include "cli/explaining.h"
#include "cli/outbox.h"
#include "limn/compare_maps.h"
#include "limn/error.h"

namespace limn::cli {
namespace {

struct OverlapCommand {
  ModelOptions model;
  ExplainSettings settings;
  std::string input, file = "limn-overlap.png";
  bool force = false, json = false;
};

/// Maps of one method, one per target.
struct MethodMaps {
  std::vector<Tensor> maps;
  std::vector<std::string> targets;
};

void print_pairs(const std::string& method, const MethodMaps& of, bool json) {
  for (std::size_t i = 0; i < of.maps.size(); ++i) {
    for (std::size_t j = i + 1; j < of.maps.size(); ++j) {
      const double iou = positive_overlap(of.maps[i], of.maps[j]);
      const double rank = compare_maps(of.maps[i], of.maps[j]).rank_correlation;
      if (json) {
        const nlohmann::ordered_json line = {{"method", method},
                                             {"first", of.targets[i]},
                                             {"second", of.targets[j]},
                                             {"positive_iou", iou},
                                             {"rank_correlation", rank}};
        fmt::print("{}\n", line.dump());
      } else {
        fmt::print("{:<32} {:<28} {:<28} {:>8.2f} {:>8.2f}\n", method, of.targets[i], of.targets[j],
                   iou, rank);
      }
    }
  }
}

int overlap(const OverlapCommand& command) {
  const auto methods = make_methods(command.settings);
  const auto targets = make_targets(command.settings);
  if (targets.size() < 2) {
    fail(ErrorCode::InvalidArgument,
         "overlap needs at least two targets; give --targets top:3, or --targets A,B");
  }
  const auto inputs = list_inputs({command.input});
  if (inputs.size() != 1) {
    fail(ErrorCode::InvalidArgument, "overlap takes one picture, \"", command.input, "\" has ",
         inputs.size());
  }
  const std::filesystem::path file(command.file);
  if (file.extension() != ".png") {
    fail(ErrorCode::InvalidArgument, "-o is \"", command.file, "\"; give a name that ends in .png");
  }
  const LoadedModel loaded = load(command.model, targets, command.settings);
  Outbox outbox(file.parent_path().string(), command.force);
  outbox.prepare({file.filename().string()});
  std::vector<GridRow> rows(targets.size());
  std::vector<MethodMaps> all(methods.size());
  explain_all(loaded, inputs, methods, targets, command.settings, [&](Outcome&& outcome) {
    GridRow& row = rows[outcome.target];
    if (row.cells.empty()) {
      row.cells.resize(methods.size());
      row.picture = outcome.picture;
      row.label = outcome.record.target;
    }
    row.cells[outcome.method] = {outcome.original, outcome.record.style, ""};
    all[outcome.method].maps.push_back(outcome.map);
    all[outcome.method].targets.push_back(outcome.record.target);
  });
  std::vector<std::string> columns;
  for (const auto& method : methods) columns.push_back(method.asked);
  outbox.put(file.filename().string(), encode_png(comparison_grid(columns, rows, {})));
  outbox.keep();
  if (!command.json) {
    fmt::print("{:<32} {:<28} {:<28} {:>8} {:>8}\n", "method", "target", "against", "IoU+", "rank");
  }
  for (std::size_t m = 0; m < methods.size(); ++m) {
    print_pairs(methods[m].asked, all[m], command.json);
  }
  if (!command.json) fmt::print("{}\n", outbox.path(file.filename().string()));
  return 0;
}

}  // namespace

void add_overlap(CLI::App& app, Action& action) {
  const auto command = std::make_shared<OverlapCommand>();
  command->settings.methods = {"rsp(start-only=true)", "rsp", "lrp(composite=epsilon-plus)"};
  command->settings.targets = {"top:3"};
  // Sums are no promise of the maps compared here.
  command->settings.max_gap = 1e300;
  CLI::App* sub =
      app.add_subcommand("overlap", "Measure how far maps of different classes overlap");
  add_model_options(*sub, command->model);
  sub->add_option("INPUT", command->input, "one picture or .npy tensor")->required();
  add_explain_settings(*sub, command->settings);
  sub->add_option("--targets", command->settings.targets,
                  "at least two, with commas between; default: top:3")
      ->delimiter(',')
      ->type_name("TARGET,...");
  sub->add_option("-o,--out", command->file, "the picture to write; default: limn-overlap.png")
      ->type_name("FILE.png");
  sub->add_flag("--json", command->json, "print one JSON object a pair")->group("Results");
  sub->add_flag("--force", command->force, "overwrite existing files")->group("Results");
  sub->footer(
      "IoU+ compares what speaks for each class: sum of the smaller over sum of the larger of the\n"
      "two maps' positive parts, each scaled to sum 1; 1 where both rest on the same pixels, 0\n"
      "where they share none. rank is Spearman's correlation of all values.\n"
      "\n"
      "Example:\n  limn overlap model.onnx pets.jpg --targets dog,cat -o overlap.png\n");
  sub->callback([command, &action] { action = [command] { return overlap(*command); }; });
}

}  // namespace limn::cli
