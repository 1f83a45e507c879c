// Spectral analysis of many maps of one class: do they fall into groups, and so does the model use
// several strategies? Source: Lapuschkin et al., "Unmasking Clever Hans predictors and assessing
// what machines really learn", 2019 (SpRAy).
#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "limn/tensor.h"

namespace limn {

struct SprayOptions {
  /// Maps are brought to side x side cells, by averages where they are larger; 0: left as they are.
  std::int64_t side = 20;
  /// What is compared: `absspectral` = |map| / sum |map|; `spectral` = map / sum of the map, which
  /// needs maps whose signs do not cancel.
  std::string preprocessing = "absspectral";
  std::int64_t neighbors = 10;      ///< of each map in the graph; at least 1
  std::int64_t clusters = 0;        ///< 0: as many as the eigengap says
  std::int64_t most_clusters = 10;  ///< the eigengap is looked for up to here, at least 2
  std::uint64_t seed = 0;           ///< of the k-means starts
};

/// Maps [n, h, w], or relevance [n, C, h, w] whose channels are summed, as rows [n, side * side] in
/// float64 on the CPU. Throws BadInput for other shapes and for a constant map or one whose signs
/// cancel (named by its number, from 0), Numerical for NaN, InvalidArgument.
Tensor spray_features(const Tensor& maps, const SprayOptions& options = {});

/// Euclidean distances of rows [n, d]: [n, n].
Tensor pairwise_distances(const Tensor& rows);
/// (A + A^T) / 2 with A[i, j] = 1 where j is one of the nearest neighbors of i (never i itself; of
/// equally near ones the first). Throws InvalidArgument where neighbors is not in 1 .. n - 1.
Tensor neighbor_affinity(const Tensor& distances, std::int64_t neighbors);
/// exp(-d^2 / (2 sigma^2)).
Tensor gaussian_affinity(const Tensor& distances, double sigma);
/// D^-1/2 A D^-1/2 with D the row sums: 1 minus the normalized Laplacian.
Tensor normalized_affinity(const Tensor& affinity);

struct Spectrum {
  Tensor values;   ///< [k]: the smallest eigenvalues 1 - lambda of the Laplacian, rising, in 0..2
  Tensor vectors;  ///< [n, k]: orthonormal columns; the first entry above 1e-6 is positive
};
/// Of a normalized affinity [n, n], by a dense solver.
Spectrum laplacian_spectrum(const Tensor& normalized, std::int64_t count);

struct Eigengap {
  std::int64_t clusters = 1;  ///< eigenvalues below the gap
  double size = 0;            ///< how far the next one lies above them
};
/// The largest step between neighbors of the rising values, behind the `most`-th at the latest; of
/// equal ones the first.
Eigengap find_eigengap(const Tensor& values, std::int64_t most);
/// How much less groups of maps have to do with each other than each of them is held together: the
/// largest share (next - value) / next of a step behind the second eigenvalue at the earliest and
/// the `most`-th at the latest, 0..1. Groups without any link between them give 1; maps that change
/// smoothly from one to the next, as those of an object at any place, stay around 0.4. A single
/// group gives little, too: its step stands behind the first eigenvalue.
double separation(const Tensor& values, std::int64_t most);

/// The cluster of each row [n, d], 0 .. clusters - 1, larger clusters first: the best of ten runs
/// of Lloyd's algorithm from k-means++ starts (Arthur, Vassilvitskii, 2007). Throws
/// InvalidArgument.
std::vector<std::int64_t> k_means(const Tensor& rows, std::int64_t clusters, std::uint64_t seed);

/// A layout [n, 2] of t-SNE (van der Maaten, Hinton, 2008), exact, from distances [n, n]; memory
/// and time grow with n^2. `perplexity` is brought down to (n - 1) / 3 where there are few. Throws
/// InvalidArgument under three rows and over kMostTsne.
Tensor tsne(const Tensor& distances, std::uint64_t seed, double perplexity = 30);
constexpr std::int64_t kMostTsne = 2000;

/// One group of maps.
struct SprayCluster {
  std::vector<std::int64_t> members;  ///< numbers of the maps, those nearest to the mean first
  Tensor mean;                        ///< [d]: the mean row
};

struct SprayAnalysis {
  Spectrum spectrum;  ///< most_clusters + 1 eigenvalues, or n
  Eigengap gap;
  std::vector<SprayCluster> clusters;  ///< the largest first
  std::vector<std::int64_t> cluster;   ///< of each map
  /// [n, 2]: the rows of as many eigenvectors as there are clusters, three at least, scaled to
  /// length 1 and brought to their two principal axes. Single eigenvectors of an eigenvalue that
  /// occurs several times, as 0 does where clusters hang together by nothing, are arbitrary.
  Tensor layout;
  /// `separation` of the eigenvalues: how likely the class hides several strategies, 0..1.
  double score = 0;
};
/// Rows as spray_features makes them. Clusters are found by k-means on the rows of the first
/// eigenvectors, scaled to length 1 (Ng, Jordan, Weiss, 2001). Throws BadInput where there are
/// fewer than neighbors + 2 maps, InvalidArgument.
SprayAnalysis analyze_maps(const Tensor& rows, const SprayOptions& options = {});

/// `several strategies` from kSprayFlagged on, else `one strategy`. The bound lies between what the
/// demo models show with 10 neighbors: at most 0.64 where they look at the object, at least 0.86
/// where one cheats (docs/metrics/spray.md).
std::string_view spray_verdict(double score);
constexpr double kSprayFlagged = 0.75;

}  // namespace limn
