// What the CAM family shares: the layers read, activations and gradients there, and what happens to
// a map afterwards (ReLU, normalization, size, smoothing) in the flavors of other tools.
#pragma once
#include <functional>
#include <string>
#include <vector>

#include "methods/method_base.h"

namespace limn {

struct CamOptions {
  std::string flavor = "limn";
  std::vector<std::string> layer;
  std::vector<double> resize;
  double smooth = 0;
  bool relu = true;

  bool jacobgil() const { return flavor == "pytorch-grad-cam"; }
};

Fields cam_fields(CamOptions& options);
/// Throws InvalidArgument where a layer is not [N, C, h, w].
void check_places(const Pass& pass, ValueId layer);

/// A layer of one call: its values, and the gradient of one objective's score there; both
/// [N, K, h, w], g undefined for methods that need none.
struct CamLayer {
  ValueId id;
  Tensor a, g;
};
/// The raw maps [N, 1, h, w] of one objective.
using Weighting = std::function<Tensor(const Pass&, const CamLayer&, std::size_t objective)>;

/// Reads the layers (the default one where none is given), weights, and finishes the maps.
std::vector<Explanation> explain_cam(const CamOptions& options, const Call& call,
                                     const Weighting& weighting, bool needs_gradient = true);

/// Per map of [N, 1, h, w]: (v - min) / (1e-7 + max of that), as jacobgil/pytorch-grad-cam.
Tensor stretched(const Tensor& maps);

}  // namespace limn
