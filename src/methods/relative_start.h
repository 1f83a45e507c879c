// Where RSP starts: a class's gradient-activation map, set against those of other classes.
// Source: Nam, Choi, Lee, "Relative Sectional Propagation", 2021;
// wjNam/Relative_Sectional_Propagation@68a1297 (main.py, baselines/gradcam.py).
#pragma once
#include <string>
#include <vector>

#include "methods/method_base.h"

namespace limn {

struct RelativeStart {
  Tensor relevance;                             ///< [S, N, K, h, w]
  std::vector<std::vector<std::string>> notes;  ///< per objective
};

/// Per objective and sample, with n_c = GAM_c / max GAM_c: alone n_t; against M - 1 other classes
/// D = (M-1) n_t - sum n_m, its positive part scaled to mass 1 and its negative to mass -1, summed
/// over channels, then mass 2 on places above zero minus mass 1 on the others, equal in all K
/// channels. `against`: `none`; `auto` or `labels` (the call's other targets and
/// `ExplainOptions::beside`); `predicted` (probability at least .5 in a multi-label model, else the
/// top 5); or classes. `reference`: the authors' division by the highest value even where that is
/// negative.
RelativeStart relative_start(const Pass& pass, const Call& call, ValueId layer,
                             const std::vector<std::string>& against, bool reference);

}  // namespace limn
