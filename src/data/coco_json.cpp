// The instances JSON of COCO (Lin et al. 2014; cocodataset.org, "Data format"). Entries of the
// three lists are taken out as soon as the parser has finished them, so memory holds one at a time.
#include "data/coco_json.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <nlohmann/json.hpp>
#include <unordered_map>

#include "limn/error.h"

namespace limn {
namespace {

using Json = nlohmann::json;

constexpr std::size_t kMostValues = 4'000'000, kMostObjects = 10'000;
constexpr int kDeepest = 16;
constexpr std::int64_t kMostPixels = 100'000'000;

const Json& member(const Json& object, const char* key) {
  const auto found = object.find(key);
  if (found == object.end()) fail(ErrorCode::BadInput, "\"", key, "\" is missing");
  return *found;
}

[[noreturn]] void wrong(const char* key, const Json& found, const char* expected) {
  fail(ErrorCode::BadInput, "\"", key, "\" is ",
       found.dump(-1, ' ', true, Json::error_handler_t::replace).substr(0, 60), "; expected ",
       expected);
}

std::int64_t whole(const Json& object, const char* key, std::int64_t low, std::int64_t high) {
  const Json& value = member(object, key);
  if (!value.is_number()) wrong(key, value, "a whole number");
  const double number = value.get<double>();
  if (!(number >= static_cast<double>(low) && number <= static_cast<double>(high)) ||
      number != std::floor(number)) {
    wrong(key, value, "a whole number in its range");
  }
  return static_cast<std::int64_t>(number);
}

std::int64_t identity(const Json& object, const char* key) {
  return whole(object, key, 0, std::int64_t{1} << 53);
}

std::string word(const Json& object, const char* key) {
  const Json& value = member(object, key);
  if (!value.is_string() || value.get_ref<const std::string&>().empty()) {
    wrong(key, value, "a text");
  }
  return value.get<std::string>();
}

std::vector<double> numbers(const char* key, const Json& list) {
  if (!list.is_array()) wrong(key, list, "a list of numbers");
  std::vector<double> out;
  out.reserve(list.size());
  for (const Json& value : list) {
    if (!value.is_number() || !std::isfinite(value.get<double>())) wrong(key, value, "a number");
    out.push_back(value.get<double>());
  }
  return out;
}

void read_rle(const Json& json, CocoAnnotation& out) {
  const std::vector<double> size = numbers("size", member(json, "size"));
  if (size.size() != 2 || !(size[0] >= 1 && size[1] >= 1) ||
      size[0] * size[1] > static_cast<double>(kMostPixels)) {
    wrong("size", json["size"], "[height, width] in pixels");
  }
  const Json& counts = member(json, "counts");
  if (counts.is_string()) {
    out.text = counts.get<std::string>();
  } else {
    std::vector<std::uint32_t> runs;
    for (const double run : numbers("counts", counts)) {
      if (!(run >= 0 && run <= static_cast<double>(kMostPixels)) || run != std::floor(run)) {
        fail(ErrorCode::BadInput, "\"counts\" holds a run of ", run, " pixels");
      }
      runs.push_back(static_cast<std::uint32_t>(run));
    }
    out.runs = std::move(runs);
  }
  out.rle_size = {static_cast<std::int64_t>(size[0]), static_cast<std::int64_t>(size[1])};
}

void read_shape(const Json& json, CocoAnnotation& out) {
  if (json.contains("area") && json["area"].is_number()) out.area = json["area"].get<double>();
  if (json.contains("bbox")) {
    const std::vector<double> box = numbers("bbox", json["bbox"]);
    if (box.size() != 4 || box[2] < 0 || box[3] < 0)
      wrong("bbox", json["bbox"], "[left, top, width, height], none negative");
    out.box = {box[0], box[1], box[2], box[3]};
  }
  if (!json.contains("segmentation")) return;
  const Json& shape = json["segmentation"];
  if (shape.is_object()) {
    read_rle(shape, out);
  } else if (shape.is_array()) {
    for (const Json& polygon : shape) out.polygons.push_back(numbers("segmentation", polygon));
  } else {
    wrong("segmentation", shape, "polygons, or an object with \"size\" and \"counts\"");
  }
}

constexpr std::array<const char*, 3> kLists = {"images", "annotations", "categories"};

/// Takes the entries of the lists out of the parser's hands.
class Collector {
 public:
  /// For nlohmann's parser; false drops what was just read.
  bool operator()(int depth, Json::parse_event_t event, const Json& parsed) {
    using Event = Json::parse_event_t;
    if (event == Event::key) {
      if (depth > 1) return true;
      list_ = parsed.get<std::string>();
      entry_ = 0;
      wanted_ = std::find(kLists.begin(), kLists.end(), list_) != kLists.end();
      return wanted_;
    }
    if (!wanted_) return event == Event::object_start || event == Event::object_end;
    count(depth, event);
    if (depth != 2) return true;
    if (event == Event::value || event == Event::array_start) {
      fail(ErrorCode::BadInput, place(), " is no object");
    }
    if (event != Event::object_end) return true;
    in_context([&] { return place(); }, [&] { take(parsed); });
    values_ = objects_ = 0;
    ++entry_;
    return false;
  }

