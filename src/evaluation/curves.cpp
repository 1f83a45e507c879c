// Mean curves of a run's metrics, such as the probabilities of deletion and insertion, with
// intervals from drawing pictures again at each step.
#include <ATen/ATen.h>

#include <algorithm>

#include "evaluation/table_builder.h"
#include "limn/error.h"
#include "limn/render.h"

namespace limn {
namespace {

constexpr std::size_t kMostLines = 5;
/// A band's edges are read off a picture: more drawings would not be seen.
constexpr std::int64_t kMostSamples = 1000;

/// One curve of a measurement at `points` even steps.
std::vector<double> at_points(const std::vector<double>& curve, std::size_t points) {
  if (curve.size() == points) return curve;
  std::vector<double> out;
  for (std::size_t i = 0; i < points; ++i) {
    const double place = points == 1
                             ? 0
                             : static_cast<double>(i) * static_cast<double>(curve.size() - 1) /
                                   static_cast<double>(points - 1);
    const auto below = std::min(static_cast<std::size_t>(place), curve.size() - 1);
    const std::size_t above = std::min(below + 1, curve.size() - 1);
    out.push_back(curve[below] +
                  (place - static_cast<double>(below)) * (curve[above] - curve[below]));
  }
  return out;
}

/// Curves of one method, summed for each picture.
class Pool {
 public:
  void add(const std::string& picture, const std::vector<double>& curve) {
    curves_.emplace_back(picture, curve);
    points_ = std::max(points_, curve.size());
  }
  std::size_t points() const { return points_; }

  /// Mean and band at `points` steps.
  PlotLine line(const std::string& name, std::size_t points, const Resampling& how) const {
    std::map<std::string, std::size_t> numbers;
    for (const auto& [picture, curve] : curves_) numbers.emplace(picture, 0);
    std::size_t count = 0;
    for (auto& [picture, number] : numbers) number = count++;
    const auto pictures = static_cast<std::int64_t>(count);
    const auto steps = static_cast<std::int64_t>(points);
    Tensor sums = at::zeros({pictures, steps}, at::kDouble),
           cases = at::zeros({pictures, 1}, at::kDouble);
    auto* sum = sums.data_ptr<double>();
    auto* number_of = cases.data_ptr<double>();
    for (const auto& [picture, curve] : curves_) {
      const std::size_t row = numbers.at(picture);
      const std::vector<double> even = at_points(curve, points);
      for (std::size_t i = 0; i < points; ++i) sum[row * points + i] += even[i];
      ++number_of[row];
    }
    PlotLine line{.name = name, .x = {}, .y = {}};
    const Tensor mean = (sums.sum(0) / cases.sum()).contiguous();
    for (std::size_t i = 0; i < points; ++i) {
      line.x.push_back(points == 1 ? 0 : static_cast<double>(i) / static_cast<double>(points - 1));
      line.y.push_back(mean.data_ptr<double>()[i]);
    }
    if (count >= 2) add_band(line, sums, cases, how);
    return line;
  }

 private:
  static void add_band(PlotLine& line, const Tensor& sums, const Tensor& cases,
                       const Resampling& how) {
    const std::int64_t pictures = sums.size(0), samples = std::min(how.samples, kMostSamples);
    Tensor times = at::empty({samples, pictures}, at::kDouble);
    auto* out = times.data_ptr<double>();
    for (std::int64_t sample = 0; sample < samples; ++sample) {
      const auto drawn = draw_pictures(static_cast<std::size_t>(pictures), how.seed,
                                       static_cast<std::uint64_t>(sample));
      out = std::copy(drawn.begin(), drawn.end(), out);
    }
    const Tensor means = (times.matmul(sums) / times.matmul(cases)).t().contiguous();
    const auto* mean = means.data_ptr<double>();
    for (std::int64_t step = 0; step < sums.size(1); ++step) {
      const auto* first = mean + step * samples;
      const Interval band = percentile_interval({first, first + samples}, how.level);
      line.low.push_back(band.low);
      line.high.push_back(band.high);
    }
  }

  std::vector<std::pair<std::string, std::vector<double>>> curves_;
  std::size_t points_ = 0;
};

/// By metric and name of the curve, then by method.
using Pools = std::map<std::pair<std::string, std::string>, std::map<std::string, Pool>>;

Pools pools_of(const std::vector<ResultLine>& lines, const Table& table) {
  Pools pools;
  for (const auto& line : lines) {
    if (line.model != table.model || line.data != table.data || line.protocol != table.protocol) {
      continue;
    }
    for (const auto& [name, curve] : line.measurement.curves) {
      if (!curve.empty()) pools[{line.metric, name}][line.method].add(line.image, curve);
    }
  }
  return pools;
}

std::string x_label(const std::string& metric) {
  const std::string name = Spec::parse(metric).name;
  if (name == "deletion") return "share of pixels deleted";
  if (name == "insertion") return "share of pixels inserted";
  return "from the first step (0) to the last (1)";
}

void add_figures(const Table& table, const TableMetric& metric, const std::string& curve,
                 const std::map<std::string, Pool>& pools, const Resampling& how,
                 std::vector<CurveFigure>& figures) {
  std::size_t points = 0;
  for (const auto& [method, pool] : pools) points = std::max(points, pool.points());
  std::vector<PlotLine> lines, references;
  for (const auto& row : table.rows) {
    const auto found = pools.find(row.method.spec);
    if (found == pools.end()) continue;
    PlotLine line = found->second.line(row.method.name, points, how);
    line.reference = row.method.control;
    (row.method.control ? references : lines).push_back(std::move(line));
  }
  // `random` alone: a curve of `center` would crowd every picture.
  if (references.size() > 1) {
    const auto random = std::find_if(references.begin(), references.end(),
                                     [](const PlotLine& line) { return line.name == "random"; });
    if (random != references.end()) references = {*random};
  }
  const std::size_t parts = std::max<std::size_t>(1, (lines.size() + kMostLines - 1) / kMostLines);
  for (std::size_t part = 0; part < parts; ++part) {
    std::vector<PlotLine> shown = references;
    const std::size_t end = std::min(lines.size(), (part + 1) * kMostLines);
    for (std::size_t i = part * kMostLines; i < end; ++i) shown.push_back(lines[i]);
    CurveFigure figure;
    figure.title = concat(metric.name, ": ", table.model, " on ", table.data,
                          table.protocol.empty() ? "" : ", " + table.protocol,
                          parts > 1 ? concat(" (", part + 1, " of ", parts, ")") : "");
    figure.words =
        concat("Mean ", curve, " over ", cases_words(table), "; bands: ", 100 * how.level,
               " % of drawings of pictures, step by step.");
    figure.pixels = line_plot(shown, {.title = metric.name + ", " + curve,
                                      .x_label = x_label(metric.spec),
                                      .y_label = curve,
                                      .width = 880,
                                      .height = 460});
    figures.push_back(std::move(figure));
  }
}

}  // namespace

std::vector<CurveFigure> curve_figures(const std::vector<ResultLine>& lines,
                                       const BenchReport& report) {
  std::vector<CurveFigure> figures;
  for (const auto& table : report.tables) {
    if (table.cases != TableCases::All) continue;
    const Pools pools = pools_of(lines, table);
    for (const auto& metric : report.metrics) {
      for (const auto& [key, of_methods] : pools) {
        if (key.first != metric.spec) continue;
        add_figures(table, metric, key.second, of_methods, report.resampling, figures);
      }
    }
  }
  return figures;
}

}  // namespace limn
