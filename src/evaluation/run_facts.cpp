// What run.json and examples/ say about a run (schema `limn.bench/1`), as a reader wants it. Keys
// that are missing are left out: lines alone make a report, too.
#include <fmt/format.h>

#include <filesystem>
#include <nlohmann/json.hpp>

#include "image/file.h"
#include "limn/error.h"
#include "limn/tables.h"

namespace limn {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;

/// The page holds their pictures.
constexpr std::size_t kMostExamples = 20;

/// Text as it is, everything else as JSON; empty where the key is missing.
std::string words(const Json& json, const char* key) {
  const auto found = json.find(key);
  if (found == json.end() || found->is_null()) return "";
  return found->is_string() ? found->get<std::string>() : found->dump();
}

/// A part of the run; empty where it is missing. Throws BadInput where it is of another type.
Json part(const Json& run, const char* key, Json::value_t type) {
  const auto found = run.find(key);
  if (found == run.end()) return Json(type);
  if (found->type() != type) {
    fail(ErrorCode::BadInput, "\"", key, "\" is ", found->type_name(), ", not ",
         Json(type).type_name());
  }
  return *found;
}

/// The objects of a list.
std::vector<Json> entries(const Json& run, const char* key) {
  std::vector<Json> all;
  for (const auto& one : part(run, key, Json::value_t::array)) {
    if (one.is_object()) all.push_back(one);
  }
  return all;
}

/// `key value, key value` of an object.
std::string pairs(const Json& json) {
  std::string out;
  for (const auto& [key, value] : json.items()) {
    out += (out.empty() ? "" : ", ") + key + " " +
           (value.is_string() ? value.get<std::string>() : value.dump());
  }
  return out;
}

std::string joined(const std::vector<std::string>& parts) {
  std::string out;
  for (const auto& part : parts) {
    if (!part.empty()) out += (out.empty() ? "" : ", ") + part;
  }
  return out;
}

std::string labelled(const char* label, const std::string& value) {
  return value.empty() ? "" : std::string(label) + value;
}

std::string model_words(const Json& one) {
  const auto how = one.find("preprocessing");
  return joined({words(one, "path"), labelled("SHA-256 ", words(one, "sha256")),
                 words(one, "output"), labelled("explained score: ", words(one, "score")),
                 how != one.end() && how->is_object() ? "preprocessing: " + pairs(*how) : ""});
}

std::string data_words(const Json& one) {
  std::string pictures = words(one, "pictures");
  if (!pictures.empty()) pictures = fmt::format("{} of {} pictures", pictures, words(one, "of"));
  return joined({words(one, "spec"), words(one, "title"), pictures,
                 labelled("classes: ", words(one, "classes")),
                 labelled("class map ", words(one, "class_map")),
                 labelled("SHA-256 of the class map ", words(one, "class_map_sha256"))});
}

void add_about(const Json& run, RunFacts& facts) {
  const auto row = [&](const std::string& name, const std::string& text) {
    if (!text.empty()) facts.about.emplace_back(name, text);
  };
  const Json suite = part(run, "suite", Json::value_t::object);
  facts.title = words(suite, "title");
  row("Suite", joined({words(suite, "name"), facts.title}));
  for (const auto& one : entries(run, "models")) {
    facts.models[words(one, "name")] = model_words(one);
    row("Model " + words(one, "name"), model_words(one));
  }
  for (const auto& one : entries(run, "data")) {
    facts.data[words(one, "name")] = data_words(one);
    row("Data " + words(one, "name"), data_words(one));
  }
  for (const auto& one : entries(run, "protocols")) {
    facts.protocols[words(one, "name")] = words(one, "sha256");
    row("Protocol " + words(one, "name"),
        joined({words(one, "source"), labelled("SHA-256 ", words(one, "sha256"))}));
  }
  for (const auto& one : entries(run, "metrics")) {
    facts.rules[{words(one, "protocol"), words(one, "spec")}] = words(one, "labels");
  }
  row("Run",
      joined({words(run, "created"), words(run, "device"), words(run, "precision"),
              labelled("seed ", words(run, "seed")), labelled("batch ", words(run, "batch"))}));
  std::string command;
  for (const auto& word : part(run, "command", Json::value_t::array)) {
    command += (command.empty() ? "" : " ") + (word.is_string() ? word.get<std::string>() : "");
  }
  row("Command", command);
  row("Versions", pairs(part(run, "versions", Json::value_t::object)));
}

void add_problems(const Json& run, RunFacts& facts) {
  const Json shard = part(run, "shard", Json::value_t::array);
  if (shard.size() == 2 && shard[1] != 1) {
    facts.warnings.push_back(
        fmt::format("This is part {} of {} of the run: tables are of its pictures alone, and `limn "
                    "bench merge` joins the parts",
                    shard[0].dump(), shard[1].dump()));
  }
  for (const auto& one : part(run, "warnings", Json::value_t::array)) {
    if (one.is_string()) facts.warnings.push_back(one);
  }
  const auto finished = run.find("finished");
  facts.finished = finished == run.end() || *finished == true;
  for (const auto& one : part(run, "problems", Json::value_t::array)) {
    facts.problems.push_back(one.is_string()   ? one.get<std::string>()
                             : one.is_object() ? pairs(one)
                                               : one.dump());
  }
}

/// The bytes of a file in the run's folder; empty where it is missing.
std::string example_bytes(const std::string& folder, const std::string& name) {
  // Names come from a file: none leads out of the folder.
  if (fs::path(name).is_absolute() || name.find("..") != std::string::npos) {
    fail(ErrorCode::BadInput, "run.json names the example \"", name,
         "\", which is not in the run's folder");
  }
  const fs::path path = fs::path(folder) / name;
  return fs::is_regular_file(path) ? read_file(path.string()) : "";
}

void add_examples(const std::string& folder, const Json& run, RunFacts& facts) {
  for (const auto& one : entries(run, "examples")) {
    if (facts.examples.size() >= kMostExamples) break;
    RunExample example;
    example.caption = fmt::format("{} on {}: {}, {} (class {} of the model{})", words(one, "model"),
                                  words(one, "data"), words(one, "image"), words(one, "label"),
                                  words(one, "target"),
                                  words(one, "predicted") == "false" ? ", not predicted" : "");
    example.picture = example_bytes(folder, words(one, "picture"));
    for (const auto& map : entries(one, "maps")) {
      RunExample::Map drawn{words(map, "method"), example_bytes(folder, words(map, "file"))};
      if (!drawn.bytes.empty()) example.maps.push_back(std::move(drawn));
    }
    if (!example.maps.empty()) facts.examples.push_back(std::move(example));
  }
}

}  // namespace

RunFacts read_run_facts(const std::string& folder) {
  RunFacts facts;
  const std::string path = (fs::path(folder) / "run.json").string();
  Json run = Json::object();
  if (fs::exists(path)) {
    try {
      run = Json::parse(read_file(path));
    } catch (const nlohmann::json::exception& error) {
      fail(ErrorCode::BadInput, "\"", path, "\" is not JSON: ", error.what());
    }
    facts.known = true;
    if (words(run, "schema") != "limn.bench/1") {
      fail(ErrorCode::BadInput, "\"", path, "\" has the schema \"", words(run, "schema"),
           "\"; this limn reads limn.bench/1");
    }
  }
  in_context([&] { return concat("\"", path, "\""); },
             [&] {
               add_about(run, facts);
               add_problems(run, facts);
               add_examples(folder, run, facts);
             });
  return facts;
}

}  // namespace limn
