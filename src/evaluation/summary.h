// Metric::summarize of many choices of the same rows, without copying the rows where that can be
// avoided. A column may be
//   a mean          of what each row gives alone, over all rows or over the means of classes;
//   of joined rows  what summarize makes of one row (in all, or of each class) that holds the sums
//                   or the means of the values, as an IoU over a data set;
//   of all rows     anything else: chosen rows are copied.
// Which one it is is found by trial: it must give what summarize gives for all rows and for eight
// random choices.
#pragma once
#include <string>
#include <vector>

#include "limn/metric.h"

namespace limn {

/// Row `place[k]` is taken `weight[k]` times.
struct RowChoice {
  std::vector<std::size_t> place;
  std::vector<std::uint32_t> weight;
};

class Summary {
 public:
  enum class Kind { Mean, Joined, Rows };
  /// `rows` of one method, or of several one after the other.
  Summary(const Metric& metric, std::vector<MetricRow> rows);

  /// As `summarize` of the chosen rows.
  std::vector<double> columns(const RowChoice& choice) const;
  Kind kind(std::size_t column) const { return forms_[column].kind; }
  /// Of a Mean: what each row gives alone, NaN where it does not count; and whether classes have
  /// means of their own.
  const std::vector<double>& scores(std::size_t column) const { return forms_[column].scores; }
  bool per_class(std::size_t column) const { return forms_[column].per_class; }
  /// The class of a row, counted from 0.
  std::size_t group(std::size_t place) const { return group_[place]; }
  std::size_t groups() const { return labels_.size(); }

 private:
  struct Form {
    Kind kind = Kind::Rows;
    bool per_class = false;
    bool sums = false;  ///< of joined rows; else means
    std::vector<double> scores = {};
  };
  struct Trial {
    RowChoice choice;
    std::vector<double> expected;
  };

  std::vector<Trial> make_trials() const;
  Form find_form(std::size_t column, const std::vector<Trial>& trials,
                 const std::vector<std::vector<double>>& single) const;
  std::vector<double> of_rows(const RowChoice& choice) const;
  std::vector<double> of_joined(const RowChoice& choice, bool per_class, bool sums) const;
  double of_mean(const RowChoice& choice, const Form& form) const;

  const Metric& metric_;
  std::vector<MetricRow> rows_;
  std::vector<std::size_t> group_;  ///< of each row
  std::vector<int> labels_;         ///< of each group
  std::vector<std::string> names_;  ///< of values
  std::vector<double> values_;      ///< [rows, names]; NaN where a row lacks one
  std::vector<Form> forms_;         ///< of each column
};

}  // namespace limn
