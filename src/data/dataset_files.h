// What the data sets that read files share: lists, label names, sizes of pictures, the pointing
// game's list of difficult pairs.
#pragma once
#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "limn/dataset.h"

namespace limn {

/// A whole file of at most `most` bytes; throws NotFound, Io, and BadInput where it is larger.
std::string read_limited(const std::string& path, std::size_t most);
/// Its lines without line breaks and byte order mark; at most 256 MiB.
std::vector<std::string> read_lines(const std::string& path);

/// Throws NotFound where `path` is no folder; `holds` says what should be in it.
void expect_folder(const std::string& path, const std::string& holds);
/// `folder`/`name`; throws BadInput where that leads out of the folder.
std::string path_inside(const std::string& folder, const std::string& name);
/// The pictures below a folder, sorted, relative to it.
std::vector<std::string> pictures_below(const std::string& folder);

/// The size of a picture from its header. Throws NotFound, and BadInput for what is no picture,
/// larger than kMaxPixels, or truncated.
struct PictureSize {
  std::int64_t height = 0, width = 0;
};
PictureSize picture_size(const std::string& path);

/// Throws BadInput unless both sizes are equal: "WHAT is 10 x 20 pixels, the picture 10 x 21".
void expect_size(const std::string& what, std::int64_t height, std::int64_t width,
                 const PictureSize& picture);

/// Whole pixels cut at the edges of the picture. `outside` becomes true where something was cut.
PixelBox clipped_box(double left, double top, double right, double bottom,
                     const PictureSize& picture, bool& outside);

/// `n01440764`: how ImageNet calls its classes.
bool is_wordnet_id(std::string_view text);

/// Labels by name; case, `_`, `-` and spaces make no difference, and of a name with commas ("tench,
/// Tinca tinca") the first part will do.
class LabelNames {
 public:
  static constexpr int kUnknown = -1, kAmbiguous = -2;

  explicit LabelNames(const std::vector<std::string>& names);
  /// kUnknown where no label has this name, kAmbiguous where several have.
  int find(std::string_view name) const;
  /// Throws BadInput and offers the nearest names.
  int at(std::string_view name) const;

 private:
  using Map = std::unordered_map<std::string, int>;
  std::vector<std::string> names_;
  Map whole_, first_part_;
};

/// The pairs of picture and class that the pointing game counts as difficult: a file of lines
/// "name TAB flag TAB flag ..." with one 0 or 1 for each class, as TorchRay brings them
/// (facebookresearch/TorchRay, torchray/benchmark/pointing_game_ebp_*_difficult.txt).
class DifficultList {
 public:
  DifficultList() = default;
  /// "" gives the empty list. Throws NotFound, and BadInput with the line.
  DifficultList(const std::string& path, std::size_t classes);
  /// The difficult ones of the classes that are present in the picture of this name; folders and
  /// ending make no difference. All of them where the list does not hold the picture, as in
  /// TorchRay; none where there is no list.
  std::vector<int> of(const std::string& name, const std::vector<int>& present) const;

 private:
  bool given_ = false;
  std::unordered_map<std::string, std::vector<bool>> flags_;
};

/// The classes of the objects in rising order, each once.
std::vector<int> present_labels(const std::vector<DatasetObject>& objects);

/// Runs `body(index, problems)` for each item; an Error that leaves it becomes a problem.
template <typename Body>
std::vector<DatasetProblem> check_each(const Dataset& dataset, Body body) {
  std::vector<DatasetProblem> problems;
  for (std::int64_t index = 0; index < dataset.size(); ++index) {
    try {
      body(index, problems);
    } catch (const Error& error) {
      problems.push_back({.id = dataset.id(index), .what = error.what(), .code = error.code()});
    }
  }
  return problems;
}

/// Name, spec and labels of a data set whose files have been listed.
class ListedDataset : public Dataset {
 public:
  ListedDataset(Spec spec, std::vector<std::string> labels)
      : spec_(std::move(spec)), labels_(std::move(labels)) {}
  const std::string& name() const override { return spec_.name; }
  Spec spec() const override { return spec_; }
  const std::vector<std::string>& labels() const override { return labels_; }

 protected:
  /// Throws InvalidArgument.
  std::size_t checked(std::int64_t index) const;

 private:
  Spec spec_;
  std::vector<std::string> labels_;
};

}  // namespace limn
