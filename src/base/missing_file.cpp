// See missing_file.h.
#include "base/missing_file.h"

#include <filesystem>
#include <vector>

#include "limn/error.h"

namespace limn {
namespace {

/// Enough for a folder that someone looks into.
constexpr std::size_t kMostNames = 10000;

}  // namespace

std::string missing_file(const std::string& path) {
  namespace fs = std::filesystem;
  const fs::path file(path);
  const fs::path folder = file.has_parent_path() ? file.parent_path() : fs::path(".");
  std::string text = "there is no file \"" + path + "\"";
  std::error_code failed;
  if (!fs::is_directory(folder, failed)) return text + ", nor its folder";
  std::vector<std::string> names;
  for (fs::directory_iterator entry(folder, failed), end;
       !failed && entry != end && names.size() < kMostNames; entry.increment(failed)) {
    names.push_back(entry->path().filename().string());
  }
  if (names.empty()) return text + "; its folder is empty";
  return text + "; did you mean " + nearest_names(file.filename().string(), names) + "?";
}

}  // namespace limn
