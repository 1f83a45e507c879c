// See dataset_files.h.
#include "data/dataset_files.h"

#include <algorithm>
#include <cmath>

#include "image/file.h"
#include "image/picture_header.h"
#include "limn/error.h"

namespace limn {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kMostListBytes = std::size_t{256} << 20;
constexpr std::size_t kMostPictureBytes = std::size_t{1} << 30;

}  // namespace

std::string read_limited(const std::string& path, std::size_t most) {
  std::string bytes = read_file(path, most + 1);
  if (bytes.size() > most) {
    fail(ErrorCode::BadInput, "\"", path, "\" has more than the ", most >> 20,
         " MiB that limn reads of such a file");
  }
  return bytes;
}

std::vector<std::string> read_lines(const std::string& path) {
  const std::string text = read_limited(path, kMostListBytes);
  std::vector<std::string> lines;
  std::size_t at = text.compare(0, 3, "\xef\xbb\xbf") == 0 ? 3 : 0;
  while (at < text.size()) {
    const std::size_t end = std::min(text.find('\n', at), text.size());
    lines.push_back(text.substr(at, end - at));
    if (!lines.back().empty() && lines.back().back() == '\r') lines.back().pop_back();
    at = end + 1;
  }
  return lines;
}

void expect_folder(const std::string& path, const std::string& holds) {
  std::error_code error;
  if (!fs::is_directory(path, error)) {
    fail(ErrorCode::NotFound, "no folder \"", path, "\"; expected ", holds);
  }
}

std::string path_inside(const std::string& folder, const std::string& name) {
  const fs::path path = fs::path(name).lexically_normal();
  if (name.empty() || path.is_absolute() || *path.begin() == "..") {
    fail(ErrorCode::BadInput, "the file name \"", name, "\" leads out of \"", folder, "\"");
  }
  return (fs::path(folder) / path).string();
}

std::vector<std::string> pictures_below(const std::string& folder) {
  std::vector<std::string> names;
  std::error_code error;
  fs::recursive_directory_iterator walk(folder, error);
  for (; !error && walk != fs::recursive_directory_iterator(); walk.increment(error)) {
    if (is_picture_name(walk->path().string()) && walk->is_regular_file()) {
      names.push_back(walk->path().lexically_relative(folder).generic_string());
    }
  }
  if (error) fail(ErrorCode::Io, "cannot list \"", folder, "\": ", error.message());
  std::sort(names.begin(), names.end());
  return names;
}

PictureSize picture_size(const std::string& path) {
  const PictureHeader header = read_picture_header(read_limited(path, kMostPictureBytes));
  if (header.format.empty() || header.width <= 0 || header.height <= 0) {
    fail(ErrorCode::BadInput, "\"", path, "\" is not a picture that limn reads, or is damaged");
  }
  if (header.width > kMaxPixels / header.height) {
    fail(ErrorCode::BadInput, "\"", path, "\": ", header.width, " x ", header.height,
         " pixels; limn reads at most ", kMaxPixels / 1'000'000, " megapixels");
  }
  if (!header.complete) {
    fail(ErrorCode::BadInput, "\"", path, "\": this ", header.format, " file is truncated");
  }
  return {header.height, header.width};
}

void expect_size(const std::string& what, std::int64_t height, std::int64_t width,
                 const PictureSize& picture) {
  if (height == picture.height && width == picture.width) return;
  fail(ErrorCode::BadInput, what, " is ", width, " x ", height, " pixels, the picture ",
       picture.width, " x ", picture.height);
}

PixelBox clipped_box(double left, double top, double right, double bottom,
                     const PictureSize& picture, bool& outside) {
  const auto cut = [&](double value, std::int64_t side) {
    const double inside = std::clamp(value, 0.0, static_cast<double>(side));
    outside = outside || inside != value;
    return static_cast<int>(inside);
  };
  PixelBox box;
  box.left = cut(left, picture.width);
  box.top = cut(top, picture.height);
  box.right = cut(right, picture.width);
  box.bottom = cut(bottom, picture.height);
  return box;
}

