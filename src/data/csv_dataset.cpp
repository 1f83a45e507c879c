// The data set `csv`: a folder of pictures and one table, a row for each object. Plain enough to be
// written by hand or by any script.
#include <algorithm>
#include <charconv>
#include <cmath>
#include <set>

#include "data/csv_table.h"
#include "data/dataset_base.h"
#include "data/dataset_files.h"
#include "data/palette_png.h"
#include "limn/sidecar.h"

namespace limn {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kMostTable = std::size_t{1} << 30, kMostPng = std::size_t{256} << 20;

struct CsvDataOptions {
  std::string table;
  std::string images;
  std::string labels;
};

DatasetInfo info() {
  return {.name = "csv",
          .title = "Table",
          .summary = "Pictures, boxes and masks as one CSV table says, a row for each object.",
          .layout =
              "a table with the header file,label[,left,top,right,bottom][,mask]; pictures "
              "and masks in the table's folder, or in images=FOLDER",
          .source = "limn's own format"};
}

Fields fields(CsvDataOptions& o) {
  return {text_field("table", o.table, "the CSV file"),
          text_field("images", o.images, "folder of the pictures and masks; default: the table's"),
          text_field("labels", o.labels,
                     "file with one class a line; default: the classes in the table, in "
                     "alphabetical order")};
}

/// One row of the table.
struct Row {
  std::size_t line = 0;
  std::string label;
  std::vector<double> box;  ///< left, top, right, bottom; empty where the row gives none
  std::string mask;
  std::string broken = {};  ///< why the row says nothing; its picture cannot be used
};

struct Table {
  std::vector<std::string> files;  ///< in order of appearance
  std::vector<std::vector<Row>> rows;
};

/// The columns' places; -1 where the table does not have one.
struct Columns {
  std::map<std::string, int> place = {{"file", -1},  {"label", -1},  {"left", -1}, {"top", -1},
                                      {"right", -1}, {"bottom", -1}, {"mask", -1}};

  explicit Columns(const CsvRow& header) {
    for (std::size_t i = 0; i < header.cells.size(); ++i) {
      const auto found = place.find(canonical_name(header.cells[i]));
      if (found == place.end() || found->second >= 0) {
        fail(ErrorCode::BadInput, "line ", header.line, ": the column \"", header.cells[i],
             "\" is not known or comes twice; expected ",
             "file,label[,left,top,right,bottom][,mask]");
      }
      found->second = static_cast<int>(i);
    }
    const bool box = place["left"] >= 0;
    for (const char* side : {"top", "right", "bottom"}) {
      if ((place[side] >= 0) != box) {
        fail(ErrorCode::BadInput, "the header has only some of left, top, right, bottom");
      }
    }
    if (place["file"] < 0 || place["label"] < 0) {
      fail(ErrorCode::BadInput, "the header needs the columns file and label");
    }
  }
  std::string cell(const CsvRow& row, const char* name) const {
    const int at = place.at(name);
    return at < 0 || at >= std::ssize(row.cells) ? "" : row.cells[static_cast<std::size_t>(at)];
  }
};

double pixel(const CsvRow& row, const std::string& text) {
  double value = 0;
  const char* end = text.data() + text.size();
  const auto read = std::from_chars(text.data(), end, value);
  if (read.ec != std::errc() || read.ptr != end || !(std::abs(value) <= 1e9)) {
    fail(ErrorCode::BadInput, "line ", row.line, ": \"", text.substr(0, 40),
         "\" is no number of pixels; a box needs all four sides");
  }
  return value;
}

/// Throws BadInput with the line.
Row read_row(const CsvRow& row, const Columns& columns, std::size_t cells) {
  if (row.cells.size() != cells) {
    fail(ErrorCode::BadInput, "line ", row.line, ": ", row.cells.size(), " cells; the header has ",
         cells);
  }
  if (columns.cell(row, "file").empty()) {
    fail(ErrorCode::BadInput, "line ", row.line, ": the file is empty");
  }
  Row out{row.line, columns.cell(row, "label"), {}, columns.cell(row, "mask")};
  if (out.label.empty()) fail(ErrorCode::BadInput, "line ", row.line, ": the label is empty");
  std::vector<std::string> sides;
  for (const char* side : {"left", "top", "right", "bottom"}) {
    sides.push_back(columns.cell(row, side));
  }
  if (std::all_of(sides.begin(), sides.end(), [](const auto& text) { return text.empty(); })) {
    return out;
  }
  for (const std::string& text : sides) out.box.push_back(pixel(row, text));
  if (out.box[2] < out.box[0] || out.box[3] < out.box[1]) {
    fail(ErrorCode::BadInput, "line ", row.line, ": the box ends before it begins");
  }
  return out;
}

/// A row that cannot be read spoils its picture, not the table.
Row row_or_reason(const CsvRow& row, const Columns& columns, std::size_t cells) {
  try {
    return read_row(row, columns, cells);
  } catch (const Error& error) {
    return {.line = row.line, .label = "", .box = {}, .mask = "", .broken = error.what()};
  }
}

Table read_table(const std::string& path) {
  const std::vector<CsvRow> rows = parse_csv(read_limited(path, kMostTable));
  if (rows.size() < 2) fail(ErrorCode::BadInput, "holds no rows below a header");
  const Columns columns(rows.front());
  Table table;
  std::unordered_map<std::string, std::size_t> place_of;
  for (auto row = rows.begin() + 1; row != rows.end(); ++row) {
    std::string file = columns.cell(*row, "file");
    // A row too short to name a picture stands for one of its own.
    if (file.empty()) file = concat("line ", row->line);
    const auto [found, added] = place_of.emplace(file, table.files.size());
    if (added) {
      table.files.push_back(file);
      table.rows.emplace_back();
    }
    table.rows[found->second].push_back(row_or_reason(*row, columns, rows.front().cells.size()));
  }
  return table;
}

std::vector<std::string> labels_for(const CsvDataOptions& o, const Table& table) {
  if (!o.labels.empty()) return read_labels(o.labels);
  std::set<std::string> names;
  for (const auto& rows : table.rows) {
    for (const Row& row : rows) {
      if (row.broken.empty()) names.insert(row.label);
    }
  }
  return {names.begin(), names.end()};
}

class CsvDataset final : public ListedDataset {
 public:
  CsvDataset(const CsvDataOptions& o, Spec spec, Table table)
      : ListedDataset(std::move(spec), labels_for(o, table)),
        path_(o.table),
        images_(o.images),
        table_(std::move(table)),
        label_names_(labels()) {
    if (images_.empty()) images_ = fs::path(o.table).parent_path().string();
    if (images_.empty()) images_ = ".";
  }

