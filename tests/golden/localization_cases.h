// Reference results of metrics of localization and segmentation, and of Spearman's correlation.
#pragma once
#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "limn/tensor.h"

namespace limn::golden {

/// limn's results for a case, named as its expected files and, by path, its expected values;
/// nothing where the metric is none of these.
std::optional<std::map<std::string, Tensor>> run_localization(const std::filesystem::path& folder,
                                                              const nlohmann::json& golden_case);

}  // namespace limn::golden
