// Reference results of metrics: what limn has for a case's metric.
#pragma once
#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "limn/tensor.h"

namespace limn::golden {

/// limn's results for a case, named as its expected files; nothing where limn does not have the
/// metric.
std::optional<std::map<std::string, Tensor>> run_metric(const std::filesystem::path& folder,
                                                        const nlohmann::json& golden_case);

}  // namespace limn::golden
