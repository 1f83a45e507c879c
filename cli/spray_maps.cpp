// See spray_maps.h.
#include "cli/spray_maps.h"

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <set>

#include "cli/outbox.h"
#include "cli/spray_collector.h"
#include "image/file.h"
#include "limn/error.h"
#include "limn/npy.h"

namespace limn::cli {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;

/// All maps of a file as [n, h, w].
Tensor maps_of(const std::string& path) {
  Tensor maps = read_npy(path).to(at::kDouble);
  if (maps.dim() == 2) maps = maps.unsqueeze(0);
  if (maps.dim() == 4) maps = maps.sum(1);
  if (maps.dim() != 3 || maps.numel() == 0) {
    fail(ErrorCode::BadInput, "\"", path, "\" has shape ", maps.sizes(),
         "; maps are [h, w], [n, h, w] or [n, C, h, w]");
  }
  return maps;
}

void add_file(SprayCollector& collector, const std::string& group, const std::string& path,
              const std::string& name, const SprayMap& about) {
  Tensor maps;
  try {
    maps = maps_of(path);
  } catch (const Error& error) {
    return collector.refuse(name, std::string("cannot be used (") + error.what() + ")");
  }
  for (std::int64_t i = 0; i < maps.size(0); ++i) {
    SprayMap one = about;
    one.name = maps.size(0) == 1 ? name : name + "-" + std::to_string(i);
    collector.add(group, maps[i], std::move(one));
  }
}

void add_manifest(SprayCollector& collector, const std::string& folder, const std::string& text) {
  const std::string path = (fs::path(folder) / kManifest).string();
  try {
    const Json results = Json::parse(text).at("results");
    std::set<std::string> methods;
    for (const auto& one : results) methods.insert(one.at("asked_method").get<std::string>());
    for (const auto& one : results) {
      std::string group = one.at("explained");
      if (methods.size() > 1) group += ", " + one.at("asked_method").get<std::string>();
      const std::string map = one.at("files").at("map");
      SprayMap about;
      about.input = {.path = one.at("input"), .stem = {}, .sample = one.at("sample")};
      about.input.is_tensor = fs::path(about.input.path).extension() == ".npy";
      add_file(collector, group, (fs::path(folder) / map).string(), map, about);
    }
  } catch (const Json::exception& error) {
    fail(ErrorCode::BadInput, "\"", path, "\" is not what `limn explain` writes: ", error.what(),
         "; move it away to use every .npy file of the folder");
  }
}

/// Whether the model sees the class it is asked for.
bool is_predicted(const LoadedModel& loaded, const ResultRecord& record, ScoreKind score) {
  if (loaded.model.output_kind() == OutputKind::SingleLabel) {
    return !record.predictions.empty() && !record.classes.empty() &&
           record.predictions.front().index == record.classes.front();
  }
  const double even = score == ScoreKind::Logit         ? 0
                      : score == ScoreKind::Probability ? 0.5
                                                        : std::log(0.5);
  return record.score >= even;
}

}  // namespace

SprayInput read_spray_maps(const std::string& folder, const SprayChoice& choice) {
  if (!fs::is_directory(folder)) {
    fail(ErrorCode::NotFound, "no folder \"", folder,
         "\"; give a folder of .npy maps, or a model and pictures");
  }
  SprayCollector collector(choice);
  const fs::path manifest = fs::path(folder) / kManifest;
  if (fs::exists(manifest)) {
    add_manifest(collector, folder, read_file(manifest.string()));
  } else {
    std::vector<fs::path> files;
    for (const auto& entry : fs::directory_iterator(folder)) {
      if (entry.path().extension() == ".npy") files.push_back(entry.path());
    }
    std::sort(files.begin(), files.end());
    const std::string group = fs::path(folder).lexically_normal().string();
    for (const auto& file : files) {
      add_file(collector, group, file.string(), file.filename().string(), {});
    }
  }
  SprayInput input = collector.take();
  if (input.classes.empty()) {
    fail(ErrorCode::NotFound, "folder \"", folder, "\" holds no map that can be used",
         input.left_out.empty() ? "; give a folder of .npy maps, as `limn explain` writes them"
                                : ": all are bad");
  }
  return input;
}

SprayInput make_spray_maps(const LoadedModel& loaded, const std::vector<Input>& inputs,
                           const ExplainSettings& settings, const SprayChoice& choice) {
  const auto methods = make_methods(settings);
  const auto targets = make_targets(settings, false);
  if (methods.size() != 1 || targets.size() != 1) {
    fail(ErrorCode::InvalidArgument, "maps of one method and one target are compared; give -m and ",
         "-t once each");
  }
  const ScoreKind score = score_of(loaded, settings);
  SprayCollector collector(choice);
  explain_all(loaded, inputs, methods, targets, settings, [&](Outcome&& outcome) {
    const Input& input = inputs[outcome.input];
    SprayMap about;
    about.name = input.stem;
    about.input = input;
    about.geometry = outcome.record.geometry;
    if (choice.predicted && !is_predicted(loaded, outcome.record, score)) {
      collector.leave_out(about.name, "the class is not predicted");
    } else {
      collector.add(outcome.record.target, outcome.map, std::move(about));
    }
  });
  SprayInput input = collector.take();
  if (input.classes.empty()) {
    fail(ErrorCode::NotFound, "none of ", inputs.size(),
         " pictures gives a map of the class: ", input.left_out.front().why,
         "; give other pictures, another -t, or no --predicted");
  }
  return input;
}

}  // namespace limn::cli
