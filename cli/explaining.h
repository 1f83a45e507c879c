// Runs methods over inputs and targets; `explain`, `compare` and `demo` differ only in what they do
// with the outcomes.
#pragma once
#include <CLI/CLI.hpp>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "cli/inputs.h"
#include "cli/model_options.h"
#include "limn/method.h"
#include "limn/report.h"

namespace limn::cli {

struct ExplainSettings {
  std::vector<std::string> methods = {"lrp"};
  std::vector<std::string> targets = {"top1"};
  std::string layer, score, colormap, scale = "p99.5", fallback = "none";
  std::uint64_t seed = 0;
  std::int64_t batch = 0;
  double max_gap = 0.05;
  double budget = 0;          ///< seconds that a sampling method may take; 0: no bound
  bool keep_partial = false;  ///< an interrupt keeps what is done
};
void add_explain_settings(CLI::App& command, ExplainSettings& settings);

struct MethodChoice {
  std::string asked;  ///< as typed
  std::string slug;   ///< for file names
  std::unique_ptr<Method> method;
  std::vector<OptionFile> rules;  ///< ResultRecord::rules
};
/// Makes the methods, with `--layer` put where a method takes one. Throws before anything runs.
std::vector<MethodChoice> make_methods(const ExplainSettings& settings);

struct TargetChoice {
  Target target;
  std::string slug;
};
std::vector<TargetChoice> make_targets(const ExplainSettings& settings);

/// Letters, digits and dots kept, everything else one dash: `lrp(composite=flat)` is
/// `lrp-composite-flat`.
std::string slug(const std::string& text);

/// What comes with every map of this method: keys of Explanation::inner, in the order saved.
std::vector<std::string> extras_of(const Method& method);

/// One map.
struct Outcome {
  ResultRecord record;
  std::size_t input = 0, method = 0, target = 0;
  Tensor map;       ///< [h, w] at its own size
  Tensor original;  ///< [H, W] in the picture's geometry
  /// By key: maps [H, W] or [K, H, W] in the picture's geometry, arrays as they are.
  std::map<std::string, Tensor> extras;
  Tensor picture;  ///< uint8 [H, W, 3]
};

/// Calls `sink` with every map, input by input; a progress line counts maps. Inputs of one shape
/// share passes where `settings.batch` allows it. False where an interrupt ended it early and
/// `settings.keep_partial` keeps what is done.
bool explain_all(const LoadedModel& loaded, const std::vector<Input>& inputs,
                 const std::vector<MethodChoice>& methods, const std::vector<TargetChoice>& targets,
                 const ExplainSettings& settings, const std::function<void(Outcome&&)>& sink);

/// The score kind in use: the option, else the sidecar's.
ScoreKind score_of(const LoadedModel& loaded, const ExplainSettings& settings);

}  // namespace limn::cli
