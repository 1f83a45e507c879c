// Reference results of BiLRP: the joint relevance of two inputs.
#pragma once
#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "limn/tensor.h"

namespace limn::golden {

/// limn's results for a case, named as its files; nothing where the case is of another method.
std::optional<std::map<std::string, Tensor>> run_bilrp(const std::filesystem::path& folder,
                                                       const nlohmann::json& golden_case);

}  // namespace limn::golden
