// The words of a suite's lines.
#pragma once
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace limn {

/// Words of a line, apart by blanks outside brackets and quotes; without the comment.
std::vector<std::string> words_of(std::string_view line);
/// The words from `first` on, a blank between them.
std::string joined(const std::vector<std::string>& words, std::size_t first);
/// `one,two` as {"one", "two"}.
std::vector<std::string> listed(const std::string& text);
/// Letters, digits, "-", "_" and ".".
bool is_name(std::string_view text);
/// Throws InvalidArgument unless it is a whole number from `low` up.
std::int64_t whole_number(const std::string& what, const std::string& text, std::int64_t low);
/// `key=value` words behind what a statement must have. Throws InvalidArgument.
std::map<std::string, std::string> settings_of(const std::vector<std::string>& words,
                                               std::size_t first,
                                               const std::vector<std::string>& legal);

}  // namespace limn
