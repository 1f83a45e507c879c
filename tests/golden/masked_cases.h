// Reference results of RISE and D-RISE, whose masks are given, and of extremal perturbation, whose
// masks' whole history is compared.
#pragma once
#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "limn/tensor.h"

namespace limn::golden {

/// limn's results for a case, named as its files; nothing where the case is of another method.
std::optional<std::map<std::string, Tensor>> run_masked(const std::filesystem::path& folder,
                                                        const nlohmann::json& golden_case);

}  // namespace limn::golden
