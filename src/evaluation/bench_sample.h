// A picture of a run with its classes, and the maps of them.
#pragma once
#include <cstdint>
#include <vector>

#include "evaluation/cases.h"
#include "evaluation/picture_log.h"
#include "limn/image.h"
#include "limn/metric.h"

namespace limn {

/// A picture ready to explain.
struct BenchSample {
  DatasetItem item;
  PreparedInput prepared;
  std::vector<BenchCase> cases;
  std::vector<Truth> truths;  ///< per case
  PictureLine line;
  std::size_t place = 0;     ///< of its data set in the plan
  bool is_finished = false;  ///< by an earlier run; here for the others of its group

  std::vector<std::int64_t> targets() const;
  bool shares_passes_with(const BenchSample& other) const;
};

/// The map of one class of one sample. The sample must outlive it.
class BenchMap {
 public:
  /// `place` is that of the class among the sample's; `map` and `original` as in MetricCase.
  /// `options` are those to explain it again with.
  BenchMap(const BenchSample& sample, std::size_t place, Explanation explanation, Tensor map,
           Tensor original, ExplainOptions options);

  const BenchSample& sample() const { return *sample_; }
  const BenchCase& given() const { return sample_->cases[place_]; }
  bool is_signed() const { return explanation_.is_signed; }
  /// In the picture's geometry.
  const Tensor& original() const { return original_; }
  /// References this map, and what is given.
  MetricCase metric_case(const Model& model, const Method& method) const;

 private:
  const BenchSample* sample_;
  std::size_t place_;
  Explanation explanation_;
  Tensor map_, original_;
  ExplainOptions options_;
};

/// Adds the maps of all classes of a sample; `all` explains with `options`, for each class, `count`
/// samples, of which this is number `row`.
void add_maps(const BenchSample& sample, const Model& model, const std::vector<Explanation>& all,
              const ExplainOptions& options, std::int64_t row, std::int64_t count,
              std::vector<BenchMap>& maps);

}  // namespace limn
