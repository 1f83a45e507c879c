// The data set `imagenet`: a class for each picture, no boxes. Source: Russakovsky et al.,
// "ImageNet Large Scale Visual Recognition Challenge", 2015. Classes are folders, or a list of
// files and classes, or the WordNet id that a file name begins with.
#include <algorithm>
#include <charconv>
#include <set>

#include "data/dataset_base.h"
#include "data/dataset_files.h"

namespace limn {
namespace {

namespace fs = std::filesystem;

struct ImagenetOptions {
  std::string folder;
  std::string labels;
  std::string truth;
  bool plain = false;
};

DatasetInfo info() {
  return {.name = "imagenet",
          .title = "ImageNet folder",
          .summary = "One class a picture, from folders, a list, or WordNet ids in file names.",
          .layout =
              "FOLDER/CLASS/*.JPEG with CLASS a WordNet id or a name; or FOLDER/*.JPEG with "
              "truth=FILE, lines of file and class; or FOLDER/n01440764_*.JPEG; or any folder with "
              "plain=true",
          .source = "Russakovsky et al.: ImageNet Large Scale Visual Recognition Challenge, 2015"};
}

Fields fields(ImagenetOptions& o) {
  return {text_field("folder", o.folder, "the folder of the pictures, or of the classes' folders"),
          text_field("labels", o.labels,
                     "file with one class a line in the model's order: WordNet id and name, or "
                     "either; default: the folders' names in alphabetical order"),
          text_field("truth", o.truth,
                     "for a flat folder: lines of file and class (number from 0, WordNet id or "
                     "name), such as Caffe's val.txt"),
          bool_field("plain", o.plain, "no classes: any folder of pictures, or of folders")};
}

/// The classes of a file: one a line, a WordNet id, a name, or both.
struct Classes {
  std::vector<std::string> names;
  std::unordered_map<std::string, int> by_wordnet_id = {};

  static Classes read(const std::string& path) {
    Classes out;
    for (const std::string& line : read_lines(path)) {
      if (line.empty()) continue;
      const std::size_t space = std::min(line.find_first_of(" \t"), line.size());
      const std::string first = line.substr(0, space);
      const std::size_t rest = line.find_first_not_of(" \t", space);
      const bool id = is_wordnet_id(first);
      if (id && !out.by_wordnet_id.emplace(first, std::ssize(out.names)).second) {
        fail(ErrorCode::BadInput, "label file \"", path, "\" has ", first, " twice");
      }
      out.names.push_back(!id || rest == std::string::npos ? line : line.substr(rest));
    }
    if (out.names.empty()) fail(ErrorCode::BadInput, "label file \"", path, "\" is empty");
    return out;
  }
};

/// A class by WordNet id, else by name; an error about it waits until the picture is asked for.
class Lookup {
 public:
  explicit Lookup(const Classes& classes) : ids_(classes.by_wordnet_id), names_(classes.names) {}
  int find(const std::string& text) const {
    const auto id = ids_.find(text);
    return id != ids_.end() ? id->second : names_.find(text);
  }

