// `limn explain`: maps, pictures of them, and a manifest for each input, method and target.
#include <fmt/format.h>

#include <cstdio>
#include <future>
#include <iostream>

#include "cli/cli.h"
#include "cli/explaining.h"
#include "cli/outbox.h"
#include "limn/error.h"
#include "limn/npy.h"
#include "limn/sidecar.h"

namespace limn::cli {
namespace {

struct ExplainCommand {
  ModelOptions model;
  ExplainSettings settings;
  std::vector<std::string> inputs;
  std::string folder = "limn-out";
  bool json = false, strict = false, force = false, html = false;
};

constexpr const char* kReport = "report.html";

/// ImageNet's labels are lists of synonyms; the first is enough for a summary.
std::string first_name(const std::string& label) { return label.substr(0, label.find(',')); }

/// A key as the manifest names its file.
std::string file_kind(std::string key) {
  std::replace(key.begin(), key.end(), '-', '_');
  return key;
}

void print_summary(const ResultRecord& record, const std::string& folder,
                   const std::string& score_kind) {
  std::string predicted;
  for (std::size_t i = 0; i < std::min<std::size_t>(3, record.predictions.size()); ++i) {
    predicted +=
        fmt::format("{}{} {:.1f} %", i ? ", " : "", first_name(record.predictions[i].label),
                    100 * record.predictions[i].probability);
  }
  const std::string sample = record.sample > 0 ? fmt::format(" [{}]", record.sample) : "";
  fmt::print("{}{}  {}  {}\n", record.input, sample, record.asked_method, record.target);
  if (!predicted.empty()) fmt::print("  predicted  {}\n", predicted);
  fmt::print("  score      {:.6g} ({}), {}\n", record.score, score_kind, gap_words(record));
  if (!record.layer.empty()) fmt::print("  layer      {}\n", record.layer);
  for (const auto& note : record.notes) fmt::print("  note       {}\n", note);
  const std::string map = record.files.at("map");
  fmt::print("  files      {}/{}{{.npy,-heatmap.png,-overlay.png}}\n", folder,
             map.substr(0, map.size() - 4));
  std::fflush(stdout);
}

int explain(const ExplainCommand& command) {
  const auto methods = make_methods(command.settings);
  const auto targets = make_targets(command.settings);
  if (!command.settings.score.empty()) parse_score_kind(command.settings.score);
  const auto anytime = [](const MethodChoice& one) { return one.method->info().anytime; };
  const auto& budget = command.settings.budget;
  if (budget && !(*budget > 0)) {
    fail(ErrorCode::InvalidArgument, "--budget is ", *budget, " s; give a time as 30s or 500ms");
  }
  if (budget && std::none_of(methods.begin(), methods.end(), anytime)) {
    fail(ErrorCode::InvalidArgument,
         "--budget stops methods that get better with time; none is given, "
         "take -m rise");
  }
  style_map(at::zeros({1, 1}), true, command.settings.colormap, command.settings.scale);
  const auto inputs = list_inputs(command.inputs);

  const auto base = [&](std::size_t i, std::size_t m, std::size_t t) {
    return inputs[i].stem + "-" + methods[m].slug + "-" + targets[t].slug;
  };
  std::vector<std::string> names = {kManifest};
  if (command.html) names.push_back(kReport);
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    for (std::size_t m = 0; m < methods.size(); ++m) {
      for (std::size_t t = 0; t < targets.size(); ++t) {
        for (const char* end : {".npy", "-heatmap.png", "-overlay.png"}) {
          names.push_back(base(i, m, t) + end);
        }
        for (const auto& key : extras_of(*methods[m].method)) {
          names.push_back(base(i, m, t) + "-" + key + ".npy");
        }
      }
    }
  }
  // The hash of a large model takes as long as loading it, so both run at once.
  auto hash = std::async(std::launch::async, [&] { return file_sha256(command.model.path); });
  const LoadedModel loaded = load(command.model, targets, command.settings);
  Outbox outbox(command.folder, command.force);
  outbox.prepare(names);
  RunRecord run = start_record(command.model, loaded);
  run.score_kind = score_name(loaded, targets, command.settings);
  run.seed = command.settings.seed;
  run.batch = command.settings.batch;
  run.max_gap = command.settings.max_gap;
  run.fallback = command.settings.fallback;
  run.maps_asked = inputs.size() * methods.size() * targets.size();

