// Reference results of sanity checks by randomization and of the spectral analysis of maps.
#pragma once
#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "limn/tensor.h"

namespace limn::golden {

/// limn's results for a case, named as its expected files; nothing for other metrics.
std::optional<std::map<std::string, Tensor>> run_sanity(const std::filesystem::path& folder,
                                                        const nlohmann::json& golden_case);

}  // namespace limn::golden
