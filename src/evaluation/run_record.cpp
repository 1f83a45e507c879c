// See run_record.h.
#include "evaluation/run_record.h"

#include <algorithm>
#include <ctime>
#include <filesystem>
#include <utility>

#include "image/file.h"
#include "limn/error.h"
#include "limn/version.h"

namespace limn {
namespace {

namespace fs = std::filesystem;

constexpr const char* kSchema = "limn.bench/1";

std::string now_text() {
  const std::time_t now = std::time(nullptr);
  std::tm utc{};
  ::gmtime_r(&now, &utc);
  char text[32];
  std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &utc);
  return text;
}

std::string path_of(const std::string& folder, const std::string& name) {
  return (fs::path(folder) / name).string();
}

Json preprocessing_json(const Preprocessing& how) {
  return {{"size", how.size},
          {"resize", how.resize},
          {"mean", how.mean},
          {"std", how.std},
          {"scale", how.scale},
          {"channel_order", how.channel_order},
          {"short_side", how.short_side}};
}

Json models_json(const Plan& plan) {
  Json out = Json::array();
  for (std::size_t m = 0; m < plan.models.size(); ++m) {
    const PlannedModel& one = plan.models[m];
    const bool multi = one.model.output_kind() == OutputKind::MultiLabel;
    Json on = Json::array();
    for (std::size_t d = 0; d < plan.data.size(); ++d) {
      if (plan.runs(m, d)) on.push_back(plan.data[d].suite.name);
    }
    out.push_back({{"name", one.suite.name},
                   {"path", one.suite.path},
                   {"sha256", one.sha256},
                   {"output", multi ? "multi-label" : "single-label"},
                   {"score", score_kind_name(one.score)},
                   {"preprocessing", preprocessing_json(one.model.preprocessing())},
                   {"data", on}});
  }
  return out;
}

Json data_json(const Plan& plan) {
  Json out = Json::array();
  for (const auto& one : plan.data) {
    out.push_back({{"name", one.suite.name},
                   {"spec", one.data->spec().text()},
                   {"title", find_dataset(one.data->name()).info.title},
                   {"pictures", one.pictures},
                   {"of", one.data->size()},
                   {"classes", one.data->labels().size()},
                   {"class_map", one.suite.classes},
                   {"class_map_sha256", one.classes_sha256}});
  }
  return out;
}

Json methods_json(const Plan& plan) {
  Json out = Json::array();
  for (const auto& one : plan.methods) {
    const MethodInfo& info = one.method->info();
    out.push_back({{"spec", one.spec},
                   {"asked", one.asked},
                   {"name", info.name},
                   {"title", info.title},
                   {"control", info.family == "control"}});
  }
  return out;
}

Json metrics_json(const Plan& plan) {
  Json out = Json::array();
  for (const auto& one : plan.metrics) {
    const MetricInfo& info = one.metric->info();
    out.push_back({{"spec", one.suite.spec},
                   {"name", info.name},
                   {"title", info.title},
                   {"protocol", one.suite.protocol},
                   {"labels", class_rule_name(one.suite.rule)},
                   {"limit", one.suite.limit},
                   {"data", one.suite.data}});
  }
  return out;
}

Json protocols_json(const Plan& plan) {
  Json out = Json::array();
  for (const auto& protocol : protocols()) {
    const bool used =
        std::any_of(plan.metrics.begin(), plan.metrics.end(),
                    [&](const PlannedMetric& one) { return one.suite.protocol == protocol.name; });
    if (!used) continue;
    out.push_back({{"name", protocol.name},
                   {"sha256", protocol.hash()},
                   {"text", protocol.text()},
                   {"source", protocol.source}});
  }
  return out;
}

Json unknown_json(const Plan& plan) {
  Json out = Json::array();
  for (const auto& all : plan.unknown_classes) {
    Json classes = Json::array();
    for (const auto& one : all.classes) {
      classes.push_back({{"name", one.label}, {"pictures", one.pictures}});
    }
    out.push_back({{"model", all.model},
                   {"data", all.data},
                   {"classes", classes},
                   {"pictures_without_a_known_class", all.without}});
  }
  return out;
}

}  // namespace

