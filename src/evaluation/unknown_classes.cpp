// See unknown_classes.h.
#include "evaluation/unknown_classes.h"

#include <algorithm>
#include <map>

#include "limn/error.h"

namespace limn {
namespace {

/// Classes named in a warning; run.json has all.
constexpr std::size_t kNamed = 5;

std::string counted(std::int64_t count, const char* one, const char* many) {
  return concat(count, " ", count == 1 ? one : many);
}

}  // namespace

UnknownClasses unknown_classes(const Dataset& data, std::int64_t pictures,
                               const std::vector<int>& label_of) {
  UnknownClasses out;
  out.pictures = pictures;
  std::vector<bool> known(data.labels().size(), false);
  for (const int label : label_of) {
    if (label >= 0) known[static_cast<std::size_t>(label)] = true;
  }
  const bool all_known = std::find(known.begin(), known.end(), false) == known.end();
  if (all_known || data.class_agnostic()) return out;
  const auto is_known = [&](int label) { return known[static_cast<std::size_t>(label)]; };
  std::map<int, std::int64_t> found;
  for (std::int64_t i = 0; i < pictures; ++i) {
    try {
      const std::vector<int> labels = data.labels_of(i);
      out.without += std::none_of(labels.begin(), labels.end(), is_known) ? 1 : 0;
      for (const int label : labels) {
        if (!is_known(label)) ++found[label];
      }
    } catch (const Error&) {
      continue;
    }
  }
  for (const auto& [label, count] : found) {
    out.classes.push_back({data.labels()[static_cast<std::size_t>(label)], count});
  }
  return out;
}

std::string unknown_words(const UnknownClasses& all, const Model& model) {
  const auto& classes = all.classes;
  std::string text = concat("the model knows no class by the name of ",
                            counted(std::ssize(classes), "class", "classes"),
                            " of the pictures, and they are not measured: ");
  for (std::size_t i = 0; i < std::min(kNamed, classes.size()); ++i) {
    text += concat(i > 0 ? "; " : "", "\"", classes[i].label, "\" (",
                   counted(classes[i].pictures, "picture", "pictures"),
                   "; the nearest name: ", nearest_names(classes[i].label, model.labels(), 1), ")");
  }
  if (classes.size() > kNamed) {
    text += concat("; and ", classes.size() - kNamed, " more, in run.json");
  }
  return text + concat(". ", all.without, " of ", all.pictures,
                       " pictures show no class that it knows. A class map (classes=FILE) links "
                       "classes of other names");
}

}  // namespace limn
