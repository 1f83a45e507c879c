// Metrics that change the picture and run the model again: does the score follow the map? And two
// that ask the method itself: does its map add up, and does it stay when the picture hardly moves?
// Each is the function behind the metric of that name (limn/metric.h).
#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "limn/method.h"
#include "limn/model.h"
#include "limn/tensor.h"

namespace limn {

/// Below, x is one picture [1, C, H, W] in the model's input space, map a finite [H, W] of any
/// sign, target a class of the model, p the probability of that class (softmax, or sigmoid of
/// multi-label models; of a detector's strongest proposal of the class). All functions throw
/// InvalidArgument for shapes and options that cannot be used, NotFound for a class that does not
/// exist, Numerical for maps that hold NaN or infinity. Of equal pixels the first in row-major
/// order counts as the more relevant. `batch` is the number of pictures in one pass; a model whose
/// file fixes that number gets it.

struct MapDensityOptions {
  /// Map to 0..1 first by the lowest and highest value. A constant map then is 1/2 everywhere: it
  /// prefers nothing, and both densities are equal.
  bool normalize = true;
};
struct MapDensity {
  double original = 0, kept = 0, removed = 0;  ///< p of x, of x m, of x (1 - m)
  double positive = 0;                         ///< kept / mean(m): higher is better
  double negative = 0;                         ///< removed / mean(1 - m): lower is better
};
/// Positive and negative map density with m the map in 0..1 (Jalwana, Akhtar, Bennamoun, Mian,
/// "CAMERAS", 2021). Without `normalize` a map outside 0..1, or one that is 0 or 1 everywhere, is
/// refused with InvalidArgument: one density would divide by 0.
MapDensity map_density(const Model& model, const Tensor& x, const Tensor& map, std::int64_t target,
                       const MapDensityOptions& options = {});

/// What goes first.
enum class RemovalOrder { MostRelevant, LeastRelevant, Random };

struct RegionCurveOptions {
  RemovalOrder order = RemovalOrder::MostRelevant;
  std::int64_t patch = 8;      ///< side of a region in pixels
  std::int64_t regions = 100;  ///< at most
  /// What a region becomes: `black` and `white` (the picture's lowest and highest value), `mean`
  /// (of the picture as perturbed so far), `zero`, `uniform` (noise between lowest and highest).
  std::string baseline = "black";
  std::uint64_t seed = 0;  ///< of random orders and noise
  std::int64_t batch = 32;
};
struct RegionCurve {
  std::vector<double> fall;  ///< p(x) - p(x after k regions), k = 1 .. L
  double area = 0;           ///< under it by trapezoids a step wide: 0 where L = 1
  double aopc = 0;           ///< sum of it / (L + 1): the mean over k = 0 .. L
};
/// Region perturbation (Samek et al., "Evaluating the visualization of what a deep neural network
/// has learned", 2017) as in Quantus (@85bc29d): regions are the squares of a grid over the
/// picture, which is centered on it where it does not fit; a region counts as much as its pixels'
/// sum.
RegionCurve region_perturbation(const Model& model, const Tensor& x, const Tensor& map,
                                std::int64_t target, const RegionCurveOptions& options = {});

struct RegionInsertionOptions {
  double first = 1, last = 20, step = 1;  ///< shares of the pixels in percent
  /// What pixels appear on: `gray-gradient` (white in the middle, black in the corners), `blur`
  /// (blurred_start(x, "rise")), `zero`.
  std::string canvas = "gray-gradient";
  std::int64_t batch = 32;
};
struct RegionInsertion {
  std::vector<double> percent;      ///< of the pixels that are shown
  std::vector<double> probability;  ///< p
  std::vector<double> correct;      ///< 1 where every other class is less likely, else 0
  double area = 0;                  ///< under `correct` by trapezoids a step wide
  double probability_area = 0;      ///< the same under `probability`
};
/// Accuracy as the most relevant 1 to 20 % of the pixels appear; averaged over pictures, `area` is
/// the area under the accuracy, at most 19 for 20 steps. The canvas is limn's: the published one
/// exists in pictures only. `gray-gradient` throws InvalidArgument where the preprocessing is not
/// known.
RegionInsertion region_insertion(const Model& model, const Tensor& x, const Tensor& map,
                                 std::int64_t target, const RegionInsertionOptions& options = {});
/// What pixels appear on, shaped like x.
Tensor insertion_canvas(const Model& model, const Tensor& x, const std::string& canvas);

struct RoadOptions {
  std::vector<double> percentiles = {10, 20, 30, 40, 50, 60, 70, 80, 90};
  double noise = 0.01;  ///< deviation of what is added to imputed pixels
  std::uint64_t seed = 0;
  std::int64_t batch = 32;
};
struct RoadCurve {
  std::vector<double> change;  ///< p(imputed) - p(x) at each percentile
  double average = 0;
};
/// ROAD, "remove and debias" (Rong et al., "A consistent and efficient evaluation strategy for
/// attribution methods", 2022) as in jacobgil/pytorch-grad-cam@084273b: pixels at or above a
/// percentile of the map (of its negative for LeastRelevant) are replaced by what their
/// surroundings say, see `impute_linear`. Random order is not defined for it.
RoadCurve road(const Model& model, const Tensor& x, const Tensor& map, std::int64_t target,
               RemovalOrder order, const RoadOptions& options = {});
/// bool [H, W]: pixels below the percentile (0..100, between two values linearly) of the map, or
/// of its negative. A constant map keeps none.
Tensor road_keeps(const Tensor& map, double percentile, RemovalOrder order);
/// x [C, H, W] where pixels that keep [H, W] does not name become the mean of their eight
/// neighbors, 1/6 for those at a side and 1/12 for those at a corner (beyond the border none), all
/// at once: a sparse linear system, solved exactly. Where none is kept: each channel's mean.
Tensor impute_linear(const Tensor& x, const Tensor& keep);

struct SensitivityOptions {
  double radius = 0.02;  ///< largest change of an input value, in the model's input space
  std::int64_t samples = 10;
  std::int64_t batch = 8;
};
struct Sensitivity {
  std::vector<double> change;  ///< |map(x + r_i) - map(x)| / |map(x)|, Euclidean
  double max = 0, mean = 0;    ///< of it
};
/// Max-sensitivity (Yeh et al., "On the (in)fidelity and sensitivity of explanations", 2019) over
/// uniform noise r_i in [-radius, radius], and the mean. `explanation` is the method's for x; its
/// seed, and so the samples of a method that samples, stay the same. Throws Numerical where the map
/// is 0 everywhere: a relative change has no meaning then.
Sensitivity sensitivity(const Model& model, const Method& method, const Tensor& x,
                        std::int64_t target, const Explanation& explanation,
                        const ExplainOptions& explain, const SensitivityOptions& options = {});

}  // namespace limn
