// How alike two maps are.
#pragma once
#include <cstdint>
#include <vector>

#include "limn/tensor.h"

namespace limn {

struct MapComparison {
  double cosine = 0;                ///< of all values as one vector, -1..1
  double rank_correlation = 0;      ///< Spearman's, ties share their mean rank, -1..1
  double largest_difference = 0;    ///< max |a - b|
  double relative_difference = 0;   ///< that over max(|a|, |b|)
  double ssim = 0;                  ///< structural similarity, mean over maps, 1 where equal
  std::vector<std::int64_t> place;  ///< index of the largest difference
};

/// Two tensors of the same shape, the last two axes being height and width. Throws BadInput,
/// Numerical.
MapComparison compare_maps(const Tensor& first, const Tensor& second);

/// How far what speaks for one class is what speaks for another: with each map's positive part
/// scaled to sum 1, the sum of the smaller over the sum of the larger values, 0..1 (0 where a map
/// has no positive part). Throws as compare_maps.
double positive_overlap(const Tensor& first, const Tensor& second);

namespace batched {

/// Each map of [N, h, w] with the one of the same row, on the device of `first`: tensors [N].
struct MapComparison {
  Tensor cosine, rank_correlation, largest_difference, relative_difference, ssim;  ///< float64
  Tensor place;  ///< int64: index of the largest difference in the flattened map
};
MapComparison compare_maps(const Tensor& first, const Tensor& second);

/// float64 [N].
Tensor positive_overlap(const Tensor& first, const Tensor& second);

}  // namespace batched

}  // namespace limn
