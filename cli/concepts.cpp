// `limn concepts`: what single units of a layer look for, as formulas of known concepts.
#include "limn/concepts.h"

#include <fmt/format.h>

#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>

#include "cli/cli.h"
#include "cli/model_options.h"
#include "cli/outbox.h"
#include "cli/progress.h"
#include "cli/unit_list.h"
#include "limn/error.h"
#include "limn/image.h"

namespace limn::cli {
namespace {

using Json = nlohmann::ordered_json;

struct ConceptsCommand {
  ModelOptions model;
  DissectionOptions options;
  std::string source, units, file = "limn-concepts.html";
  std::vector<std::string> operators;
  bool force = false, json = false;
};

Dissection run(const ConceptsCommand& command, const Model& model, const ConceptSource& source) {
  DissectionOptions options = command.options;
  StagedProgress progress;
  options.progress = [&](const std::string& what, double done, double total) {
    check_interrupt();
    progress.at(what, done, total);
  };
  return dissect(model, source, options);
}

ExamplePictures examples(const Dissection& dissection, const Model& model,
                         const ConceptSource& source) {
  ExamplePictures out;
  for (const auto& unit : dissection.units) {
    for (const auto number : unit.examples) {
      if (out.contains(number)) continue;
      check_interrupt();
      const ConceptPicture picture = source.read(number);
      const auto input = preprocess({picture.pixels}, model.preprocessing(), model.input_shape());
      out[number] = {picture.id, input.seen};
    }
  }
  return out;
}

Json unit_json(const Dissection& dissection, const UnitDissection& unit,
               const ExamplePictures& pictures) {
  const UnitFormula& found = unit.found;
  const auto names = dissection.concept_names();
  Json line = {{"unit", unit.unit},
               {"threshold", unit.threshold},
               {"unit_pixels", unit.pixels.count()},
               {"unit_pictures", unit.pixels.pictures().size()},
               {"formula", nullptr},
               {"iou", found.iou},
               {"score", found.score},
               {"formula_length", found.formula.length()},
               {"formula_pixels", found.pixels},
               {"single", nullptr},
               {"single_iou", found.single_iou}};
  if (found.formula.empty()) {
    line["why"] = finding(dissection, unit);
  } else {
    line["formula"] = found.formula.text(names);
    line["single"] = names[static_cast<std::size_t>(found.single)];
  }
  Json ious = Json::object();
  for (std::size_t c = 0; c < names.size(); ++c) ious[names[c]] = found.single_ious[c];
  line["single_ious"] = std::move(ious);
  line["examples"] = Json::array();
  for (const auto number : unit.examples) {
    line["examples"].push_back({{"picture", number}, {"id", pictures.at(number).name}});
  }
  return line;
}

void print_json(const Dissection& dissection, const ExamplePictures& pictures,
                const std::string& path) {
  for (const auto& unit : dissection.units) {
    fmt::print("{}\n", unit_json(dissection, unit, pictures).dump());
  }
  const Json summary = {{"layer", dissection.layer},
                        {"units", dissection.units.size()},
                        {"places", {dissection.layer_height, dissection.layer_width}},
                        {"pictures", dissection.pictures},
                        {"masks", {dissection.mask_height, dissection.mask_width}},
                        {"concepts", dissection.concept_names()},
                        {"seconds",
                         {{"forward", dissection.forward_seconds},
                          {"unit_masks", dissection.mask_seconds},
                          {"search", dissection.search_seconds}}},
                        {"file", path}};
  fmt::print("{}\n", summary.dump());
}

void print_table(const Dissection& dissection, const std::string& path) {
  const std::size_t units = dissection.units.size();
  fmt::print("layer {}: {} unit{} of {} x {} places; {} pictures, {} concepts on {} x {} pixels\n",
             dissection.layer, units, units == 1 ? "" : "s", dissection.layer_height,
             dissection.layer_width, dissection.pictures, dissection.concepts.size(),
             dissection.mask_height, dissection.mask_width);
  fmt::print("{:>6} {:>7}  {:>7}  {:<20}  {}\n", "unit", "IoU", "single", "best single concept",
             "formula");
  for (const auto u : strongest_first(dissection)) {
    const UnitDissection& unit = dissection.units[u];
    const int single = unit.found.single;
    const auto name = single < 0 ? "-" : dissection.concepts[static_cast<std::size_t>(single)].name;
    fmt::print("{:>6} {:>7.3f}  {:>7.3f}  {:<20}  {}\n", unit.unit, unit.found.iou,
               unit.found.single_iou, name, finding(dissection, unit));
  }
  fmt::print("{}\n", path);
}

std::vector<std::pair<std::string, std::string>> facts(const ConceptsCommand& command,
                                                       const Dissection& dissection,
                                                       const ConceptSource& source) {
  const FormulaSearchOptions& search = command.options.search;
  return {{"Model", command.model.path},
          {"Layer", fmt::format("{}, {} of {} units, {} x {} places", dissection.layer,
                                dissection.units.size(), dissection.layer_units,
                                dissection.layer_height, dissection.layer_width)},
          {"Pictures", fmt::format("{} of {}", dissection.pictures, source.spec().text())},
          {"Concepts",
           fmt::format("{}, compared on {} x {} pixels of the input", dissection.concepts.size(),
                       dissection.mask_height, dissection.mask_width)},
          {"A unit fires", fmt::format("above the exact quantile of its activations that {:.4g} % "
                                       "of all places exceed",
                                       100 * command.options.quantile)},
          {"Formulas", fmt::format("of up to {} concepts, beam {}, penalty {:.4g}", search.length,
                                   search.beam, search.penalty)},
          {"Seconds", fmt::format("{:.1f} for pictures and model, {:.1f} for unit masks, {:.1f} "
                                  "for the search",
                                  dissection.forward_seconds, dissection.mask_seconds,
                                  dissection.search_seconds)}};
}

int concepts(ConceptsCommand command) {
  const std::filesystem::path file(command.file);
  const bool is_page = file.extension() == ".html";
  if (!is_page && file.extension() != ".png") {
    fail(ErrorCode::InvalidArgument, "-o is \"", command.file,
         "\"; give a name that ends in .html (a page) or .png (a figure of the strongest units)");
  }
  command.options.units = unit_list(command.units, "--units");
  if (!command.operators.empty()) command.options.search.operators.clear();
  for (const auto& word : command.operators) {
    command.options.search.operators.push_back(formula_operator(word));
  }
  command.options.search.check();
  const auto source = make_concept_source(command.source);
  const LoadedModel loaded = load(command.model);
  Outbox outbox(file.parent_path().string(), command.force);
  outbox.prepare({file.filename().string()});
  const Dissection dissection = run(command, loaded.model, *source);
  const ExamplePictures pictures = examples(dissection, loaded.model, *source);
  outbox.put(file.filename().string(),
             is_page ? dissection_page(dissection, pictures, facts(command, dissection, *source))
                     : encode_png(dissection_figure(dissection, pictures)));
  outbox.keep();
  const std::string path = outbox.path(file.filename().string());
  if (command.json) {
    print_json(dissection, pictures, path);
  } else {
    print_table(dissection, path);
  }
  return 0;
}

}  // namespace

void add_concepts(CLI::App& app, Action& action) {
  const auto command = std::make_shared<ConceptsCommand>();
  DissectionOptions& options = command->options;
  CLI::App* sub = app.add_subcommand(
      "concepts",
      "Say what single units look for: formulas of concepts that cover where they fire");
  add_model_options(*sub, command->model);
  sub->add_option("DATASET", command->source,
                  "pictures with masks: shapes(n=500), broden(FOLDER), or any data set with masks")
      ->required();
  sub->add_option("--layer", options.layer,
                  "the value whose units are explained; default: where the last block ends")
      ->type_name("VALUE");
  sub->add_option("--units", command->units, "0,5,8-12; default: all")->type_name("LIST");
  sub->add_option("--limit", options.limit, "pictures at most; default: all")
      ->check(CLI::Range(1, 1 << 30));
  sub->add_option("--quantile", options.quantile,
                  "share of all places above a unit's threshold; default: 0.005");
  sub->add_option("--mask-size", options.mask_side,
                  "longest side of the grid on which masks are compared; default: 112, or the "
                  "input's if that is smaller")
      ->check(CLI::Range(1, 4096));
  sub->add_option("--batch", options.batch, "pictures in one pass; default: 16")
      ->check(CLI::Range(1, 65536));
  sub->add_option("--length", options.search.length, "concepts in a formula at most; default: 3")
      ->group("Formulas");
  sub->add_option("--beam", options.search.beam, "formulas that are built on; default: 5")
      ->group("Formulas");
  sub->add_option("--penalty", options.search.penalty,
                  "a formula's IoU counts times this for each concept and NOT after the first; "
                  "default: 1")
      ->group("Formulas");
  sub->add_option("--operators", command->operators, "of or, and, and-not; default: all three")
      ->delimiter(',')
      ->group("Formulas");
  sub->add_option("-o,--out", command->file,
                  "page (.html) or figure of the strongest units (.png); default: "
                  "limn-concepts.html")
      ->type_name("FILE")
      ->group("Results");
  sub->add_option("--examples", options.examples, "pictures a unit; default: 5")
      ->check(CLI::Range(0, 100))
      ->group("Results");
  sub->add_flag("--json", command->json,
                "print one JSON object a unit, then one with layer, concepts and seconds")
      ->group("Results");
  sub->add_flag("--force", command->force, "overwrite an existing file")->group("Results");
  sub->footer(
      "A unit fires where its activation, resized to the input, exceeds its own threshold. IoU is\n"
      "the overlap with where a formula holds: common pixels over pixels of either, over all\n"
      "pictures. Concepts of shapes: class, color, texture, size, distractor and tag.\n"
      "\n"
      "Examples:\n"
      "  limn concepts models/shapes_vgg.onnx \"shapes(n=500)\" -o units.html\n"
      "  limn concepts model.onnx \"broden(broden1_224, split=val)\" --layer relu5_3 --limit "
      "2000\n");
  sub->callback([command, &action] { action = [command] { return concepts(*command); }; });
}

}  // namespace limn::cli
