// What FullGrad and its simple form share: where a network adds constants, and how terms become one
// map.
#pragma once
#include <string>
#include <vector>

#include "methods/method_base.h"

namespace limn {

/// A linear node z = A x + b: the value z and its b, shaped to broadcast against it. Convolutions,
/// matrix products, batch norm (b = beta - mean gamma / sqrt(var + eps)), constants that are added;
/// and Clip, which is a constant where it cuts off.
struct BiasTerm {
  ValueId at;
  Tensor bias;
  bool is_bound = false;  ///< of Clip
};
std::vector<BiasTerm> bias_terms(const Pass& pass);

/// The gradients at the input and at every bias term, and how terms [N, C, h, w] become a map
/// [N, 1, H, W]; the first term is the input's.
WalkResult term_gradients(const Pass& pass, const Call& call, const std::vector<BiasTerm>& terms);
/// sum over terms and channels of Up(psi(T)), psi(T) = |T| minus its minimum, divided by
/// (maximum + 1e-6), over C, h and w of a sample; Up bilinear with aligned corners
/// (idiap/fullgrad-saliency@7c106b3). Terms without spatial extent add nothing.
Tensor sum_of_terms(const Tensors& terms, std::int64_t height, std::int64_t width);
/// Per channel |T| stretched to 0..1 (+1e-7), resized with half-pixel centers and summed; the sum
/// rectified and stretched (jacobgil/pytorch-grad-cam@084273b).
Tensor sum_of_stretched_terms(const Tensors& terms, std::int64_t height, std::int64_t width);

}  // namespace limn