  std::vector<ResultRecord> results;
  std::vector<ReportItem> items;
  std::future<void> writing;
  const auto finish = [&] {
    if (writing.valid()) writing.get();
  };
  const auto sink = [&](Outcome&& outcome) {
    finish();
    if (results.empty()) {
      run.input_shape = {outcome.record.geometry.input_height, outcome.record.geometry.input_width};
      const auto declared = loaded.model.input_shape();
      run.input_shape.insert(run.input_shape.begin(), declared.empty() ? -1 : declared[0]);
    }
    const std::string name = base(outcome.input, outcome.method, outcome.target);
    outcome.record.files = {{"map", name + ".npy"},
                            {"heatmap", name + "-heatmap.png"},
                            {"overlay", name + "-overlay.png"}};
    for (const auto& [key, values] : outcome.extras) {
      outcome.record.files[file_kind(key)] = name + "-" + key + ".npy";
    }
    results.push_back(outcome.record);
    if (command.html) {
      // Samples of one picture share its pixels in the page.
      items.push_back({outcome.record, outcome.marked(), outcome.map, outcome.original});
    }
    // Pictures are written while the next map is computed.
    writing = std::async(std::launch::async, [&outbox, outcome = std::move(outcome)] {
      const auto& files = outcome.record.files;
      outbox.put(files.at("map"), encode_npy(outcome.original));
      for (const auto& [key, values] : outcome.extras) {
        outbox.put(files.at(file_kind(key)), encode_npy(values));
      }
      outbox.put(files.at("heatmap"),
                 encode_png(heatmap_figure(outcome.original, outcome.record.style)));
      outbox.put(files.at("overlay"),
                 encode_png(overlay_figure(outcome.picture, outcome.original, outcome.record.style,
                                           outcome.marks)));
    });
  };
  const bool complete = explain_all(loaded, inputs, methods, targets, command.settings, sink);
  finish();
  run.model_sha256 = hash.get();
  if (command.html) outbox.put(kReport, html_report(run, items, "limn: " + command.model.path));
  outbox.put(kManifest, manifest_json(run, results));
  outbox.keep();

  std::size_t doubted = 0;
  for (auto& record : results) {
    if (command.json) {
      ResultRecord full = record;
      for (auto& [kind, name] : full.files) name = outbox.path(name);
      std::cout << result_json(full) << '\n';
    } else {
      print_summary(record, command.folder, run.score_kind);
    }
    for (const auto& warning : record.warnings) {
      fmt::print(stderr, "limn: warning: {}, {}: {}\n", record.input, record.asked_method, warning);
    }
    doubted += record.warnings.empty() ? 0 : 1;
  }
  if (!command.json) {
    fmt::print("{} {} in {}/ with {}{}{}\n", results.size(), results.size() == 1 ? "map" : "maps",
               command.folder, kManifest, command.html ? " and " : "", command.html ? kReport : "");
  }
  std::cout.flush();
  if (!complete) {
    fmt::print(stderr, "limn: error: interrupted; --keep-partial kept {} of {} maps\n",
               results.size(), run.maps_asked);
    return 130;
  }
  if (command.strict && doubted > 0) {
    fmt::print(stderr,
               "limn: error: --strict: {} of {} maps should not be trusted (see warnings)\n",
               doubted, results.size());
    return static_cast<int>(ErrorCode::Numerical);
  }
  return 0;
}

}  // namespace

void add_explain(CLI::App& app, Action& action) {
  const auto command = std::make_shared<ExplainCommand>();
  CLI::App* sub = app.add_subcommand("explain", "Show why a model decides as it does on pictures");
  add_model_options(*sub, command->model);
  sub->add_option("INPUT", command->inputs,
                  "pictures, folders of pictures, or .npy tensors [N,C,H,W] used as they are")
      ->required();
  add_explain_settings(*sub, command->settings);
  sub->add_option("-o,--out", command->folder, "folder for the results; default: limn-out")
      ->type_name("DIR");
  sub->add_flag("--html", command->html, "write report.html: one page with slider and raw values")
      ->group("Results");
  sub->add_flag("--json", command->json, "print one JSON object per map instead of words")
      ->group("Results");
  sub->add_flag("--strict", command->strict, "exit code 8 where a map should not be trusted")
      ->group("Results");
  sub->add_option("--budget", command->settings.budget,
                  "time for each run of a method that gets better with it (rise, kernel-shap,\n"
                  "extremal-perturbation), as 30s, 500ms or 2min")
      ->type_name("TIME")
      ->transform(CLI::AsNumberWithUnit(
          std::map<std::string, double>{{"ms", 0.001}, {"s", 1}, {"min", 60}, {"h", 3600}},
          CLI::AsNumberWithUnit::CASE_SENSITIVE))
      ->group("Explaining");
  sub->add_flag("--keep-partial", command->settings.keep_partial,
                "after Ctrl-C keep what is done; methods that --budget can stop answer with\n"
                "what they have")
      ->group("Results");
  sub->add_flag("--force", command->force, "overwrite existing files")->group("Results");
  sub->footer(
      "For each input, method and target: NAME.npy (raw float32 in the picture's geometry),\n"
      "NAME-heatmap.png, NAME-overlay.png; and one manifest.json with everything to redo it.\n"
      "\n"
      "Examples:\n"
      "  limn explain model.onnx cat.jpg\n"
      "  limn explain model.onnx cat.jpg -t class:tabby -t top:3 -m lrp -m grad-cam -o out\n"
      "  limn explain model.onnx cat.jpg -m \"lrp(composite=epsilon-alpha2-beta1)\"\n"
      "  limn explain model.onnx cat.jpg -t margin:tabby-tiger\\ cat --preset imagenet\n"
      "  limn explain model.onnx photos/ --html --json > results.jsonl\n"
      "  limn explain model.onnx cat.jpg -t cosine:pair/dog-embedding.npy -m rise\n");
  sub->callback([command, &action] { action = [command] { return explain(*command); }; });
}

}  // namespace limn::cli
