// What `limn explain-pair` is asked for, and the options that say it.
#pragma once
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "cli/model_options.h"
#include "limn/bilrp.h"

namespace limn::cli {

struct PairCommand {
  ModelOptions model;
  PairOptions options;
  std::vector<std::string> inputs;
  std::string rules, reference, fallback = "none", colormap, scale = "p99.5";
  std::string folder = "limn-out";
  double max_gap = 0.05;
  bool first_order = false, force = false, json = false;
  std::vector<std::string> given;  ///< the options that were typed, as `--gamma`
};

void add_pair_options(CLI::App& sub, PairCommand& command);
/// Refuses options that the others leave without effect.
void check_pair_options(const PairCommand& command);
/// What the manifest keeps of them.
nlohmann::ordered_json pair_options_json(const PairCommand& command);

}  // namespace limn::cli