  CocoFile finish(const Json& rest) {
    for (const char* list : kLists) {
      if (!rest.is_object() || !rest.contains(list) || !rest[list].is_array()) {
        fail(ErrorCode::BadInput, "no list \"", list,
             "\"; is this an instances file, with images, annotations and categories?");
      }
    }
    std::unordered_map<std::int64_t, std::size_t> place_of;
    for (std::size_t i = 0; i < file_.images.size(); ++i) {
      if (!place_of.emplace(file_.images[i].id, i).second) {
        fail(ErrorCode::BadInput, "images[", i, "]: the id ", file_.images[i].id,
             " is taken already");
      }
    }
    for (std::size_t i = 0; i < file_.annotations.size(); ++i) {
      CocoAnnotation& annotation = file_.annotations[i];
      if (const auto found = label_of_.find(annotation.category); found != label_of_.end()) {
        annotation.label = found->second;
      }
      const auto found = place_of.find(annotation.image);
      if (found == place_of.end()) {
        file_.strays.push_back(annotation.id);
      } else {
        file_.images[found->second].annotations.push_back(i);
      }
    }
    return std::move(file_);
  }

 private:
  std::string place() const { return concat(list_, "[", entry_, "]"); }

  /// Nothing grows without bounds: neither one entry, nor what the parser keeps outside of them.
  void count(int depth, Json::parse_event_t event) {
    using Event = Json::parse_event_t;
    if (event == Event::object_end || event == Event::array_end) return;
    if (depth > kDeepest) fail(ErrorCode::BadInput, place(), ": nested too deep");
    if (++values_ > kMostValues || (event == Event::object_start && ++objects_ > kMostObjects)) {
      fail(ErrorCode::BadInput, place(), ": more than ", kMostValues, " values or ", kMostObjects,
           " objects in one entry");
    }
  }

  void take(const Json& json) {
    if (list_ == "images") {
      file_.images.push_back({.id = identity(json, "id"),
                              .width = whole(json, "width", 1, kMostPixels),
                              .height = whole(json, "height", 1, kMostPixels),
                              .file = word(json, "file_name"),
                              .annotations = {}});
      if (file_.images.back().width > kMostPixels / file_.images.back().height) {
        fail(ErrorCode::BadInput, file_.images.back().width, " x ", file_.images.back().height,
             " pixels; at most ", kMostPixels, " are read");
      }
    } else if (list_ == "categories") {
      if (!label_of_.emplace(identity(json, "id"), static_cast<int>(file_.labels.size())).second) {
        fail(ErrorCode::BadInput, "the id ", json["id"].dump(), " is taken already");
      }
      file_.labels.push_back(word(json, "name"));
    } else if (list_ == "annotations") {
      CocoAnnotation one;
      one.image = identity(json, "image_id");
      one.category = identity(json, "category_id");
      one.id = json.contains("id") ? identity(json, "id") : static_cast<std::int64_t>(entry_);
      try {
        if (json.contains("iscrowd")) one.crowd = whole(json, "iscrowd", 0, 1) == 1;
        read_shape(json, one);
      } catch (const Error& error) {
        CocoAnnotation bare;
        bare.id = one.id;
        bare.image = one.image;
        bare.category = one.category;
        bare.broken = error.what();
        one = std::move(bare);
      }
      file_.annotations.push_back(std::move(one));
    }
  }

  std::string list_;
  bool wanted_ = false;
  std::size_t entry_ = 0, values_ = 0, objects_ = 0;
  std::unordered_map<std::int64_t, int> label_of_;
  CocoFile file_;
};

}  // namespace

CocoFile parse_coco(std::string_view text) {
  Collector collector;
  Json rest;
  const auto callback = [&](int depth, Json::parse_event_t event, const Json& parsed) {
    return collector(depth, event, parsed);
  };
  try {
    rest = Json::parse(text.begin(), text.end(), callback);
  } catch (const Json::exception& error) {
    fail(ErrorCode::BadInput, "not JSON: ", error.what());
  }
  return collector.finish(rest);
}

std::vector<CocoRle> coco_masks(const CocoAnnotation& annotation, std::int64_t height,
                                std::int64_t width) {
  std::vector<CocoRle> out;
  if (annotation.text || annotation.runs) {
    if (annotation.rle_size[0] != height || annotation.rle_size[1] != width) {
      fail(ErrorCode::BadInput, "its mask is ", annotation.rle_size[1], " x ",
           annotation.rle_size[0], " pixels, the picture ", width, " x ", height);
    }
    if (annotation.text) {
      out.push_back(rle_of_text(*annotation.text, height, width));
    } else {
      out.push_back({height, width, *annotation.runs});
      check_rle(out.back());
    }
  }
  for (const auto& polygon : annotation.polygons) {
    out.push_back(rle_of_polygon(polygon, height, width));
  }
  return out;
}

}  // namespace limn
