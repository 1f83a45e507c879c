// Grad-CAM: the channels A_k of a layer, each weighted by the spatial mean of its gradient,
// S = max(0, sum_k alpha_k A_k) with alpha_k = mean_u d score / d A_k(u), at the layer's size.
// Flavors: pytorch-grad-cam (jacobgil@084273b) resizes each layer's map to the input after a
// min-max, averages layers, and stretches once more; fullgrad-saliency (idiap@7c106b3) takes the
// layer before its ReLU, rectifies it, and resizes with aligned corners; torchray
// (facebookresearch@6a198ee) is the plain formula. Source: Selvaraju et al., "Grad-CAM", 2017.
#include "methods/method_base.h"
#include "rules/composites.h"

namespace limn {
namespace {

struct GradCamOptions {
  std::string flavor = "limn";
  std::vector<std::string> layer;
  std::vector<double> resize;
  double smooth = 0;
  bool relu = true;
};

const MethodInfo& info() {
  static const MethodInfo value{
      .name = "grad-cam",
      .title = "Grad-CAM",
      .family = "cam",
      .summary =
          "A layer's channels weighted by their mean gradient: coarse, cheap, discriminates "
          "between classes.",
      .formula = "S = max(0, sum_k alpha_k A_k), alpha_k = mean over places of d score / d A_k",
      .paper = "Selvaraju, Cogswell, Das, Vedantam, Parikh, Batra: Grad-CAM, 2017",
      .aliases = {"gradcam", "grad_cam"},
      .needs_layer = true};
  return value;
}

Fields fields(GradCamOptions& o) {
  return {choice_field("flavor", o.flavor,
                       {"limn", "torchray", "pytorch-grad-cam", "fullgrad-saliency"},
                       "whose resizing and normalization"),
          texts_field("layer", o.layer,
                      "the layer (pytorch-grad-cam: layers) to read; empty: the last convolution "
                      "block's output")
              .also({"layers", "target-layer", "saliency-layer"}),
          reals_field("resize", o.resize, "bilinear resize of the map to [height,width]"),
          real_field("smooth", o.smooth, 0, 1,
                     "Gaussian blur, sigma as a share of the map's longer side"),
          bool_field("relu", o.relu, "drop what speaks against the class (limn and torchray)")};
}

/// Per map: (v - min) / (1e-7 + max of that).
Tensor stretched(const Tensor& maps) {
  const Tensor lifted = maps - maps.amin({1, 2, 3}, true);
  return lifted / (1e-7 + lifted.amax({1, 2, 3}, true));
}

Tensor combine(const GradCamOptions& options, const Call& call, const Tensors& raw) {
  const std::int64_t height = call.x.size(2), width = call.x.size(3);
  if (options.flavor == "pytorch-grad-cam") {
    Tensors maps;
    for (const auto& map : raw) {
      maps.push_back(resize_bilinear(stretched(map.clamp_min(0)), height, width).clamp_min(0));
    }
    return stretched(at::stack(maps).mean(0));
  }
  Tensor map = raw.front();
  if (options.relu || options.flavor == "fullgrad-saliency") map = map.clamp_min(0);
  if (options.flavor == "fullgrad-saliency") return resize_bilinear(map, height, width, true);
  if (!options.resize.empty()) {
    map = resize_bilinear(map, static_cast<std::int64_t>(options.resize[0]),
                          static_cast<std::int64_t>(options.resize[1]));
  }
  const auto side = static_cast<double>(std::max(map.size(2), map.size(3)));
  return smooth_gaussian(map, options.smooth * side);
}

std::vector<Explanation> explain(const GradCamOptions& options, const Call& call) {
  if (!options.resize.empty() &&
      (options.resize.size() != 2 || options.resize[0] < 1 || options.resize[1] < 1)) {
    fail(ErrorCode::InvalidArgument, "resize takes [height,width], both at least 1");
  }
  if (options.layer.size() > 1 && options.flavor != "pytorch-grad-cam") {
    fail(ErrorCode::InvalidArgument, "several layers need flavor=pytorch-grad-cam");
  }
  const Pass pass(call, BatchNorm::Free, options.layer);
  std::vector<ValueId> layers = pass.values(options.layer);
  if (layers.empty()) layers.push_back(default_cam_layer(pass.model.graph(), pass.tape));
  std::string names;
  for (ValueId id : layers) {
    const std::string& name = pass.model.graph().value(id).name;
    if (pass.tape[id].dim() != 4) {
      fail(ErrorCode::InvalidArgument, "layer \"", name, "\" has shape ", pass.tape[id].sizes(),
           "; Grad-CAM needs [N, C, h, w]");
    }
    names += (names.empty() ? "" : ",") + name;
  }
  const WalkResult result = pass.walk_from(call, gradient_book(), pass.gradients(call), layers);
  auto all = pass.explanations(call, result, layers.front(), info());
  for (std::size_t s = 0; s < all.size(); ++s) {
    Explanation& one = all[s];
    Tensors raw;
    for (ValueId id : layers) {
      Tensor features = pass.tape[id];
      if (options.flavor == "fullgrad-saliency") features = at::relu(features);
      const Tensor gradient = result.relevance.at(id)[static_cast<std::int64_t>(s)];
      raw.push_back((gradient.mean({2, 3}, true) * features).sum(1, true));
      one.inner[concat("raw_", raw.size() - 1)] = raw.back().squeeze(1);
    }
    one.relevance = combine(options, call, raw);
    one.at = pass.model.graph().value(pass.model.input()).name;
    one.layer = names;
    one.is_signed = !options.relu && (options.flavor == "limn" || options.flavor == "torchray");
    one.notes.clear();
    if (raw.front().max().item<double>() <= 0) {
      one.notes.push_back("nothing at layer \"" + names + "\" speaks for the target");
    }
    note_degenerate(one);
  }
  return all;
}

}  // namespace

MethodEntry method_grad_cam() {
  return define_method<GradCamOptions>(info(), fields, explain, "layer");
}

}  // namespace limn
