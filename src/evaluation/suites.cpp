// The suites that come with limn: the files of suites/, embedded when limn is built.
#include <algorithm>

#include "image/file.h"
#include "limn/error.h"
#include "limn/suite.h"

namespace limn {
namespace {

struct File {
  const char *name, *text;
};
constexpr File kFiles[] = {
#include "limn_suites.inc"
};

/// The words of the line `title`.
std::string title_of(const std::string& text) {
  const std::string mark = "\ntitle ";
  const std::size_t at = ("\n" + text).find(mark);
  if (at == std::string::npos) return "";
  const std::size_t start = text.find_first_not_of(' ', at + mark.size() - 1);
  return text.substr(start, text.find('\n', start) - start);
}

}  // namespace

const std::vector<SuiteEntry>& suites() {
  static const std::vector<SuiteEntry> all = [] {
    std::vector<SuiteEntry> entries;
    for (const auto& file : kFiles) {
      entries.push_back({file.name, title_of(file.text), file.text});
    }
    return entries;
  }();
  return all;
}

std::string suite_text(const std::string& name) {
  if (name.find('/') != std::string::npos || name.ends_with(".suite")) return read_file(name);
  std::vector<std::string> names;
  for (const auto& one : suites()) {
    if (one.name == name) return one.text;
    names.push_back(one.name);
  }
  fail(ErrorCode::NotFound, "no suite \"", name, "\"; did you mean ", nearest_names(name, names),
       "? `limn bench run --list` shows all; a file's name has a slash or ends with .suite");
}

}  // namespace limn
