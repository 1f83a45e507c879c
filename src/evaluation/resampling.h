// What estimates and paired tests share: checked options, rows that count, drawings of pictures.
#pragma once
#include <vector>

#include "evaluation/summary.h"
#include "limn/statistics.h"

namespace limn {

/// Throws InvalidArgument.
void check_resampling(const Resampling& options);

/// The rows that count in the order of pictures and classes; without curves where the metric's
/// summary does not look at them.
std::vector<MetricRow> counted_rows(const Metric& metric, const std::vector<MetricRow>& rows);

/// The picture of each row, counted from 0; `rows` are those of counted_rows.
struct PictureNumbers {
  explicit PictureNumbers(const std::vector<MetricRow>& rows);
  std::vector<std::size_t> of_row;
  std::size_t count = 0;
};

/// All rows with their pictures' weights; places start at `first`.
RowChoice weighted(const PictureNumbers& pictures, const std::vector<std::uint32_t>& times,
                   std::size_t first = 0);

}  // namespace limn
