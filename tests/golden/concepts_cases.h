// Golden cases of compositional explanations: unit masks and the formulas found on them.
#pragma once
#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>

namespace limn::golden {

/// The largest error relative to an expected value; adds to `reason` what is out of tolerance.
/// None where the case is about something else.
std::optional<double> run_concepts(const std::filesystem::path& folder,
                                   const nlohmann::json& golden_case, std::string& reason);

}  // namespace limn::golden
