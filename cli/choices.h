// What explaining commands ask for: methods, targets and how they run.
#pragma once
#include <CLI/CLI.hpp>
#include <memory>
#include <string>
#include <vector>

#include "cli/model_options.h"
#include "limn/method.h"
#include "limn/report.h"

namespace limn::cli {

struct ExplainSettings {
  std::vector<std::string> methods = {"lrp"};
  std::vector<std::string> targets = {"top1"};
  std::string layer, cosine_layer, score, colormap, scale = "p99.5", fallback = "none";
  std::uint64_t seed = 0;
  std::int64_t batch = 0;
  double max_gap = 0.05;
  std::optional<double> budget;  ///< seconds that a sampling method may take
  bool keep_partial = false;     ///< an interrupt keeps what is done
};
/// `may_compare`: `cosine:` targets, too.
void add_explain_settings(CLI::App& command, ExplainSettings& settings, bool may_compare = true);

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
  std::string asked;  ///< as typed, `top:3` taken apart
  std::string slug;
  std::string reference;  ///< the file behind `cosine:`; else empty
};
/// Throws where `cosine:` stands beside others, for it explains an embedding, they explain classes;
/// and, without `may_compare`, where it is asked for at all.
std::vector<TargetChoice> make_targets(const ExplainSettings& settings, bool may_compare = true);

/// The model as given; for `cosine:` targets up to the embedding that they compare, by
/// `cosine_model`.
LoadedModel load(const ModelOptions& options, const std::vector<TargetChoice>& targets,
                 const ExplainSettings& settings);
/// What the explained number is: `logit`, `prob`, `log-prob` or `cosine`.
std::string score_name(const LoadedModel& loaded, const std::vector<TargetChoice>& targets,
                       const ExplainSettings& settings);

/// Letters, digits and dots kept, everything else one dash: `lrp(composite=flat)` is
/// `lrp-composite-flat`.
std::string slug(const std::string& text);

/// The score kind in use: the option, else the sidecar's.
ScoreKind score_of(const LoadedModel& loaded, const ExplainSettings& settings);
/// What the settings say of a method's run.
ExplainOptions explain_options(const LoadedModel& loaded, const ExplainSettings& settings);

}  // namespace limn::cli
