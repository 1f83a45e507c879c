// See suite_words.h.
#include "evaluation/suite_words.h"

#include <algorithm>
#include <cctype>
#include <charconv>

#include "limn/error.h"

namespace limn {

std::vector<std::string> words_of(std::string_view line) {
  std::vector<std::string> words;
  std::string word;
  int depth = 0;
  bool quoted = false;
  const auto finish = [&] {
    if (!word.empty()) words.push_back(std::move(word));
    word.clear();
  };
  for (std::size_t i = 0; i < line.size(); ++i) {
    const char c = line[i];
    const bool blank = c == ' ' || c == '\t' || c == '\r';
    if (quoted) {
      word += c;
      if (c == '\\' && i + 1 < line.size()) {
        word += line[++i];
      } else if (c == '"') {
        quoted = false;
      }
      continue;
    }
    if (c == '#' && word.empty()) break;
    if (blank && depth <= 0) {
      finish();
      continue;
    }
    quoted = c == '"';
    depth += c == '(' || c == '[' ? 1 : c == ')' || c == ']' ? -1 : 0;
    word += c;
  }
  finish();
  return words;
}

std::string joined(const std::vector<std::string>& words, std::size_t first) {
  std::string text;
  for (std::size_t i = first; i < words.size(); ++i) text += (i > first ? " " : "") + words[i];
  return text;
}

std::vector<std::string> listed(const std::string& text) {
  std::vector<std::string> out;
  std::string rest = text + ",";
  for (std::size_t end = 0; (end = rest.find(',')) != std::string::npos;) {
    out.push_back(rest.substr(0, end));
    rest.erase(0, end + 1);
  }
  return out;
}

bool is_name(std::string_view text) {
  return !text.empty() && text.front() != '.' &&
         std::all_of(text.begin(), text.end(), [](unsigned char c) {
           return c < 128 && (std::isalnum(c) != 0 || c == '-' || c == '_' || c == '.');
         });
}

std::int64_t whole_number(const std::string& what, const std::string& text, std::int64_t low) {
  std::int64_t value = 0;
  const auto read = std::from_chars(text.data(), text.data() + text.size(), value);
  if (read.ec != std::errc() || read.ptr != text.data() + text.size() || value < low) {
    fail(ErrorCode::InvalidArgument, what, " is \"", text, "\"; legal: a whole number from ", low,
         " up");
  }
  return value;
}

std::map<std::string, std::string> settings_of(const std::vector<std::string>& words,
                                               std::size_t first,
                                               const std::vector<std::string>& legal) {
  std::map<std::string, std::string> out;
  for (std::size_t i = first; i < words.size(); ++i) {
    const auto at = words[i].find('=');
    const std::string key = words[i].substr(0, at);
    if (at == std::string::npos || std::find(legal.begin(), legal.end(), key) == legal.end()) {
      std::string all;
      for (const auto& one : legal) all += (all.empty() ? "" : ", ") + one + "=...";
      fail(ErrorCode::InvalidArgument, "\"", words[i],
           "\" is not understood here; legal: ", all.empty() ? "nothing more" : all,
           "; a blank inside a spec needs brackets or quotes around it");
    }
    if (!out.emplace(key, words[i].substr(at + 1)).second) {
      fail(ErrorCode::InvalidArgument, key, "= is given twice");
    }
  }
  return out;
}

}  // namespace limn