  std::int64_t size() const override { return std::ssize(table_.files); }
  std::string id(std::int64_t index) const override { return table_.files[checked(index)]; }

  DatasetItem read(std::int64_t index) const override {
    labels_of(index);
    const std::string path = path_inside(images_, id(index));
    Picture picture = read_picture(path);
    DatasetItem item = truth_of(index, {picture.height(), picture.width()}, nullptr);
    item.path = path;
    item.picture = std::move(picture);
    return item;
  }

  std::vector<int> labels_of(std::int64_t index) const override {
    std::vector<DatasetObject> objects;
    for (const Row& row : table_.rows[checked(index)]) objects.push_back({.label = label_of(row)});
    return present_labels(objects);
  }

  std::vector<DatasetProblem> check() const override {
    return check_each(*this, [&](std::int64_t index, std::vector<DatasetProblem>& problems) {
      labels_of(index);
      truth_of(index, picture_size(path_inside(images_, id(index))), &problems);
    });
  }

 private:
  std::string place_of(const Row& row) const {
    return concat("table \"", path_, "\", line ", row.line);
  }
  int label_of(const Row& row) const {
    if (!row.broken.empty()) fail(ErrorCode::BadInput, "table \"", path_, "\", ", row.broken);
    return in_context([&] { return place_of(row); }, [&] { return label_names_.at(row.label); });
  }

  DatasetItem truth_of(std::int64_t index, const PictureSize& size,
                       std::vector<DatasetProblem>* problems) const {
    DatasetItem item;
    item.id = id(index);
    for (const Row& row : table_.rows[checked(index)]) {
      DatasetObject object{.label = label_of(row)};
      bool outside = false;
      if (!row.box.empty()) {
        object.box = clipped_box(std::round(row.box[0]), std::round(row.box[1]),
                                 std::round(row.box[2]), std::round(row.box[3]), size, outside);
      }
      if (!row.mask.empty()) {
        const std::string path = path_inside(images_, row.mask);
        object.mask =
            in_context([&] { return place_of(row); },
                       [&] {
                         const Tensor mask = png_mask(read_limited(path, kMostPng), path);
                         expect_size("mask \"" + path + "\"", mask.size(0), mask.size(1), size);
                         return mask;
                       });
      }
      if (outside && problems) {
        problems->push_back({.id = item.id,
                             .what = place_of(row) + ": the box leaves the picture and is cut off",
                             .readable = true});
      }
      item.objects.push_back(std::move(object));
    }
    item.labels = present_labels(item.objects);
    return item;
  }

  std::string path_, images_;
  Table table_;
  LabelNames label_names_;
};

std::unique_ptr<Dataset> open(const CsvDataOptions& o, Spec spec) {
  if (o.table.empty()) fail(ErrorCode::InvalidArgument, "give the table: csv(pictures.csv)");
  Table table =
      in_context([&] { return "table \"" + o.table + "\""; }, [&] { return read_table(o.table); });
  return std::make_unique<CsvDataset>(o, std::move(spec), std::move(table));
}

}  // namespace

DatasetEntry dataset_csv() { return define_dataset<CsvDataOptions>(info(), fields, open, "table"); }

}  // namespace limn
