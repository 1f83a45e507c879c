// Numbers and ranges of units, as commands take them.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

namespace limn::cli {

/// `0,5,8-12` as numbers; empty text gives none. Throws InvalidArgument and says what `flag` takes.
std::vector<std::int64_t> unit_list(const std::string& text, const std::string& flag);

}  // namespace limn::cli
