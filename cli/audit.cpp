// `limn audit`: all checks of a model and its maps in one go, in plain words.
#include "limn/audit.h"

#include <fmt/format.h>

#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>

#include "cli/audit_pictures.h"
#include "cli/cli.h"
#include "cli/outbox.h"
#include "cli/progress.h"
#include "limn/error.h"
#include "limn/version.h"

namespace limn::cli {
namespace {

using Json = nlohmann::ordered_json;

constexpr const char* kPage = "audit.html";
constexpr const char* kData = "audit.json";

struct AuditCommand {
  ModelOptions model;
  AuditChoice pictures;
  ExplainSettings settings;
  std::string only, folder = "limn-audit";
  AuditOptions options;
  bool force = false;
};

Json spot_json(const Audit& audit, const AuditSpot& spot) {
  Json out = {{"picture", audit.cases[spot.number].picture},
              {"box", {spot.left, spot.top, spot.left + spot.width, spot.top + spot.height}},
              {"share", spot.share},
              {"off_object", nullptr}};
  if (spot.off) out["off_object"] = *spot.off;
  return out;
}

Json class_json(const Audit& audit, const AuditClass& found) {
  Json out = {{"name", found.name},
              {"pooled", found.pooled},
              {"spots", Json::array()},
              {"covers", Json::array()},
              {"clusters", Json::array()}};
  for (const auto& spot : found.spots) out["spots"].push_back(spot_json(audit, spot));
  for (const auto& one : found.covers) {
    out["covers"].push_back({{"picture", audit.cases[found.spots[one.spot].number].picture},
                             {"before", one.before},
                             {"covered", one.covered},
                             {"control", one.control}});
  }
  if (found.spray) {
    out["spectral_score"] = found.spray->score;
    for (const auto& cluster : found.spray->clusters) {
      out["clusters"].push_back(cluster.members.size());
    }
  }
  return out;
}

Json sanity_json(const Audit& audit) {
  Json out = Json::object();
  for (std::size_t m = 0; m < audit.sanity.size(); ++m) {
    Json maps = Json::array();
    for (const auto& one : audit.sanity[m]) {
      Json curve = Json::array();
      for (const auto& stage : one.stages) curve.push_back(stage.spearman);
      maps.push_back({{"layers", one.layers}, {"spearman", curve}, {"constant", one.constant}});
    }
    out[audit.maps[m].method] = maps;
  }
  return out;
}

std::string json_of(const Audit& audit, const AuditCommand& command,
                    const AuditPictures& pictures) {
  Json findings = Json::array(), classes = Json::array(), left_out = Json::array();
  for (const auto& one : pictures.left_out()) {
    left_out.push_back({{"name", one.name}, {"why", one.why}});
  }
  for (const auto& one : audit.findings) {
    findings.push_back({{"check", one.check},
                        {"of", one.subject},
                        {"answer", audit_answer_name(one.answer)},
                        {"numbers", one.numbers},
                        {"words", one.words},
                        {"advice", one.advice}});
  }
  for (const auto& one : audit.classes) classes.push_back(class_json(audit, one));
  const Json out = {{"schema", "limn.audit/1"},
                    {"command", command_line()},
                    {"version", kVersion},
                    {"model", command.model.path},
                    {"pictures",
                     {{"from", pictures.name()},
                      {"read", audit.pictures - audit.left_out},
                      {"left_out", audit.left_out},
                      {"without_a_class", audit.unseen},
                      {"cases", audit.cases.size()}}},
                    {"left_out", left_out},
                    {"seed", command.settings.seed},
                    {"searched_for_cheating", audit.maps[audit.lead].method},
                    {"summary", audit_summary(audit)},
                    {"findings", findings},
                    {"classes", classes},
                    {"sanity", sanity_json(audit)}};
  return out.dump(1, ' ', false, Json::error_handler_t::replace) + "\n";
}

/// The number that decides, as `spearman 0.12`.
std::string deciding(const AuditFinding& one) {
  const std::vector<std::pair<std::string, std::vector<std::string>>> all = {
      {"sanity", {"spearman"}},
      {"completeness", {"median-gap"}},
      {"stability", {"flip", "shift", "flip-score", "shift-score"}},
      {"cheating", {"off-object", "place", "spectral-score", "fall"}}};
  std::string out;
  for (const auto& [check, names] : all) {
    for (const auto& name : names) {
      const auto found = one.numbers.find(name);
      if (check != one.check || found == one.numbers.end()) continue;
      out += fmt::format("{}{} {:.2f}", out.empty() ? "" : ", ", name, found->second);
    }
  }
  if (one.check != "agreement") return out;
  for (const auto& [name, value] : one.numbers) {
    if (name.find(" ~ ") != std::string::npos) continue;
    out += fmt::format("{}{} {:.2f}", out.empty() ? "" : ", ", name, value);
  }
  return out;
}

/// Words in lines of at most `width` letters.
std::string wrapped(const std::string& words, std::size_t width) {
  std::string out, line;
  std::size_t from = 0;
  while (from < words.size()) {
    const std::size_t blank = std::min(words.find(' ', from), words.size());
    const std::string word = words.substr(from, blank - from);
    if (!line.empty() && line.size() + 1 + word.size() > width) {
      out += line + "\n";
      line.clear();
    }
    line += (line.empty() ? "" : " ") + word;
    from = blank + 1;
  }
  return out + line + "\n";
}

void print(const Audit& audit, const std::string& page) {
  std::size_t width = 16;
  for (const auto& one : audit.findings) width = std::max(width, one.subject.size());
  width = std::min<std::size_t>(width, 40);
  fmt::print("{:<13} {:<{}}  {:<13} {}\n", "check", "of", width, "answer", "measured");
  for (const auto& one : audit.findings) {
    fmt::print("{:<13} {:<{}}  {:<13} {}\n", one.check, one.subject, width,
               audit_answer_name(one.answer), deciding(one));
  }
  fmt::print("\n");
  for (const auto& one : audit.findings) {
    const bool promises_nothing =
        one.check == "completeness" && one.answer == AuditAnswer::NotMeasured;
    // The summary says all about flagged classes.
    const bool in_summary = one.check == "cheating" && one.answer == AuditAnswer::Flagged;
    if (one.answer == AuditAnswer::Passed || promises_nothing || in_summary) continue;
    fmt::print("{}", wrapped(fmt::format("{} of {}, {}: {} {}", one.check, one.subject,
                                         audit_answer_name(one.answer), one.words, one.advice),
                             100));
  }
  fmt::print("\n{}", wrapped(audit_summary(audit), 100));
  fmt::print("{}\n", page);
}

int audit(AuditCommand command) {
  const auto methods = make_methods(command.settings);
  Outbox outbox(command.folder, command.force);
  AuditPictures pictures(command.pictures);
  const LoadedModel loaded = load(command.model);
  pictures.link(loaded.model);
  outbox.prepare({kPage, kData});
  AuditOptions& options = command.options;
  if (!command.only.empty()) options.only = class_of(loaded.model, command.only);
  options.explain = explain_options(loaded, command.settings);
  options.explain.progress = [](double) { check_interrupt(); };
  StagedProgress progress;
  options.progress = [&](const std::string& what, double done, double total) {
    check_interrupt();
    progress.at(what, done, total);
  };
  std::vector<AuditMethod> asked;
  for (const auto& one : methods) asked.push_back({one.asked, one.method.get()});
  const Audit result = run_audit(
      loaded.model, pictures.size(), [&](std::int64_t i) { return pictures.read(loaded.model, i); },
      asked, options);
  progress.clear();
  std::string typed;
  for (const auto& word : command_line()) typed += (typed.empty() ? "" : " ") + word;
  const auto pictures_read = result.pictures - result.left_out;
  const std::string counts = fmt::format(
      "{} picture{} of {}; {} map{} of classes that the model sees; cheating is looked for with "
      "{}.",
      pictures_read, pictures_read == 1 ? "" : "s", pictures.name(), result.cases.size(),
      result.cases.size() == 1 ? "" : "s", result.maps[result.lead].method);
  std::vector<std::string> facts = {typed, counts};
  for (const auto& one : pictures.left_out()) {
    facts.push_back("Left out: " + one.name + " (" + one.why + ")");
  }
  const std::string page =
      outbox.put(kPage, audit_page(result, "limn audit: " + command.model.path, facts));
  outbox.put(kData, json_of(result, command, pictures));
  outbox.keep();
  pictures.print_left_out();
  fmt::print("{}\n", counts);
  print(result, page);
  return 0;
}

}  // namespace

void add_audit(CLI::App& app, Action& action) {
  const auto command = std::make_shared<AuditCommand>();
  command->settings.methods = {"lrp", "gradient", "grad-cam", "rap"};
  CLI::App* sub = app.add_subcommand(
      "audit", "Check a model and its maps: can they be trusted, does the model cheat?");
  add_model_options(*sub, command->model);
  sub->add_option(
         "IMAGES", command->pictures.from,
         "pictures, folders of them, .npy tensors; or one data set with classes and masks: "
         "\"coco(instances.json)\", \"shapes(n=200)\" (`limn list datasets`)")
      ->required();
  sub->add_option("-m,--method", command->settings.methods,
                  "methods to check, the first of them searched for cheating; default: lrp, "
                  "gradient, grad-cam, rap")
      ->type_name("SPEC");
  sub->add_option("--class", command->only, "this class only: its label or index")
      ->type_name("CLASS");
  sub->add_option("--limit", command->pictures.limit,
                  "pictures at most, evenly taken from all; default: 200")
      ->check(CLI::Range(1, 1'000'000));
  sub->add_option("--seed", command->settings.seed, "of random weights, windows and methods")
      ->check(CLI::NonNegativeNumber)
      ->group("Checks");
  sub->add_option("--layer", command->settings.layer,
                  "the layer CAM methods read; default: the last")
      ->group("Checks");
  sub->add_option("--few", command->options.few,
                  "maps of each method on which it is checked; default: 16")
      ->check(CLI::Range(1, 100000))
      ->group("Checks");
  sub->add_option("--sanity-maps", command->options.sanity_few,
                  "maps of each method for the sanity check; default: 6")
      ->check(CLI::Range(1, 100000))
      ->group("Checks");
  sub->add_option("--sanity-stages", command->options.sanity_stages,
                  "steps in which all layers are randomized, 0: each layer; default: 5")
      ->check(CLI::Range(0, 100000))
      ->group("Checks");
  sub->add_option("--class-map", command->pictures.class_map,
                  "file that links the model's classes to the data set's; default: by name")
      ->type_name("FILE")
      ->group("Data");
  sub->add_flag("--skip-bad", command->pictures.skip_bad,
                "leave out pictures that cannot be read, and name them")
      ->group("Data");
  sub->add_option("-o,--out", command->folder, "folder for the results; default: limn-audit")
      ->type_name("DIR")
      ->group("Results");
  sub->add_flag("--force", command->force, "overwrite existing files")->group("Results");
  sub->footer(
      "Checks: sanity (do maps change when the weights become random?), completeness (do they add\n"
      "up?), stability (mirrored, and moved by one pixel), agreement of the methods, and "
      "cheating:\n"
      "for each class with at least 12 maps, whether they fall into groups, sit at one place or\n"
      "off the object, and how far the score falls when that spot is covered. Writes audit.html\n"
      "and audit.json. Answers are passed, unclear, flagged or not measured (docs/audit.md).\n"
      "\n"
      "Examples:\n"
      "  limn audit model.onnx photos/\n"
      "  limn audit model.onnx \"coco(instances_val2017.json)\" --class horse --limit 500\n"
      "  limn audit models/shapes_cheat.onnx \"shapes(n=200, tag=on-class)\" -o out\n");
  sub->callback([command, &action] { action = [command] { return audit(*command); }; });
}

}  // namespace limn::cli
