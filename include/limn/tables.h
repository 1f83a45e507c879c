// Tables of a benchmark run: methods down, numbers of metrics across, with intervals and paired
// tests, for people who must decide whether to believe them.
#pragma once
#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "limn/metric.h"
#include "limn/results.h"
#include "limn/statistics.h"

namespace limn {

/// A number that somebody else published. Names of methods and metrics are specs that say no more
/// than the publication does: `rsp(contrastive=true)` fits any RSP with that option.
struct PublishedFigure {
  std::string source;  ///< authors, title, year
  std::string model, data;
  std::string cases;  ///< `L`, `P`, or empty where both would do
  std::string metric, column;
  std::string method;
  double value = 0;  ///< in the metric's own unit
};
/// All that limn knows of, as listed in src/evaluation/published.inc.
const std::vector<PublishedFigure>& published_figures();

/// Which cases (picture and class) a table counts.
enum class TableCases {
  All,        ///< all that were measured
  Predicted,  ///< protocol P: those that the model predicts
};

/// A method as tables name it.
struct TableMethod {
  std::string spec;      ///< canonical, every option
  std::string name;      ///< as short as it can be and still mean one method of the report
  bool control = false;  ///< `random`, `center`: what a method must beat
};

/// A metric as tables name it.
struct TableMetric {
  std::string spec, name;  ///< as those of methods; the name is the metric's title
  MetricInfo info;
};

struct TableColumn {
  std::string metric;  ///< canonical spec
  std::string title;   ///< TableMetric::name
  MetricColumn what;
  bool main = false;  ///< the metric's first column with a direction: rows are ordered by these
};

struct TableCell {
  Estimate estimate;
  std::string reason;  ///< why there is no value; empty where there is one
  std::int64_t cases = 0, pictures = 0, skipped = 0;
  bool best = false;
  /// Against the best of the column, after Holm's correction over the column; NaN for the best.
  double p_best = std::numeric_limits<double>::quiet_NaN();
  bool like_best = false;              ///< p_best is .05 or more
  std::vector<std::string> not_above;  ///< controls that it does not beat (main columns)
  std::vector<std::pair<double, std::size_t>> theirs;  ///< value, index in BenchReport::sources
};

struct TableRow {
  TableMethod method;
  std::vector<TableCell> cells;  ///< one for each column
};

/// One model on one data set under one protocol. Rows go from the best mean rank to the worst,
/// controls stand last.
struct Table {
  std::string model, data, protocol;
  TableCases cases = TableCases::All;
  std::string rule;  ///< which classes were measured: `L`, `P`, `top1`; empty where not known
  std::int64_t pictures = 0, measured = 0;  ///< `measured`: cases
  std::vector<TableColumn> columns;
  std::vector<TableRow> rows;
  std::vector<std::string> skipped;   ///< how many cases of what and why, in words
  std::vector<std::string> warnings;  ///< what a reader must know before believing it
};

/// Mean curves of a metric, up to five methods and `random` in one picture.
struct CurveFigure {
  std::string title;  ///< `Deletion, shapes_resnet on shapes`
  std::string words;  ///< what is drawn
  Tensor pixels;      ///< uint8 [h, w, 3]
};

/// One picture of a run's folder with the maps that were kept of it.
struct RunExample {
  struct Map {
    std::string method;  ///< canonical spec
    std::string bytes;   ///< of a PNG
  };
  std::string caption;
  std::string picture;  ///< bytes of a PNG
  std::vector<Map> maps;
};

/// What a run's folder says about the run beside its lines.
struct RunFacts {
  bool known = false;  ///< there is a run.json
  bool finished = true;
  std::string title;
  std::vector<std::pair<std::string, std::string>> about;            ///< name, words
  std::map<std::string, std::string> models, data;                   ///< identity in words, by name
  std::map<std::string, std::string> protocols;                      ///< hash, by name
  std::map<std::pair<std::string, std::string>, std::string> rules;  ///< by protocol and metric
  std::vector<std::string> problems;
  std::vector<std::string> warnings;  ///< of the run itself, in words
  std::vector<RunExample> examples;
};
/// Reads run.json and the examples that it names; pictures that are missing are left out. Throws
/// BadInput where run.json is damaged.
RunFacts read_run_facts(const std::string& folder);

struct ReportOptions {
  Resampling resampling = {};
  bool published = false;
};

struct BenchReport {
  RunFacts run;
  Resampling resampling;
  std::size_t lines = 0;
  std::vector<TableMethod> methods;
  std::vector<TableMetric> metrics;
  std::vector<Table> tables;
  std::vector<CurveFigure> curves;
  std::vector<std::string> sources;             ///< of published figures that stand in a table
  std::vector<PublishedFigure> published_else;  ///< those of metrics in use that fit no cell
};

/// Throws BadInput where the lines contradict each other or hold neither values nor a reason, and
/// NotFound for metrics that limn does not know.
BenchReport make_report(const std::vector<ResultLine>& lines, RunFacts run = {},
                        const ReportOptions& options = {});

std::string report_markdown(const BenchReport& report);
/// One line for each number, ours and theirs.
std::string report_csv(const BenchReport& report);
/// One page that is complete in itself.
std::string report_html(const BenchReport& report);

/// One method in two runs, on the cases that count in both.
struct RunDifference {
  std::string model, data, method, metric;
  MetricColumn column;
  double first = 0, second = 0;  ///< NaN where no case counts in both
  Difference difference;         ///< second minus first; p as tested
  double p_adjusted = 0;         ///< after Holm's correction over the comparison
  std::int64_t cases = 0, pictures = 0;
};
/// Lines of a model, data set, method and metric that one run has alone.
struct RunRemainder {
  std::string model, data, method, metric;
  std::int64_t lines = 0;
};
struct RunComparison {
  std::int64_t shared = 0, equal = 0;  ///< lines in both, and those of them with the same numbers
  std::vector<RunDifference> differences;  ///< by model, data, metric, column, method
  std::vector<RunRemainder> only_first, only_second;
  /// Shared lines that do not mean the same: another class of the model, another protocol.
  std::vector<std::string> warnings;
};
/// Joins lines by ResultLine::key. Throws as make_report.
RunComparison compare_runs(const std::vector<ResultLine>& first,
                           const std::vector<ResultLine>& second,
                           const Resampling& resampling = {});

/// What run.json of two folders says differently, in words: data, models, seed, precision, device,
/// version of limn. A number that differs between the runs may come from any of it. Throws BadInput
/// where a run.json is damaged.
std::vector<std::string> run_differences(const std::string& first, const std::string& second);

/// `smoothgrad(grad-cam)` for each spec: its name and the method within it, and of specs that would
/// then be equal the options in which they differ.
std::vector<std::string> short_names(const std::vector<std::string>& specs);

/// `0.812`: as tables print a number of this column.
std::string column_number(double value, const MetricColumn& column);

}  // namespace limn
