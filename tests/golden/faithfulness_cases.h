// Reference results of metrics that change the picture, and of the resizing and blurring below
// them.
#pragma once
#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "limn/tensor.h"

namespace limn::golden {

/// limn's results for a case, named as its expected files and values; nothing for other cases.
std::optional<std::map<std::string, Tensor>> run_faithfulness(const std::filesystem::path& folder,
                                                              const nlohmann::json& golden_case);

}  // namespace limn::golden
