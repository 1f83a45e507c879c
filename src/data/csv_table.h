// Comma-separated tables (RFC 4180).
#pragma once
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace limn {

struct CsvRow {
  std::size_t line = 0;  ///< where it begins, from 1
  std::vector<std::string> cells;
};

/// Rows with their cells; empty lines are left out, a byte order mark is skipped, "..." holds
/// commas, line breaks and doubled quotes. Throws BadInput with the line for an open quote, or text
/// behind a closing one.
std::vector<CsvRow> parse_csv(std::string_view text);

}  // namespace limn
