// What LIME and Kernel SHAP share: coalitions of superpixels, of which the model sees the members
// and a baseline in the place of the others; their scores; maps from a value for each segment.
#pragma once
#include <functional>
#include <string>
#include <vector>

#include "methods/superpixels.h"

namespace limn {

struct CoalitionOptions {
  SuperpixelOptions superpixels;
  std::int64_t n = 1000;
  std::string baseline = "zero";
  std::string spread = "copy";
};
/// n, those of superpixels, baseline, spread.
Fields coalition_fields(CoalitionOptions& o);

/// One sample's segments and what the model makes of coalitions of them.
class Coalitions {
 public:
  /// `labels` [H, W] on the CPU; x and baseline [1, C, H, W].
  Coalitions(const Call& call, const Pass& pass, std::int64_t sample, const Tensor& labels,
             const Tensor& baseline);

  std::int64_t segments() const { return segments_; }
  std::uint64_t seed() const { return call_.options.seed; }
  /// [T, m] in float64 for `shown` [m, segments] of zeros and ones. Never in bfloat16: its rounding
  /// moves the values by up to 0.7 of their standard error, which does not fall with more samples.
  Tensor scores(const Tensor& shown) const;
  const Tensor& all() const { return all_; }    ///< [T]: with every segment
  const Tensor& none() const { return none_; }  ///< [T]: without any, the baseline's
  /// Calls `add(first, count)` for batches of up to `total` units of `each` coalitions until the
  /// call wants to stop; returns how many units ran. It looks every 256 coalitions, so that the
  /// result does not depend on the batch. Throws InvalidArgument before `least` have run.
  std::int64_t run(std::int64_t total, std::int64_t least, std::int64_t each,
                   const std::function<void(std::int64_t, std::int64_t)>& add) const;

 private:
  Tensor scores_of_inputs(const Tensor& inputs) const;

  const Call& call_;
  const Pass& pass_;
  std::int64_t sample_, segments_, batch_;
  std::vector<Target> targets_;
  Tensor labels_, x_, baseline_, all_, none_;
};

/// One sample's values for T targets.
struct SegmentEstimate {
  Tensor values, errors;             ///< [T, M], float64
  Tensor change;                     ///< [T] that the values sum to; undefined: nothing promised
  std::vector<double> quality;       ///< per target; the worst sample's is told
  std::int64_t used = 0, asked = 0;  ///< coalitions
  bool exact = false;                ///< nothing was drawn
};
using Estimate = std::function<SegmentEstimate(const Coalitions&)>;
/// What to say of target t's quality.
using Describe = std::function<std::string(const SegmentEstimate&, std::size_t)>;

/// Estimates each sample and puts values, standard errors (inner `standard-error`), labels (inner
/// `segments`), gaps and notes together.
std::vector<Explanation> explain_segments(const CoalitionOptions& o, const Call& call,
                                          const Estimate& estimate, const Describe& describe);

}  // namespace limn
