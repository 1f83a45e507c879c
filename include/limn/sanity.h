// Sanity checks by randomization: a map that shows what a model has learned must change when the
// model forgets it, and when another class is asked for. Source: Adebayo et al., "Sanity Checks for
// Saliency Maps", 2018.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "limn/method.h"
#include "limn/model.h"
#include "limn/tensor.h"

namespace limn {

/// A layer whose weights can be drawn afresh.
struct WeightLayer {
  std::string name;             ///< of its node; of several that share weights the last one's
  std::string op;               ///< `Conv`
  std::int64_t parameters = 0;  ///< numbers that are drawn or reset
};

/// Convolutions, linear layers and normalizations with weights of their own, from the output to the
/// input: the reverse of the nodes' order, as Quantus walks modules (`top_down`). Nodes that share
/// their weights are one layer. A constant that is added behind a matrix product is its bias; other
/// constants (tables, scales, PRelu's slopes) belong to no layer.
std::vector<WeightLayer> weight_layers(const Graph& graph);

struct RandomizeOptions {
  /// `cascading`: the layers 0 .. stage; `independent`: layer `stage` alone.
  std::string mode = "cascading";
  /// `torch`: as reset_parameters, weights and biases uniform in +-1/sqrt(fan in), which is
  /// kaiming_uniform_(a=sqrt(5)). `xavier`: weights uniform in +-sqrt(6/(fan in + fan out)), biases
  /// in 0..1 (wjNam/Attribution-Equilibrium@b4eadf3, Sanity.py). In both, normalizations get scale
  /// 1, bias 0, mean 0 and variance 1.
  std::string init = "torch";
  std::uint64_t seed = 0;  ///< a layer's weights depend on it and on the layer's place alone
};

/// The model with fresh weights in the layers of a stage, 0 .. number of layers - 1. The model
/// itself is left as it is. Throws InvalidArgument, and Unsupported where there is no such layer.
Model randomized(const Model& model, std::int64_t stage, const RandomizeOptions& options = {});

/// How alike a map and the one it is compared with are.
struct MapSimilarity {
  double spearman = 0;         ///< rank correlation of |map|, -1..1
  double signed_spearman = 0;  ///< of the maps with their signs, -1..1
  double ssim = 0;             ///< structural similarity of |map| / max|map|
  bool degenerate = false;     ///< the other map is constant or not finite: all three are 0
};
/// Two maps [h, w]. An undefined `other` counts as one that is not finite. Throws BadInput where
/// the shapes differ, Numerical where `original` is not finite.
MapSimilarity map_similarity(const Tensor& original, const Tensor& other);
namespace batched {
/// Each map of [N, h, w] with the one of the same row, on the device of `originals`. Throws as
/// above.
std::vector<MapSimilarity> map_similarity(const Tensor& originals, const Tensor& others);
}  // namespace batched

struct SanityOptions {
  RandomizeOptions randomize = {};
  std::int64_t stages = 0;   ///< so many of the stages, evenly chosen, the last included; 0: all
  bool random_logit = true;  ///< compare with the map of another class, too
};

/// What randomization does to the map of one picture.
struct SanityResult {
  bool constant = false;              ///< the map itself says nothing: nothing was compared
  std::vector<std::string> layers;    ///< the layer reached by each stage
  std::vector<MapSimilarity> stages;  ///< the map of each stage against the map
  MapSimilarity full;                 ///< all layers randomized; the last stage where cascading
  /// The map of another class, on the model as it is; absent where there is one class only.
  std::optional<MapSimilarity> other_class;
  std::int64_t degenerate = 0;  ///< of all maps compared
};

/// Checks the maps [N, H, W] of pictures x [N, C, H', W'] for their classes. Each randomized model
/// is made once and explains all pictures, those of one class in one call. Maps are compared at H x
/// W. Where a method fails with Numerical, the map of that picture is degenerate. Throws
/// InvalidArgument, Unsupported (detectors, models without weights), and what the method throws.
std::vector<SanityResult> sanity_check(const Model& model, const Method& method, const Tensor& x,
                                       const std::vector<std::int64_t>& classes, const Tensor& maps,
                                       const ExplainOptions& explaining = {},
                                       const SanityOptions& options = {});

/// `flagged` where the mean Spearman of |map| after full randomization is over 0.5, `passed` under
/// 0.3, else `unclear`.
std::string_view sanity_verdict(double spearman);

}  // namespace limn
