// Recipes of the gradient family: integrated gradients, SmoothGrad, FullGrad, NormGrad, occlusion.
#pragma once
#include "golden/golden_specs.h"

namespace limn::golden {

/// Empty for a case of another method.
Recipe gradient_recipe(const nlohmann::json& golden_case);

}  // namespace limn::golden
