// Broden's folder layout (CSAILVision/NetDissect, script/rundownload.sh, src/loadseg.py):
//   index.csv     image, split, ih, iw, sh, sw and a column a category (color, object, part, ...)
//   label.csv     number, name, category, ...; the category reads "object(1234);part(56)"
//   images/       pictures and masks, as index.csv names them
// A category's cell lists, with ";" between, masks (PNG, label number = red + 256 green, 0 is none)
// and numbers of labels that hold for the whole picture.
#include <ATen/ATen.h>

#include <charconv>
#include <filesystem>
#include <map>
#include <set>

#include "data/concept_sources.h"
#include "data/csv_table.h"
#include "image/file.h"
#include "limn/error.h"
#include "limn/image.h"
#include "limn/options.h"

namespace limn {
namespace {

namespace fs = std::filesystem;

struct BrodenOptions {
  std::string folder;
  std::string index = "index.csv";
  std::string split = "all";
  std::vector<std::string> categories;
};

Fields fields(BrodenOptions& o) {
  return {text_field("folder", o.folder, "the folder that holds index.csv"),
          text_field("index", o.index, "the index in it, such as index_ade20k.csv"),
          text_field("split", o.split, "train, val or all"),
          texts_field("categories", o.categories, "columns of the index; empty: all")};
}

/// A table with a heading.
struct Table {
  std::string path;
  std::vector<CsvRow> rows;

  explicit Table(const std::string& file) : path(file) {
    const std::string text = read_file(file);
    rows = in_context([&] { return "\"" + file + "\""; }, [&] { return parse_csv(text); });
    if (rows.empty()) fail(ErrorCode::BadInput, "\"", file, "\" has no heading");
  }
  const std::vector<std::string>& heading() const { return rows.front().cells; }
  /// Throws BadInput where it is missing.
  std::size_t column(const std::string& name) const {
    for (std::size_t i = 0; i < heading().size(); ++i) {
      if (heading()[i] == name) return i;
    }
    fail(ErrorCode::BadInput, "\"", path, "\" has no column \"", name, "\"");
  }
  /// The rows behind the heading, all as long as it. Throws BadInput with the line.
  template <typename Take>
  void each(Take&& take) const {
    for (std::size_t i = 1; i < rows.size(); ++i) {
      in_context([&] { return concat("\"", path, "\", line ", rows[i].line); },
                 [&] {
                   if (rows[i].cells.size() < heading().size()) {
                     fail(ErrorCode::BadInput, rows[i].cells.size(), " cells, the heading has ",
                          heading().size());
                   }
                   take(rows[i].cells);
                 });
    }
  }
};

std::vector<std::string> split_list(const std::string& text) {
  std::vector<std::string> out;
  for (std::size_t at = 0; at <= text.size();) {
    const std::size_t end = std::min(text.find(';', at), text.size());
    if (end > at) out.push_back(text.substr(at, end - at));
    at = end + 1;
  }
  return out;
}

/// -1 where the text is no whole number.
std::int64_t number_in(const std::string& text) {
  std::int64_t value = -1;
  const char* end = text.data() + text.size();
  const auto read = std::from_chars(text.data(), end, value);
  return read.ec == std::errc() && read.ptr == end && value >= 0 ? value : -1;
}

class BrodenConcepts final : public ConceptSource {
 public:
  BrodenConcepts(const BrodenOptions& options, Spec spec)
      : folder_(options.folder), spec_(std::move(spec)) {
    const Table index((fs::path(folder_) / options.index).string());
    for (const auto& name : index.heading()) {
      if (!kOthers.contains(name)) categories_.push_back(name);
    }
    if (!options.categories.empty()) {
      for (const auto& name : options.categories) {
        if (std::find(categories_.begin(), categories_.end(), name) == categories_.end()) {
          fail(ErrorCode::NotFound, "\"", index.path, "\" has no category \"", name,
               "\"; did you mean ", nearest_names(name, categories_), "?");
        }
      }
      categories_ = options.categories;
    }
    read_labels();
    read_index(index, options.split);
  }
  Spec spec() const override { return spec_; }
  const std::vector<ConceptLabel>& concepts() const override { return concepts_; }
  std::int64_t size() const override { return static_cast<std::int64_t>(items_.size()); }
  ConceptPicture read(std::int64_t index) const override {
    const Item& item = items_.at(static_cast<std::size_t>(index));
    return in_context([&] { return "Broden's \"" + item.image + "\""; },
                      [&] {
                        ConceptPicture out{item.image, read_picture(file(item.image)).pixels, {}};
                        for (std::size_t c = 0; c < categories_.size(); ++c) {
                          for (const auto& cell : split_list(item.cells[c])) {
                            add_masks(out, categories_[c], cell);
                          }
                        }
                        return out;
                      });
  }

