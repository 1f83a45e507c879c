// See picture_log.h.
#include "evaluation/picture_log.h"

#include <nlohmann/json.hpp>

#include "evaluation/line_file.h"
#include "limn/error.h"

namespace limn {

using Json = nlohmann::ordered_json;

std::string PictureLine::key() const { return concat(model, '\n', data, '\n', image); }

std::string picture_text(const PictureLine& line) {
  Json json = {{"model", line.model},
               {"data", line.data},
               {"image", line.image},
               {"index", line.index},
               {"cases", line.cases}};
  if (!line.problem.empty()) json["problem"] = line.problem;
  if (!line.seconds.empty()) json["seconds"] = line.seconds;
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

PictureLine parse_picture(const std::string& text) {
  try {
    const Json json = Json::parse(text);
    PictureLine line;
    line.model = json.at("model");
    line.data = json.at("data");
    line.image = json.at("image");
    line.index = json.at("index");
    line.cases = json.at("cases");
    line.problem = json.value("problem", "");
    line.seconds = json.value("seconds", std::map<std::string, double>());
    return line;
  } catch (const nlohmann::json::exception& error) {
    fail(ErrorCode::BadInput, "not a finished picture: ", error.what());
  }
}

std::vector<PictureLine> read_pictures(const std::string& path) {
  std::vector<PictureLine> lines;
  std::map<std::string, std::size_t> places;
  each_line(path, [&](const std::string& text, std::int64_t) {
    PictureLine line = parse_picture(text);
    const auto [at, is_new] = places.emplace(line.key(), lines.size());
    if (is_new) {
      lines.push_back(std::move(line));
    } else {
      lines[at->second] = std::move(line);
    }
  });
  return lines;
}

}  // namespace limn
