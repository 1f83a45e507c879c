// JSON lines of a benchmark run: see limn/results.h.
#include "limn/results.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cmath>
#include <cstring>
#include <fstream>
#include <nlohmann/json.hpp>
#include <set>

#include "limn/error.h"

namespace limn {
namespace {

using Json = nlohmann::ordered_json;

void refuse_unfinite(const ResultLine& line, const std::string& what, double value) {
  if (std::isfinite(value)) return;
  fail(ErrorCode::Numerical, line.metric, " of ", line.method, " on \"", line.image, "\" gives ",
       what, " = ", value, ": a result must be finite");
}

/// Bytes up to and including the last line break.
std::int64_t whole_lines(const std::string& path) {
  std::ifstream file(path, std::ios::binary | std::ios::ate);
  if (!file) return 0;
  for (std::int64_t end = file.tellg(); end > 0; --end) {
    file.seekg(end - 1);
    if (file.get() == '\n') return end;
  }
  return 0;
}

[[noreturn]] void io(const std::string& path, const char* doing) {
  fail(ErrorCode::Io, "\"", path, "\": ", doing, ": ", std::strerror(errno));
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
  json["seconds"] = line.seconds;
  return json.dump();
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

std::vector<ResultLine> read_results(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) {
    fail(ErrorCode::NotFound, "no results at \"", path, "\"; `limn bench run SUITE -o DIR` makes ",
         "them");
  }
  std::vector<ResultLine> lines;
  std::set<std::string> seen;
  std::string text;
  for (std::int64_t number = 1; std::getline(file, text) && !file.eof(); ++number) {
    ResultLine line = in_context([&] { return concat("\"", path, "\", line ", number); },
                                 [&] { return parse_result(text); });
    if (seen.insert(line.key()).second) lines.push_back(std::move(line));
  }
  return lines;
}

ResultWriter::ResultWriter(const std::string& path) : path_(path) {
  file_ = ::open(path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0666);
  if (file_ < 0) io(path, "cannot write");
  const std::int64_t end = whole_lines(path);
  if (::ftruncate(file_, end) != 0 || ::lseek(file_, end, SEEK_SET) != end)
    io(path, "cannot write");
}

ResultWriter::~ResultWriter() {
  if (file_ >= 0) ::close(file_);
}

void ResultWriter::append(const std::vector<ResultLine>& lines) {
  std::string text;
  for (const auto& line : lines) text += result_text(line) + "\n";
  for (std::size_t done = 0; done < text.size();) {
    const auto wrote = ::write(file_, text.data() + done, text.size() - done);
    if (wrote < 0 && errno == EINTR) continue;
    if (wrote < 0) io(path_, "cannot write");
    done += static_cast<std::size_t>(wrote);
  }
  if (::fsync(file_) != 0) io(path_, "cannot write");
}

}  // namespace limn
