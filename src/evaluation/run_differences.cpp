// What two runs were of, side by side: see limn/tables.h.
#include <algorithm>
#include <filesystem>

#include "evaluation/run_record.h"
#include "limn/error.h"
#include "limn/runner.h"
#include "limn/tables.h"

namespace limn {
namespace {

std::string words(const Json& json, const char* key) {
  const auto found = json.find(key);
  if (found == json.end() || found->is_null()) return "nothing";
  return found->is_string() ? found->get<std::string>() : found->dump();
}

/// The entry of this name in a list; null where there is none.
Json named(const Json& run, const char* list, const std::string& name) {
  for (const auto& one : run.value(list, Json::array())) {
    if (one.is_object() && words(one, "name") == name) return one;
  }
  return {};
}

struct Compared {
  const char *key, *what;
};

/// Each entry that both have, as `data "voc07"`, in what it differs.
void compare_lists(const Json& first, const Json& second, const char* list, const char* whose,
                   const std::vector<Compared>& keys, const std::string& means,
                   std::vector<std::string>& out) {
  for (const auto& one : first.value(list, Json::array())) {
    if (!one.is_object()) continue;
    const Json other = named(second, list, words(one, "name"));
    if (other.is_null()) continue;
    std::string text;
    for (const auto& [key, what] : keys) {
      const std::string a = words(one, key), b = words(other, key);
      if (a == b) continue;
      text += concat(text.empty() ? "" : "; ", what, " ", a.empty() ? "nothing" : a, " and ",
                     b.empty() ? "nothing" : b);
    }
    if (text.empty()) continue;
    out.push_back(concat(whose, " \"", words(one, "name"), "\" is not the same in both: ", text,
                         "; ", means));
  }
}

}  // namespace

std::vector<std::string> run_differences(const std::string& first, const std::string& second) {
  std::vector<std::string> out;
  for (const auto& folder : {first, second}) {
    if (std::filesystem::exists(std::filesystem::path(folder) / kRunFile)) continue;
    out.push_back(concat("\"", folder, "\" has no ", kRunFile,
                         ": whether models and pictures are the same is known by name only"));
  }
  if (!out.empty()) return out;
  const Json one = read_run(first), other = read_run(second);
  try {
    compare_lists(one, other, "data", "data",
                  {{"spec", "spec"},
                   {"pictures", "pictures"},
                   {"class_map_sha256", "SHA-256 of the class map"}},
                  "lines are joined by the names of pictures, which may be other pictures", out);
    compare_lists(one, other, "models", "model",
                  {{"sha256", "SHA-256"},
                   {"output", "output"},
                   {"score", "explained score"},
                   {"preprocessing", "preprocessing"}},
                  "differences may come from it", out);
    for (const char* key : {"seed", "precision", "device", "batch"}) {
      const std::string a = words(one, key), b = words(other, key);
      if (a != b) out.push_back(concat("the ", key, " differs: ", a, " and ", b));
    }
    const auto version = [](const Json& run) {
      return words(run.value("versions", Json::object()), "limn");
    };
    if (version(one) != version(other)) {
      out.push_back(concat("the version of limn differs: ", version(one), " and ", version(other)));
    }
  } catch (const nlohmann::json::exception& error) {
    fail(ErrorCode::BadInput, "the ", kRunFile, " of \"", first, "\" or \"", second,
         "\" is not what a run writes: ", error.what());
  }
  return out;
}

}  // namespace limn
