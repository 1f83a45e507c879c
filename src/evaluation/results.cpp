// JSON lines of a benchmark run: see limn/results.h.
#include "limn/results.h"

#include <cmath>
#include <nlohmann/json.hpp>
#include <set>

#include "evaluation/line_file.h"
#include "limn/error.h"

namespace limn {
namespace {

using Json = nlohmann::ordered_json;

void refuse_unfinite(const ResultLine& line, const std::string& what, double value) {
  if (std::isfinite(value)) return;
  fail(ErrorCode::Numerical, line.metric, " of ", line.method, " on \"", line.image, "\" gives ",
       what, " = ", value, ": a result must be finite");
}

}  // namespace

std::string ResultLine::key() const {
  return concat(model, '\n', data, '\n', image, '\n', label, '\n', method, '\n', metric);
}

std::string result_text(const ResultLine& line) {
  Json json = {{"model", line.model},         {"data", line.data},        {"image", line.image},
               {"class", line.label},         {"label", line.label_name}, {"target", line.target},
               {"predicted", line.predicted}, {"method", line.method},    {"metric", line.metric}};
  if (!line.protocol.empty()) json["protocol"] = line.protocol;
  const Measurement& measured = line.measurement;
  if (!measured.skipped.empty()) json["skipped"] = measured.skipped;
  for (const auto& [name, value] : measured.values) {
    refuse_unfinite(line, name, value);
    json["values"][name] = value;
  }
  for (const auto& [name, curve] : measured.curves) {
    for (const double value : curve) refuse_unfinite(line, name, value);
    json["curves"][name] = curve;
  }
  refuse_unfinite(line, "seconds", line.seconds);
  json["seconds"] = line.seconds;
  try {
    return json.dump();
  } catch (const nlohmann::json::exception&) {
    fail(ErrorCode::BadInput, "the name \"", line.image,
         "\" or a label of it is not UTF-8, as JSON ", "needs; rename the picture");
  }
}

ResultLine parse_result(const std::string& text) {
  try {
    const Json json = Json::parse(text);
    ResultLine line;
    line.model = json.at("model");
    line.data = json.at("data");
    line.image = json.at("image");
    line.label = json.at("class");
    line.label_name = json.at("label");
    line.target = json.at("target");
    line.predicted = json.at("predicted");
    line.method = json.at("method");
    line.metric = json.at("metric");
    line.protocol = json.value("protocol", "");
    line.measurement.skipped = json.value("skipped", "");
    line.measurement.values = json.value("values", std::map<std::string, double>());
    line.measurement.curves = json.value("curves", std::map<std::string, std::vector<double>>());
    line.seconds = json.at("seconds");
    return line;
  } catch (const nlohmann::json::exception& error) {
    fail(ErrorCode::BadInput, "not a result: ", error.what());
  }
}

void each_result(const std::string& path, const std::function<void(ResultLine&&)>& use) {
  const bool found =
      each_line(path, [&](const std::string& text, std::int64_t) { use(parse_result(text)); });
  if (!found) {
    fail(ErrorCode::NotFound, "no results at \"", path, "\"; `limn bench run SUITE -o DIR` makes ",
         "them");
  }
}

std::vector<ResultLine> read_results(const std::string& path) {
  std::vector<ResultLine> lines;
  std::set<std::string> seen;
  each_result(path, [&](ResultLine&& line) {
    if (seen.insert(line.key()).second) lines.push_back(std::move(line));
  });
  return lines;
}

ResultWriter::ResultWriter(const std::string& path) : file_(std::make_unique<LineFile>(path)) {}
ResultWriter::~ResultWriter() = default;

void ResultWriter::append(const std::vector<ResultLine>& lines) {
  std::string text;
  for (const auto& line : lines) text += result_text(line) + "\n";
  if (!text.empty()) file_->append(text);
}

}  // namespace limn
