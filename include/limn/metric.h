// Metrics: how good one map is, and how good a method is over many maps; one interface, named by
// spec strings, listed in one place.
#pragma once
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "limn/dataset.h"
#include "limn/heatmap.h"
#include "limn/method.h"
#include "limn/model.h"
#include "limn/options.h"
#include "limn/spec.h"
#include "limn/tensor.h"

namespace limn {

/// Which way a number gets better.
enum class Better { Higher, Lower, Neither };

/// One number of a metric's summary: a column of a table.
struct MetricColumn {
  std::string name;  ///< `accuracy`; unique within the metric
  Better better = Better::Higher;
  double low = 0, high = 1;  ///< the range it can take
  std::string help;          ///< one sentence
};

/// What a metric is; lists, tables and docs follow from it.
struct MetricInfo {
  std::string name;     ///< `pointing-game`
  std::string title;    ///< `Pointing game`
  std::string summary;  ///< one sentence
  std::string formula;  ///< plain text
  std::string paper;    ///< authors, title, year
  std::vector<std::string> aliases = {};
  std::vector<MetricColumn> columns;  ///< the first is the main one
  bool needs_mask = false;            ///< needs boxes or pixels of the class
  bool needs_model = false;           ///< runs the model
  bool needs_method = false;          ///< explains again
};

/// One map to judge, of one class of one picture. References live as long as the call.
struct MetricCase {
  const Model& model;
  const Tensor& x;                 ///< [1, C, H, W]: the model's input, preprocessed
  std::int64_t target = 0;         ///< the model's class
  const Explanation& explanation;  ///< of sample 0
  const Tensor& map;       ///< float32 [H, W]: its map, resized to the input, where it was made
  const Tensor& original;  ///< float32 [h, w]: the same in the picture's geometry
  const Tensor& picture;   ///< uint8 [h, w, 3]
  const Truth* truth = nullptr;    ///< in the picture's geometry; null where nothing is known
  const Method* method = nullptr;  ///< what made the map, for metrics that explain again
  const ExplainOptions& options;
};

/// What one case gives: numbers from which summaries are made, such as `hit`, or counts.
struct Measurement {
  std::map<std::string, double> values = {};  ///< finite
  std::map<std::string, std::vector<double>> curves = {};
  std::string skipped = {};  ///< why the case does not count; `values` is then empty
};

/// A measurement with what it belongs to, as read back from a run.
struct MetricRow {
  std::string image;
  int label = 0;  ///< of the data set; metrics that average per class group by it
  Measurement measurement;
};

/// Stateless after construction; randomness only from ExplainOptions::seed.
class Metric {
 public:
  virtual ~Metric() = default;
  virtual const MetricInfo& info() const = 0;
  /// The canonical spec: name and every option.
  virtual Spec spec() const = 0;
  /// One case. Defined for constant maps and empty masks, too: never a silent hit. Throws Error.
  virtual Measurement measure(const MetricCase& one) const = 0;
  /// True where `measure_all` judges maps of one size as one batch, on the maps' device.
  virtual bool is_batched() const { return false; }
  /// Each case as `measure`, in order; all maps are on one device. Throws Error where one fails.
  virtual std::vector<Measurement> measure_all(const std::vector<MetricCase>& cases) const {
    std::vector<Measurement> out;
    for (const auto& one : cases) out.push_back(measure(one));
    return out;
  }
  /// One number for each column, NaN where no row counts.
  virtual std::vector<double> summarize(const std::vector<MetricRow>& rows) const = 0;
};

/// One entry of the list.
struct MetricEntry {
  MetricInfo info;
  std::function<std::vector<FieldInfo>()> options;
  std::function<std::unique_ptr<Metric>(const Spec&)> make;
};

/// All metrics in list order.
const std::vector<MetricEntry>& metrics();
/// By name or alias; throws NotFound with the nearest names.
const MetricEntry& find_metric(std::string_view name);
/// Makes a metric from a spec string; throws NotFound, InvalidArgument.
std::unique_ptr<Metric> make_metric(std::string_view spec);

}  // namespace limn
