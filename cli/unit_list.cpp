// See unit_list.h.
#include "cli/unit_list.h"

#include <charconv>

#include "limn/error.h"

namespace limn::cli {

std::vector<std::int64_t> unit_list(const std::string& text, const std::string& flag) {
  std::vector<std::int64_t> out;
  const char *at = text.data(), *const end = at + text.size();
  const auto refuse = [&] {
    fail(ErrorCode::InvalidArgument, flag, " is \"", text,
         "\"; give numbers and ranges with commas between: 0,5,8-12");
  };
  const auto number = [&] {
    std::int64_t value = 0;
    const auto read = std::from_chars(at, end, value);
    if (read.ec != std::errc() || value < 0 || value > 1'000'000) refuse();
    at = read.ptr;
    return value;
  };
  while (at < end) {
    const std::int64_t first = number();
    std::int64_t last = first;
    if (at < end && *at == '-') {
      ++at;
      last = number();
    }
    if (last < first || (at < end && *at != ',') || at + 1 == end) refuse();
    for (std::int64_t unit = first; unit <= last; ++unit) out.push_back(unit);
    if (at < end) ++at;
  }
  return out;
}

}  // namespace limn::cli
