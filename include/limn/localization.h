// Where a map's evidence lies, against boxes or masks: pointing games, overlaps by sign, the ratio
// outside to inside, and segmentation. Maps are [h, w] of any real type; masks are bool or uint8 of
// the same size. All functions throw BadInput where sizes differ or something is empty of pixels,
// and Numerical where a map holds NaN or infinity.
//
// Each function has a form for many maps in the namespace `batched`: maps [N, h, w] on any device,
// masks [N, h, w], or one [h, w] for all of them; the results are tensors [N] on the maps' device,
// each as the function for one map gives it, up to rounding.
#pragma once
#include <cstdint>
#include <optional>
#include <string>

#include "limn/tensor.h"

namespace limn {

/// A place in a picture: x counts columns, y rows; pixel centers are whole numbers from 0.
struct MapPoint {
  double x = 0, y = 0;
};

/// The place of the largest value, of equal ones the first in row-major order.
MapPoint largest_point(const Tensor& map);

/// True where a pixel of `mask` is nearer to `point` than `tolerance` pixels, strictly:
/// (x - u)^2 + (y - v)^2 < tolerance^2; a pixel exactly `tolerance` away is a miss. Tolerance 0
/// asks for the pixel itself. False for an empty mask. The default is the benchmarks'. Source:
/// facebookresearch/TorchRay@6a198ee, torchray/benchmark/pointing_game.py.
bool point_hits(const Tensor& mask, const MapPoint& point, double tolerance = 15);

/// The pointing game of one map: `point_hits` at its `largest_point`. False for a constant map,
/// which points nowhere.
bool map_hits(const Tensor& map, const Tensor& mask, double tolerance = 15);

/// Which values of a map carry energy.
enum class MapPart {
  Positive,  ///< those above zero
  Signed     ///< all, as KU-HJH/UCAG@4d12475 sums them: the share can leave 0..1
};

/// The share of a map's energy that lies inside the mask, sum(S * mask) / sum(S); 0 where the map's
/// energy is 0.
double energy_inside(const Tensor& map, const Tensor& mask, MapPart part = MapPart::Positive);

/// How far the map's positive part covers the mask and its negative part the rest.
struct SignedOverlap {
  /// |P and G| / |P or G| of the positive values P and the mask G; nothing where both are empty.
  std::optional<double> positive;
  /// The same of the negative values and all pixels outside the mask.
  std::optional<double> negative;
};
/// Pixels of `ignored` (undefined: none) count nowhere.
SignedOverlap signed_overlap(const Tensor& map, const Tensor& mask, const Tensor& ignored = {});

/// Mean positive relevance of the pixels outside and inside a mask.
struct OutsideInside {
  double outside = 0, inside = 0;
  /// outside / (outside + inside), 0..1; 0.5 for a constant map, one without positive relevance
  /// included, since it tells outside and inside no better.
  double share() const;
};
/// Throws BadInput where the mask holds none or all of the pixels that are not ignored.
OutsideInside outside_inside(const Tensor& map, const Tensor& mask, const Tensor& ignored = {});

/// Otsu's threshold of 256 histogram bins between the smallest and the largest value: the center of
/// the last bin of the lower class, as scikit-image gives it. A constant map gives its value.
/// Source: Otsu, A threshold selection method from gray-level histograms, 1979.
double otsu_threshold(const Tensor& map);

/// What a map must exceed to be foreground. `zero`; `mean` of the map; `otsu`; or a number as text,
/// the share of the map's largest absolute value. Throws InvalidArgument for anything else.
double map_threshold(const Tensor& map, const std::string& rule);

/// bool [h, w]: map > map_threshold(map, rule); all background for a constant map.
Tensor segment_map(const Tensor& map, const std::string& rule);

/// How many pixels are foreground or background, rightly or wrongly. Counts of several pictures add
/// up, so that figures of a data set come from all its pixels.
struct SegmentationCounts {
  std::int64_t true_foreground = 0, false_foreground = 0;
  std::int64_t true_background = 0, false_background = 0;

  SegmentationCounts& operator+=(const SegmentationCounts& other);
  bool operator==(const SegmentationCounts&) const = default;
  std::int64_t pixels() const;
  /// The share of pixels that are right. NaN without pixels, as the following.
  double pixel_accuracy() const;
  /// True pixels of a kind over all that are that kind or are taken for it; NaN where there are
  /// none.
  double foreground_iou() const;
  double background_iou() const;
  /// The mean of both, or the one that is not NaN.
  double mean_iou() const;
  /// Average precision of the hard decisions of one picture, both planes (background, foreground)
  /// flattened together: with a = pixel_accuracy, a^2 + (1 - a) / 2. Half of 2n entries are true;
  /// the n predicted ones come first, with precision and recall a, the rest follows in one step.
  /// Equals scikit-learn's average_precision_score there.
  double average_precision() const;
};
/// Pixels of `ignored` (undefined: none) count nowhere.
SegmentationCounts count_segmentation(const Tensor& predicted, const Tensor& mask,
                                      const Tensor& ignored = {});

namespace batched {

/// N places.
struct MapPoints {
  Tensor x, y;      ///< float64 [N]
  Tensor constant;  ///< bool [N]: all values of the map are equal, so that it points nowhere
};
MapPoints largest_point(const Tensor& maps);
/// bool [N]; `constant` plays no part here, `map_hits` heeds it.
Tensor point_hits(const Tensor& masks, const MapPoints& points, double tolerance = 15);
Tensor map_hits(const Tensor& maps, const Tensor& masks, double tolerance = 15);

/// float64 [N].
Tensor energy_inside(const Tensor& maps, const Tensor& masks, MapPart part = MapPart::Positive);

struct SignedOverlap {
  Tensor positive, negative;  ///< float64 [N]; NaN where both sets are empty
};
SignedOverlap signed_overlap(const Tensor& maps, const Tensor& masks, const Tensor& ignored = {});

struct OutsideInside {
  Tensor outside, inside;  ///< float64 [N]; NaN where there is no such pixel
  Tensor share() const;    ///< float64 [N]; NaN as they
};
OutsideInside outside_inside(const Tensor& maps, const Tensor& masks, const Tensor& ignored = {});

/// float64 [N].
Tensor otsu_threshold(const Tensor& maps);
Tensor map_threshold(const Tensor& maps, const std::string& rule);
/// bool [N, h, w].
Tensor segment_map(const Tensor& maps, const std::string& rule);

/// int64 [N] each.
struct SegmentationCounts {
  Tensor true_foreground, false_foreground, true_background, false_background;
};
SegmentationCounts count_segmentation(const Tensor& predicted, const Tensor& masks,
                                      const Tensor& ignored = {});

}  // namespace batched

}  // namespace limn
