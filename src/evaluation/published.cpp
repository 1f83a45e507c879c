// What others published, and where it may stand beside what was measured here.
#include <algorithm>
#include <cctype>
#include <set>

#include "evaluation/table_builder.h"

namespace limn {
namespace {

constexpr const char* kTorchRay =
    "Fong, Patrick, Vedaldi: TorchRay, its benchmark of the pointing game, 2019";
constexpr const char* kRsp =
    "Nam, Choi, Lee: Relative Sectional Propagation, 2021, as shown in an overview talk of these "
    "methods";
constexpr const char* kUcag =
    "Hong, Nam, Choi, Lee: UCAG, 2023, as shown in an overview talk of these methods";
constexpr const char* kInsertion =
    "Nam, Choi, Lee: region insertion, as shown in an overview talk of these methods";

/// Letters and digits in lower case: `VOC2007-test` is `voc2007test`.
std::string plain(const std::string& name) {
  std::string out;
  for (const char c : name) {
    const auto letter = static_cast<unsigned char>(c);
    if (std::isalnum(letter)) out += static_cast<char>(std::tolower(letter));
  }
  return out;
}

/// Names of one thing; the first is the one in use here.
const std::vector<std::vector<std::string>> kData = {
    {"voc07", "voc2007", "voc07test", "voc2007test", "pascalvoc07", "pascalvoc2007"},
    {"coco14", "coco2014", "coco14val", "coco2014val", "coco14minival"},
    {"imagenet", "imagenetval", "ilsvrc2012", "ilsvrc2012val", "imagenet2012"},
    {"imagenetsegmentation", "gtsegs", "gtsegsijcv", "imagenetseg"}};

/// All names of the data set that one of them means.
std::vector<std::string> names_of(const std::string& data) {
  for (const auto& names : kData) {
    if (std::find(names.begin(), names.end(), data) != names.end()) return names;
  }
  return {data};
}

bool data_fits(const std::string& ours, const std::string& theirs) {
  const std::string own = plain(ours), wanted = plain(theirs);
  const auto names = names_of(wanted);
  return !wanted.empty() && std::find(names.begin(), names.end(), own) != names.end();
}

/// Equal, or `vgg` for one of the family (`vgg16`) where theirs names no member. The data set that
/// the model was trained on may stand behind its name (`vgg16-voc07`).
bool model_fits(const std::string& ours, const std::string& theirs, const std::string& data) {
  std::string own = plain(ours);
  const std::string wanted = plain(theirs);
  if (wanted.empty()) return false;
  for (const auto& name : names_of(plain(data))) {
    if (!own.ends_with(name)) continue;
    own.resize(own.size() - name.size());
    break;
  }
  if (own == wanted) return true;
  const auto is_digit = [](char c) { return c >= '0' && c <= '9'; };
  return std::none_of(wanted.begin(), wanted.end(), is_digit) && own.starts_with(wanted) &&
         std::all_of(own.begin() + static_cast<std::ptrdiff_t>(wanted.size()), own.end(), is_digit);
}

/// Every option that `pattern` names has its value in `spec`.
bool spec_fits(const Spec& spec, const Spec& pattern) {
  if (spec.name != pattern.name) return false;
  return std::all_of(
      pattern.arguments.begin(), pattern.arguments.end(), [&](const Spec::Argument& wanted) {
        return std::any_of(
            spec.arguments.begin(), spec.arguments.end(), [&](const Spec::Argument& own) {
              return own.key == wanted.key && spec_fits(own.value.front(), wanted.value.front());
            });
      });
}

bool cases_fit(const Table& table, const std::string& theirs) {
  if (theirs.empty()) return true;
  const std::string own = cases_name(table);
  return own == theirs || (own == "all" && theirs == "L");
}

}  // namespace

const std::vector<PublishedFigure>& published_figures() {
  static const std::vector<PublishedFigure> all = {
#define LIMN_PUBLISHED(source, model, data, cases, metric, column, method, value) \
  {source, model, data, cases, metric, column, method, value},
#include "evaluation/published.inc"
#undef LIMN_PUBLISHED
  };
  return all;
}

void add_published(BenchReport& report, const std::vector<PublishedFigure>& figures) {
  std::set<std::string> in_use;
  for (const auto& metric : report.metrics) in_use.insert(metric.info.name);
  for (const auto& figure : figures) {
    const Spec metric = Spec::parse(figure.metric), method = Spec::parse(figure.method);
    if (!in_use.contains(metric.name)) continue;
    bool placed = false;
    for (auto& table : report.tables) {
      if (!model_fits(table.model, figure.model, figure.data) ||
          !data_fits(table.data, figure.data) || !cases_fit(table, figure.cases)) {
        continue;
      }
      for (auto& row : table.rows) {
        if (!spec_fits(Spec::parse(row.method.spec), method)) continue;
        for (std::size_t column = 0; column < table.columns.size(); ++column) {
          const TableColumn& own = table.columns[column];
          if (own.what.name != figure.column || !spec_fits(Spec::parse(own.metric), metric)) {
            continue;
          }
          auto source = std::find(report.sources.begin(), report.sources.end(), figure.source);
          if (source == report.sources.end()) {
            source = report.sources.insert(source, figure.source);
          }
          row.cells[column].theirs.emplace_back(
              figure.value, static_cast<std::size_t>(source - report.sources.begin()));
          placed = true;
        }
      }
    }
    if (!placed) report.published_else.push_back(figure);
  }
}

}  // namespace limn