 private:
  struct Item {
    std::string image;
    std::vector<std::string> cells;  ///< of each category
  };
  inline static const std::set<std::string> kOthers = {"image", "split", "ih", "iw", "sh", "sw"};

  std::string file(const std::string& name) const {
    const fs::path relative = fs::path(name).lexically_normal();
    if (relative.is_absolute() || relative.begin() == relative.end() || *relative.begin() == "..") {
      fail(ErrorCode::BadInput, "\"", name, "\" leads out of the folder");
    }
    return (fs::path(folder_) / "images" / relative).string();
  }

  /// A label of several categories is a concept of each; names that several share get theirs.
  void read_labels() {
    const Table labels((fs::path(folder_) / "label.csv").string());
    const std::size_t number = labels.column("number"), name = labels.column("name"),
                      category = labels.column("category");
    std::map<std::string, int> times;
    labels.each([&](const std::vector<std::string>& cells) {
      const std::int64_t value = number_in(cells[number]);
      if (value < 0) fail(ErrorCode::BadInput, "the number is \"", cells[number], "\"");
      for (const auto& entry : split_list(cells[category])) {
        const std::string kind = entry.substr(0, entry.find('('));
        if (std::find(categories_.begin(), categories_.end(), kind) == categories_.end()) continue;
        known_[{kind, value}] = static_cast<int>(concepts_.size());
        concepts_.push_back({cells[name], kind});
        ++times[cells[name]];
      }
    });
    for (auto& one : concepts_) {
      if (times[one.name] > 1) one.name += ":" + one.category;
    }
  }

  void read_index(const Table& index, const std::string& split) {
    const std::size_t image = index.column("image");
    std::vector<std::size_t> columns;
    columns.reserve(categories_.size());
    for (const auto& name : categories_) columns.push_back(index.column(name));
    const std::size_t split_column = split == "all" ? 0 : index.column("split");
    index.each([&](const std::vector<std::string>& cells) {
      if (split != "all" && cells[split_column] != split) return;
      Item item{cells[image], {}};
      for (const std::size_t column : columns) item.cells.push_back(cells[column]);
      items_.push_back(std::move(item));
    });
    if (items_.empty()) {
      fail(ErrorCode::BadInput, "\"", index.path, "\" lists no picture of split \"", split, "\"");
    }
  }

  int concept_of(const std::string& category, std::int64_t number) const {
    const auto found = known_.find({category, number});
    if (found == known_.end()) {
      fail(ErrorCode::BadInput, "label ", number, " of category \"", category,
           "\" is not in label.csv");
    }
    return found->second;
  }

  void add_masks(ConceptPicture& out, const std::string& category, const std::string& cell) const {
    if (const std::int64_t number = number_in(cell); number >= 0) {
      if (number > 0)
        out.masks.emplace_back(concept_of(category, number), at::ones({1, 1}, at::kBool));
      return;
    }
    const Tensor pixels = read_picture(file(cell)).pixels.to(at::kInt);
    const Tensor numbers = pixels.select(2, 0) + 256 * pixels.select(2, 1);
    const Tensor present = std::get<0>(at::_unique(numbers));
    for (std::int64_t i = 0; i < present.numel(); ++i) {
      const auto number = present[i].item<std::int64_t>();
      if (number > 0) out.masks.emplace_back(concept_of(category, number), numbers == number);
    }
  }

  std::string folder_;
  Spec spec_;
  std::vector<std::string> categories_;
  std::vector<ConceptLabel> concepts_;
  std::map<std::pair<std::string, std::int64_t>, int> known_;
  std::vector<Item> items_;
};

}  // namespace

std::unique_ptr<ConceptSource> broden_concepts(const Spec& spec) {
  return in_context([&] { return "data set \"" + spec.text() + "\""; },
                    [&]() -> std::unique_ptr<ConceptSource> {
                      BrodenOptions options;
                      const Fields list = fields(options);
                      set_fields(list, spec, "folder");
                      if (options.folder.empty()) {
                        fail(ErrorCode::InvalidArgument,
                             "name the folder: broden(FOLDER), which holds index.csv");
                      }
                      return std::make_unique<BrodenConcepts>(options, fields_spec("broden", list));
                    });
}

}  // namespace limn