Json run_json(const Plan& plan) {
  const BenchOptions& options = plan.options;
  std::map<std::string, std::string> versions = options.versions;
  versions["limn"] = kVersion;
  return {{"schema", kSchema},
          {"created", now_text()},
          {"command", options.command},
          {"versions", versions},
          {"suite",
           {{"name", plan.suite.name},
            {"title", plan.suite.title},
            {"text", plan.suite.text},
            {"left_out", plan.suite.left_out}}},
          {"models", models_json(plan)},
          {"data", data_json(plan)},
          {"methods", methods_json(plan)},
          {"metrics", metrics_json(plan)},
          {"protocols", protocols_json(plan)},
          {"seed", plan.suite.seed},
          {"device", options.device.str()},
          {"precision", options.float64    ? "fp64"
                        : options.bfloat16 ? "fp32, bf16 for masked pictures"
                                           : "fp32"},
          {"batch", options.batch},
          {"shard", {options.shard, options.shards}},
          {"unknown_classes", unknown_json(plan)},
          {"warnings", plan.warnings},
          {"finished", false},
          {"problems", Json::array()},
          {"examples", Json::array()}};
}

Json read_run(const std::string& folder) {
  const std::string path = path_of(folder, kRunFile);
  if (!fs::exists(path)) {
    fail(ErrorCode::NotFound, "no run at \"", folder, "\": it has no ", kRunFile,
         "; `limn bench run SUITE -o ", folder, "` makes one");
  }
  try {
    Json run = Json::parse(read_file(path));
    if (run.at("schema") != kSchema) {
      fail(ErrorCode::BadInput, "\"", path, "\" has the schema ", run.at("schema").dump(),
           ", and this limn reads ", kSchema);
    }
    return run;
  } catch (const nlohmann::json::exception& error) {
    fail(ErrorCode::BadInput, "\"", path, "\" is not what a run writes: ", error.what());
  }
}

std::string difference(const Json& first, const Json& second, bool with_shard) {
  const auto value = [](const Json& run, const char* key) {
    Json out = run.value(key, Json());
    // Files may move; their hashes tell them apart.
    if (out.is_array()) {
      for (auto& one : out) {
        if (!one.is_object()) continue;
        for (const char* gone : {"path", "class_map", "asked", "title", "source"}) {
          one.erase(gone);
        }
      }
    }
    return out;
  };
  const auto version = [](const Json& run) {
    return run.value("versions", Json::object()).value("limn", "");
  };
  const std::pair<const char*, const char*> keys[] = {
      {"models", "models"},         {"data", "data sets"},
      {"methods", "methods"},       {"metrics", "metrics"},
      {"protocols", "protocols"},   {"seed", "another seed"},
      {"device", "another device"}, {"precision", "another precision"},
      {"batch", "another batch"}};
  for (const auto& [key, words] : keys) {
    if (value(first, key) == value(second, key)) continue;
    return std::string(words).starts_with("another") ? words : concat("other ", words);
  }
  if (with_shard && value(first, "shard") != value(second, "shard")) return "another shard";
  if (version(first) != version(second)) return "another version of limn";
  return "";
}

void write_run(const std::string& folder, const Json& run) {
  write_file(path_of(folder, kRunFile),
             run.dump(1, ' ', false, Json::error_handler_t::replace) + "\n");
}

void remove_run(const std::string& folder) {
  try {
    const Json run = read_run(folder);
    for (const auto& example : run.value("examples", Json::array())) {
      std::vector<std::string> files = {example.value("picture", "")};
      for (const auto& map : example.value("maps", Json::array())) {
        files.push_back(map.value("file", ""));
      }
      for (const auto& file : files) {
        // Nothing outside, whatever the file says.
        const fs::path name = fs::path(file).filename();
        std::error_code ignored;
        if (!name.empty()) fs::remove(fs::path(folder) / "examples" / name, ignored);
      }
    }
  } catch (const Error&) {
    // A run.json that cannot be read has no say.
  }
  for (const char* name : {kRunFile, kPicturesFile, kResultsFile}) {
    std::error_code error;
    fs::remove(path_of(folder, name), error);
    if (error) {
      fail(ErrorCode::Io, "\"", path_of(folder, name), "\" cannot be removed: ", error.message());
    }
  }
}

}  // namespace limn
