// run.json: what a folder of results is of. Schema `limn.bench/1`; keys are only added within it.
#pragma once
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "evaluation/plan.h"

namespace limn {

using Json = nlohmann::ordered_json;

/// Everything known before work starts.
Json run_json(const Plan& plan);
/// Throws NotFound, and BadInput where it is not a run.json of this schema.
Json read_run(const std::string& folder);
/// The first thing that makes the two different runs, in words; empty where they are one: the same
/// lines come out. `with_shard`: shards of one run count as different.
std::string difference(const Json& first, const Json& second, bool with_shard = true);
/// Written beside and renamed, so that no reader sees half of it.
void write_run(const std::string& folder, const Json& run);
/// Removes what a run left in the folder, and nothing else.
void remove_run(const std::string& folder);

}  // namespace limn