 private:
  std::unordered_map<std::string, int> ids_;
  LabelNames names_;
};

struct Entry {
  std::string file;  ///< below the folder
  std::string said;  ///< the class as found
  int label = LabelNames::kUnknown;
};

struct Index {
  Classes classes;
  std::vector<Entry> entries;
};

std::vector<Entry> read_truth(const ImagenetOptions& o, const Classes& classes) {
  std::vector<Entry> entries;
  const Lookup lookup(classes);
  const auto lines = read_lines(o.truth);
  for (std::size_t i = 0; i < lines.size(); ++i) {
    if (lines[i].empty()) continue;
    const std::size_t space = lines[i].find_first_of(" \t");
    const std::size_t rest = lines[i].find_first_not_of(" \t", space);
    if (space == std::string::npos || rest == std::string::npos) {
      fail(ErrorCode::BadInput, "\"", o.truth, "\", line ", i + 1,
           ": expected a file and a class, ",
           "such as \"ILSVRC2012_val_00000001.JPEG 65\"; lists of bare numbers have several ",
           "orders of classes and are not read");
    }
    Entry entry{lines[i].substr(0, space), lines[i].substr(rest)};
    entry.label = lookup.find(entry.said);
    int number = 0;
    const char* end = entry.said.data() + entry.said.size();
    const auto read = std::from_chars(entry.said.data(), end, number);
    if (entry.label < 0 && read.ec == std::errc() && read.ptr == end && number >= 0 &&
        number < static_cast<int>(classes.names.size())) {
      entry.label = number;
    }
    entries.push_back(std::move(entry));
  }
  return entries;
}

/// The folder a picture lies in; in a flat folder the WordNet id that its name begins with.
std::string class_in_path(const std::string& file) {
  const std::size_t slash = file.find('/');
  if (slash != std::string::npos) return file.substr(0, slash);
  const std::string id = file.substr(0, std::min<std::size_t>(file.size(), 9));
  return is_wordnet_id(id) ? id : std::string();
}

Index index_of(const ImagenetOptions& o) {
  Index out;
  if (o.plain && !(o.labels.empty() && o.truth.empty())) {
    fail(ErrorCode::InvalidArgument,
         "plain=true means pictures without classes; labels and truth "
         "name some");
  }
  if (!o.labels.empty()) out.classes = Classes::read(o.labels);
  if (!o.truth.empty()) {
    if (o.labels.empty()) {
      fail(ErrorCode::InvalidArgument, "truth=", o.truth, " needs labels=FILE: which classes are ",
           "there, in which order?");
    }
    out.entries = read_truth(o, out.classes);
  } else {
    for (const std::string& file : pictures_below(o.folder)) {
      out.entries.push_back({file, class_in_path(file)});
    }
  }
  if (out.entries.empty()) fail(ErrorCode::BadInput, "\"", o.folder, "\" holds no pictures");
  if (o.plain) return out;
  if (o.labels.empty()) {
    std::set<std::string> said;
    for (const Entry& entry : out.entries) said.insert(entry.said);
    said.erase("");
    out.classes.names.assign(said.begin(), said.end());
    if (said.empty()) {
      fail(ErrorCode::BadInput, "\"", o.folder,
           "\" holds pictures but no folders of classes; give truth=FILE and labels=FILE, or ",
           "plain=true where no class is asked for");
    }
  }
  if (o.truth.empty()) {
    const Lookup lookup(out.classes);
    for (Entry& entry : out.entries) entry.label = lookup.find(entry.said);
  }
  return out;
}

class ImagenetDataset final : public ListedDataset {
 public:
  ImagenetDataset(const ImagenetOptions& o, Spec spec, Index index)
      : ListedDataset(std::move(spec), index.classes.names),
        folder_(o.folder),
        plain_(o.plain),
        entries_(std::move(index.entries)) {}

  std::int64_t size() const override { return std::ssize(entries_); }
  std::string id(std::int64_t index) const override { return entries_[checked(index)].file; }
  DatasetItem read(std::int64_t index) const override {
    DatasetItem item;
    item.id = id(index);
    item.labels = labels_of(index);
    for (const int label : item.labels) item.objects.push_back({.label = label});
    item.path = path_inside(folder_, item.id);
    item.picture = read_picture(item.path);
    return item;
  }
  std::vector<int> labels_of(std::int64_t index) const override {
    const Entry& entry = entries_[checked(index)];
    if (plain_) return {};
    if (entry.label == LabelNames::kAmbiguous) {
      fail(ErrorCode::BadInput, "picture ", entry.file, ": several classes are named \"",
           entry.said, "\"; use WordNet ids");
    }
    if (entry.label < 0) {
      fail(ErrorCode::BadInput, "picture ", entry.file, ": unknown class \"", entry.said,
           "\"; the nearest of ", labels().size(),
           " known ones: ", nearest_names(entry.said, labels()));
    }
    return {entry.label};
  }
  std::vector<DatasetProblem> check() const override {
    return check_each(*this, [&](std::int64_t index, std::vector<DatasetProblem>&) {
      labels_of(index);
      picture_size(path_inside(folder_, id(index)));
    });
  }

 private:
  std::string folder_;
  bool plain_;
  std::vector<Entry> entries_;
};

std::unique_ptr<Dataset> open(const ImagenetOptions& o, Spec spec) {
  if (o.folder.empty()) {
    fail(ErrorCode::InvalidArgument, "give the folder: imagenet(val, labels=classes.txt)");
  }
  expect_folder(o.folder, "folders of pictures, one for each class, or the pictures themselves");
  return std::make_unique<ImagenetDataset>(o, std::move(spec), index_of(o));
}

}  // namespace

DatasetEntry dataset_imagenet() {
  return define_dataset<ImagenetOptions>(info(), fields, open, "folder");
}

}  // namespace limn
