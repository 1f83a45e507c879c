// WGCAM: Grad-CAM at several depths, each map stretched to 0..1 at the input's size, weighted and
// combined: with n_l the map of layer l and w_l weights that sum to 1, S = sum_l w_l n_l or
// S = prod_l n_l^w_l. The name stands in UCAG's tables without a definition; this is limn's reading
// of it: the weighted saliency of Rebuffi, Fong, Ji, Vedaldi, "There and Back Again", 2020, over
// Grad-CAM. A layer whose map is constant cannot be stretched and is left out.
#include <cmath>

#include "methods/cam_base.h"
#include "methods/sampling.h"
#include "rules/composites.h"

namespace limn {
namespace {

struct WgcamOptions {
  std::vector<std::string> layer;
  std::string weights = "uniform", combine = "sum";
};

const MethodInfo& info() {
  static const MethodInfo value{
      .name = "wgcam",
      .title = "Weighted Grad-CAM over layers",
      .family = "cam",
      .summary =
          "Grad-CAM of every stage of the network, stretched, weighted and put together: "
          "late layers find the object, early ones its parts.",
      .formula = "S = sum_l w_l n_l or prod_l n_l^w_l, n_l = Grad-CAM of layer l from 0 to 1",
      .paper =
          "limn's reading of a name in Hong, Nam, Choi, Lee 2023: Rebuffi, Fong, Ji, Vedaldi: "
          "There and Back Again: Revisiting Backpropagation Saliency Methods, 2020",
      .aliases = {"wg-cam", "weighted-grad-cam"},
      .needs_layer = true};
  return value;
}

Fields fields(WgcamOptions& o) {
  return {texts_field("layer", o.layer,
                      "the layers to read; empty: where the last block of each spatial size ends")
              .also({"layers"}),
          choice_field("weights", o.weights, {"uniform", "linear"},
                       "each layer alike, or more with its depth: 1/L ... 1"),
          choice_field("combine", o.combine, {"sum", "product"}, "how layers are put together")};
}

/// The layers read, the shallowest first.
std::vector<ValueId> layers_of(const WgcamOptions& o, const Pass& pass) {
  if (o.layer.empty()) {
    auto ends = block_ends(pass.model.graph(), pass.tape);
    if (ends.empty()) ends.push_back(default_cam_layer(pass.model, pass.tape));
    return ends;
  }
  const auto layers = pass.values(o.layer);
  for (ValueId id : layers) check_places(pass, id);
  return layers;
}

/// Per map of [N, 1, h, w] stretched to 0..1 at the input's size; `varies` [N, 1, 1, 1] is 0 where
/// the map is constant, and the stretched map, too.
struct Stretched {
  Tensor map, varies;
};
Stretched stretched_to(const Tensor& map, std::int64_t height, std::int64_t width) {
  const Tensor large = resize_bilinear(map.clamp_min(0), height, width);
  const Tensor lifted = large - large.amin({1, 2, 3}, true);
  const Tensor highest = lifted.amax({1, 2, 3}, true);
  return {lifted / highest.masked_fill(highest == 0, 1), highest.gt(0).to(map.scalar_type())};
}

std::vector<Explanation> explain(const WgcamOptions& o, const Call& call) {
  const Pass pass(call, BatchNorm::Free, o.layer);
  const std::vector<ValueId> layers = layers_of(o, pass);
  const WalkResult walked = pass.walk_from(call, gradient_book(), pass.gradients(call), layers);
  std::string names;
  for (ValueId id : layers) {
    names += (names.empty() ? "" : ",") + pass.model.graph().value(id).name;
  }
  std::vector<Explanation> all;
  for (std::size_t s = 0; s < pass.objectives.size(); ++s) {
    Tensor sum, weight;
    std::string silent;
    for (std::size_t l = 0; l < layers.size(); ++l) {
      const Tensor& a = pass.tape[layers[l]];
      const Tensor g = walked.relevance.at(layers[l])[static_cast<std::int64_t>(s)];
      const Tensor raw = (g.mean({2, 3}, true) * a).sum(1, true);
      const auto [map, varies] = stretched_to(raw, call.x.size(2), call.x.size(3));
      if (varies.min().item<double>() == 0) {
        silent += (silent.empty() ? "" : ", ") + pass.model.graph().value(layers[l]).name;
      }
      const double share = o.weights == "uniform" ? 1 : static_cast<double>(l + 1);
      // A layer that is left out adds nothing to the sum, and log 1 to the product.
      const Tensor term = o.combine == "sum" ? map : map.log().masked_fill(varies == 0, 0);
      sum = sum.defined() ? sum + share * term : share * term;
      weight = weight.defined() ? weight + share * varies : share * varies;
    }
    Tensor map = sum / weight.masked_fill(weight == 0, 1);
    if (o.combine == "product") map = map.exp().masked_fill(weight == 0, 0);
    all.push_back(around(pass, s, map, false));
    all.back().layer = names;
    note_fallbacks(all.back(), walked);
    if (!silent.empty()) {
      all.back().notes.push_back(
          "nothing in these layers speaks for the target, they are left "
          "out: " +
          silent);
    }
  }
  return all;
}

}  // namespace

MethodEntry method_wgcam() { return define_method<WgcamOptions>(info(), fields, explain, "layer"); }

}  // namespace limn
