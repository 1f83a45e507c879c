// A suite with everything opened that it names, checked before work starts.
#pragma once
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "evaluation/unknown_classes.h"
#include "limn/dataset.h"
#include "limn/method.h"
#include "limn/metric.h"
#include "limn/model.h"
#include "limn/runner.h"
#include "limn/suite.h"

namespace limn {

struct BenchCase;

struct PlannedModel {
  SuiteModel suite;
  std::string sha256;
  Model model;
  ScoreKind score = ScoreKind::Logit;
  std::vector<std::vector<int>> label_of = {};  ///< per data set: link_classes
};
struct PlannedData {
  SuiteData suite;
  std::unique_ptr<Dataset> data;
  std::string classes_sha256;            ///< of the class map; empty where there is none
  std::int64_t pictures = 0;             ///< with the limit
  std::vector<DatasetProblem> problems;  ///< of these pictures, by the data set's own check
};
struct PlannedMethod {
  std::string asked, spec;  ///< as written, canonical
  std::unique_ptr<Method> method;
};
struct PlannedMetric {
  SuiteMetric suite;
  std::unique_ptr<Metric> metric;
  std::vector<bool> runs_on;  ///< per data set
  /// Whether it is measured on this class of this picture of this data set.
  bool wants(std::size_t data, std::int64_t index, const BenchCase& one) const;
};

struct Plan {
  Suite suite;
  BenchOptions options;
  std::vector<PlannedModel> models;
  std::vector<PlannedData> data;
  std::vector<PlannedMethod> methods;
  std::vector<PlannedMetric> metrics;
  std::vector<UnknownClasses> unknown_classes;
  std::vector<std::string> warnings;  ///< what a reader of the results must know, in words

  bool runs(std::size_t model, std::size_t data) const;
};

/// Throws Error for everything that can be known: missing files, models that cannot be run, classes
/// that match nothing, pictures that are missing (unless `skip_bad`), protocols for another size.
Plan make_plan(const Suite& suite, const BenchOptions& options);

/// Throws InvalidArgument where a frozen protocol is not defined for inputs of this size.
void check_protocol_side(const SuiteMetric& metric, const std::string& model, std::int64_t height,
                         std::int64_t width);

}  // namespace limn
