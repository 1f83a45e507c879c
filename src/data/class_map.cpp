// Links between the classes of a model and those of a data set, by name or from a file.
#include "limn/class_map.h"

#include <algorithm>
#include <charconv>
#include <nlohmann/json.hpp>

#include "data/csv_table.h"
#include "data/dataset_files.h"
#include "limn/error.h"

namespace limn {
namespace {

using Json = nlohmann::json;
using Links = std::vector<std::pair<std::string, std::string>>;  ///< model class, data class

constexpr std::size_t kMostBytes = std::size_t{16} << 20;

Links read_json(const std::string& text) {
  Json json;
  try {
    json = Json::parse(text);
  } catch (const Json::exception& error) {
    fail(ErrorCode::BadInput, "not JSON: ", error.what());
  }
  Links links;
  for (const auto& item : json.items()) {
    if (!item.value().is_string()) {
      fail(ErrorCode::BadInput, "\"", item.key(), "\" is linked to ",
           item.value().dump().substr(0, 40), "; expected the name of a class");
    }
    links.emplace_back(item.key(), item.value().get<std::string>());
  }
  return links;
}

Links read_table(const std::string& text) {
  Links links;
  for (const CsvRow& row : parse_csv(text)) {
    if (row.cells.size() != 2) {
      fail(ErrorCode::BadInput, "line ", row.line, ": ", row.cells.size(),
           " columns; expected the model's class and the data set's (names with commas in quotes)");
    }
    const bool header = links.empty() && canonical_name(row.cells[0]) == "model-class" &&
                        canonical_name(row.cells[1]) == "data-class";
    if (!header) links.emplace_back(row.cells[0], row.cells[1]);
  }
  return links;
}

/// A name, else a number from 0; -1 where it is neither.
int model_class(const std::string& text, const LabelNames& names, std::size_t classes) {
  const int named = names.find(text);
  if (named >= 0) return named;
  int number = 0;
  const char* end = text.data() + text.size();
  const auto read = std::from_chars(text.data(), end, number);
  const bool is_class = read.ec == std::errc() && read.ptr == end && number >= 0 &&
                        static_cast<std::size_t>(number) < classes;
  return is_class ? number : -1;
}

void expect_known(const std::vector<std::string>& unknown, const char* whose, std::size_t classes,
                  const std::vector<std::string>& names) {
  if (unknown.empty()) return;
  std::string first;
  for (std::size_t i = 0; i < std::min<std::size_t>(unknown.size(), 5); ++i) {
    first += concat(i > 0 ? ", " : "", '"', unknown[i], '"');
  }
  fail(ErrorCode::BadInput, unknown.size(), " unknown class", unknown.size() == 1 ? "" : "es",
       " of the ", whose, ": ", first, unknown.size() > 5 ? ", ..." : "", "; it has ", classes,
       ", the nearest to \"", unknown[0], "\": ", nearest_names(unknown[0], names));
}

/// `n01440764 tench` as id and name; a name alone has no id.
struct ClassName {
  std::string id, name;

  explicit ClassName(const std::string& text) : name(text) {
    if (!is_wordnet_id(text.substr(0, text.find(' ')))) return;
    id = text.substr(0, 9);
    const std::size_t rest = text.find_first_not_of(' ', 9);
    if (rest != std::string::npos) name = text.substr(rest);
  }
  bool operator==(const ClassName& other) const {
    return !name.empty() && canonical_name(name) == canonical_name(other.name);
  }
  /// The label by WordNet id, by the name, or by its part before a comma.
  int in(const LabelNames& labels) const {
    int label = id.empty() ? LabelNames::kUnknown : labels.find(id);
    if (label == LabelNames::kUnknown) label = labels.find(name);
    if (label == LabelNames::kUnknown) label = labels.find(name.substr(0, name.find(',')));
    return label;
  }
};

[[noreturn]] void nothing_linked(std::size_t classes, const std::vector<std::string>& data) {
  const bool ids = !data.empty() && is_wordnet_id(data.front());
  fail(ErrorCode::NotFound, "none of the model's ", classes,
       " classes has the name of one of the data set's ", data.size(),
       ids ? concat("; those are WordNet ids, as \"", data.front(),
                    "\": give the data set labels=FILE with a line \"n01440764 tench\" for each "
                    "class, or such names in the model's .limn.json, or")
           : ";",
       " give a class map: a CSV table of model class and data class");
}

}  // namespace

ClassMap::ClassMap(std::size_t model_classes, std::size_t labels)
    : label_of_(model_classes, -1), classes_of_(labels) {}

void ClassMap::link(std::size_t model_class, int label) {
  label_of_[model_class] = label;
  classes_of_[static_cast<std::size_t>(label)].push_back(static_cast<std::int64_t>(model_class));
  ++linked_;
}

ClassMap ClassMap::by_name(const std::vector<std::string>& model,
                           const std::vector<std::string>& data) {
  ClassMap map(model.size(), data.size());
  const std::vector<ClassName> own(model.begin(), model.end()), wanted(data.begin(), data.end());
  const bool same = own == wanted;
  const LabelNames names(data);
  for (std::size_t i = 0; i < model.size(); ++i) {
    if (model[i].empty()) continue;
    const int label = same ? static_cast<int>(i) : own[i].in(names);
    if (label >= 0) map.link(i, label);
  }
  if (map.linked_ == 0) nothing_linked(model.size(), data);
  return map;
}

ClassMap ClassMap::read(const std::string& path, const std::vector<std::string>& model,
                        const std::vector<std::string>& data) {
  return in_context([&] { return "class map \"" + path + "\""; },
                    [&] {
                      const std::string text = read_limited(path, kMostBytes);
                      const std::size_t first = text.find_first_not_of(" \t\r\n");
                      const bool json = first != std::string::npos && text[first] == '{';
                      const LabelNames model_names(model), data_names(data);
                      ClassMap map(model.size(), data.size());
                      std::vector<std::string> no_model_class, no_label;
                      for (const auto& [from, to] : json ? read_json(text) : read_table(text)) {
                        const int one = model_class(from, model_names, model.size());
                        const int label = data_names.find(to);
                        if (one < 0) no_model_class.push_back(from);
                        if (label < 0) no_label.push_back(to);
                        if (one < 0 || label < 0) continue;
                        const auto place = static_cast<std::size_t>(one);
                        if (map.label_of_[place] >= 0 && map.label_of_[place] != label) {
                          fail(ErrorCode::BadInput, "the model's class \"", from,
                               "\" is linked twice");
                        }
                        if (map.label_of_[place] < 0) map.link(place, label);
                      }
                      expect_known(no_model_class, "model", model.size(), model);
                      expect_known(no_label, "data set", data.size(), data);
                      if (map.linked_ == 0) fail(ErrorCode::BadInput, "links nothing");
                      for (auto& classes : map.classes_of_)
                        std::sort(classes.begin(), classes.end());
                      return map;
                    });
}

int ClassMap::label(std::int64_t model_class) const {
  return model_class >= 0 && model_class < std::ssize(label_of_)
             ? label_of_[static_cast<std::size_t>(model_class)]
             : -1;
}

const std::vector<std::int64_t>& ClassMap::classes(int label) const {
  static const std::vector<std::int64_t> none;
  return label >= 0 && label < std::ssize(classes_of_)
             ? classes_of_[static_cast<std::size_t>(label)]
             : none;
}

}  // namespace limn
