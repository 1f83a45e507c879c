// What RISE and D-RISE share: draw masks, score what they leave, and estimate how the score goes
// with each place of the mask.
#pragma once
#include <functional>
#include <string>
#include <vector>

#include "methods/masks.h"
#include "methods/method_base.h"

namespace limn {

struct MaskSampling {
  std::int64_t n = 4000;
  std::vector<double> cells = {7};
  double p = 0.5;
  std::string estimator = "original";
  bool antithetic = false;
  double until = 0;
};
/// n, cells, p, estimator, antithetic, until.
Fields mask_fields(MaskSampling& o);
/// define_method's `make` with `until` alone meaning until=0.9.
MethodEntry with_bare_until(MethodEntry entry);

/// An estimate for T targets from the scores f of masked inputs.
struct MaskEstimate {
  /// [T, H, W] of E[f M(u)] / p, the mean score where u is visible, but for a constant.
  Tensor map;
  Tensor standard_error;  ///< [T, H, W] of map
  std::int64_t used = 0;  ///< masks
  /// 2 r / (1 + r) from the rank correlation r of the maps of two halves of the masks, the lowest
  /// of all targets: how the map would correlate with one from as many new masks. NaN below 4.
  double agreement = 0;
  bool stopped = false;  ///< before n, by ExplainOptions::stop
};
/// Maps, standard errors and notes of target `row` from one estimate per sample, times `scale`.
void put_estimates(Explanation& explanation, const std::vector<MaskEstimate>& estimates,
                   const MaskSampling& o, std::size_t row, double scale = 1);

/// Runs up to o.n masks (or those of `options.masks`) through `scores`, which maps masks
/// [m, H, W] to [T, m], in batches. Numbers depend on the seed, not on the batch.
///
/// `original` is mean(f M) / p. `centered` is mean(f) + cov(f, M) / p: the same limit without the
/// noise of the mean score. `regression` fits f by ridge regression (its strength by generalized
/// cross validation) to the mask averaged in twice as many fields as cells, whose covariance with
/// M is known exactly, and adds the residual's covariance: the fit's share of the noise is gone;
/// its bias falls with 1 / n. With antithetic pairs only half the difference of the two scores
/// counts.
MaskEstimate estimate_with_masks(const MaskSampling& o, const std::string& growth,
                                 std::int64_t height, std::int64_t width,
                                 const at::TensorOptions& like, std::int64_t batch,
                                 const ExplainOptions& options,
                                 const std::function<Tensor(const Tensor&)>& scores);

}  // namespace limn