bool is_wordnet_id(std::string_view text) {
  return text.size() == 9 && text[0] == 'n' &&
         std::all_of(text.begin() + 1, text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

LabelNames::LabelNames(const std::vector<std::string>& names) : names_(names) {
  const auto add = [](Map& map, const std::string& name, std::size_t label) {
    const auto [at, added] = map.emplace(canonical_name(name), static_cast<int>(label));
    if (!added) at->second = kAmbiguous;
  };
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (names[i].empty()) continue;
    add(whole_, names[i], i);
    add(first_part_, names[i].substr(0, names[i].find(',')), i);
  }
}

int LabelNames::find(std::string_view name) const {
  // The same classes as VOC (and many copies of COCO) and as COCO itself spell them.
  static const std::vector<std::pair<std::string, std::string>> kSpellings = {
      {"aeroplane", "airplane"},   {"diningtable", "dining table"},
      {"motorbike", "motorcycle"}, {"pottedplant", "potted plant"},
      {"sofa", "couch"},           {"tvmonitor", "tv"}};
  const std::string wanted = canonical_name(name);
  std::vector<std::string> spellings = {wanted};
  for (const auto& [one, other] : kSpellings) {
    if (wanted == canonical_name(one)) spellings.push_back(canonical_name(other));
    if (wanted == canonical_name(other)) spellings.push_back(canonical_name(one));
  }
  for (const auto& spelling : spellings) {
    for (const Map* map : {&whole_, &first_part_}) {
      if (const auto found = map->find(spelling); found != map->end()) return found->second;
    }
  }
  return kUnknown;
}

int LabelNames::at(std::string_view name) const {
  const int label = find(name);
  if (label == kAmbiguous) fail(ErrorCode::BadInput, "several classes are named \"", name, "\"");
  if (label == kUnknown) {
    fail(ErrorCode::BadInput, "unknown class \"", name, "\"; the nearest of ", names_.size(),
         " known ones: ", nearest_names(name, names_));
  }
  return label;
}

DifficultList::DifficultList(const std::string& path, std::size_t classes) {
  if (path.empty()) return;
  given_ = true;
  const std::vector<std::string> lines = read_lines(path);
  for (std::size_t i = 0; i < lines.size(); ++i) {
    const auto bad = [&](const auto&... parts) {
      fail(ErrorCode::BadInput, "list of difficult pairs \"", path, "\", line ", i + 1, ": ",
           parts...);
    };
    std::istringstream words(lines[i]);
    std::string name, flag;
    if (!(words >> name)) continue;
    std::vector<bool> flags;
    while (words >> flag) {
      if (flag != "0" && flag != "1") bad("\"", flag.substr(0, 40), "\" is neither 0 nor 1");
      flags.push_back(flag == "1");
    }
    if (flags.size() != classes) {
      bad(flags.size(), " flags; expected one for each of ", classes, " classes");
    }
    flags_[fs::path(name).stem().string()] = std::move(flags);
  }
}

std::vector<int> DifficultList::of(const std::string& name, const std::vector<int>& present) const {
  if (!given_) return {};
  const auto found = flags_.find(fs::path(name).stem().string());
  if (found == flags_.end()) return present;
  std::vector<int> out;
  for (const int label : present) {
    if (found->second[static_cast<std::size_t>(label)]) out.push_back(label);
  }
  return out;
}

std::vector<int> present_labels(const std::vector<DatasetObject>& objects) {
  std::vector<int> labels;
  for (const auto& object : objects) labels.push_back(object.label);
  std::sort(labels.begin(), labels.end());
  labels.erase(std::unique(labels.begin(), labels.end()), labels.end());
  return labels;
}

std::size_t ListedDataset::checked(std::int64_t index) const {
  if (index < 0 || index >= size()) {
    fail(ErrorCode::InvalidArgument, name(), ": no item ", index, "; it has ", size());
  }
  return static_cast<std::size_t>(index);
}

}  // namespace limn
