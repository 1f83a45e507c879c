// See cam_base.h. Flavors: pytorch-grad-cam (jacobgil@084273b) cuts each layer's map off at zero,
// stretches it to 0..1, resizes it to the input, averages layers, and stretches once more;
// fullgrad-saliency (idiap@7c106b3) rectifies layer and map and resizes with aligned corners; limn,
// torchray (facebookresearch@6a198ee) and paper leave the map at the layer's size.
#include "methods/cam_base.h"

#include "methods/sampling.h"
#include "rules/composites.h"

namespace limn {
namespace {

Tensor finished(const CamOptions& options, const Call& call, const Tensors& raw) {
  const std::int64_t height = call.x.size(2), width = call.x.size(3);
  if (options.jacobgil()) {
    Tensors maps;
    for (const auto& map : raw) {
      maps.push_back(resize_bilinear(stretched(map.clamp_min(0)), height, width).clamp_min(0));
    }
    return stretched(at::stack(maps).mean(0));
  }
  Tensor map = raw.front();
  const bool fullgrad = options.flavor == "fullgrad-saliency";
  if (options.relu || fullgrad) map = map.clamp_min(0);
  if (fullgrad) return resize_bilinear(map, height, width, true);
  if (!options.resize.empty()) {
    map = resize_bilinear(map, static_cast<std::int64_t>(options.resize[0]),
                          static_cast<std::int64_t>(options.resize[1]));
  }
  const auto side = static_cast<double>(std::max(map.size(2), map.size(3)));
  return smooth_gaussian(map, options.smooth * side);
}

std::vector<ValueId> layers_of(const CamOptions& options, const Pass& pass) {
  std::vector<ValueId> layers = pass.values(options.layer);
  if (layers.empty()) layers.push_back(default_cam_layer(pass.model, pass.tape));
  for (ValueId id : layers) check_places(pass, id);
  return layers;
}

}  // namespace

void check_places(const Pass& pass, ValueId layer) {
  const Tensor& value = pass.tape[layer];
  if (value.dim() == 4) return;
  fail(ErrorCode::InvalidArgument, "layer \"", pass.model.graph().value(layer).name,
       "\" has shape ", value.sizes(),
       "; a CAM needs places, [N, C, h, w]: give layer= a convolution's output (`limn inspect` "
       "lists the values)");
}

Fields cam_fields(CamOptions& o) {
  return {choice_field(
              "flavor", o.flavor,
              {"limn", "torchray", "pytorch-grad-cam", "fullgrad-saliency", "paper"},
              "limn, torchray and paper: the formula, at the layer's size; pytorch-grad-cam: its "
              "epsilons, each layer cut off at zero, stretched to 0..1 and resized to the "
              "input, their mean stretched again; fullgrad-saliency: the layer and the map "
              "cut off at zero, resized to the input with aligned corners"),
          texts_field("layer", o.layer,
                      "the layer (pytorch-grad-cam: layers) to read; empty: the last convolution "
                      "block's output")
              .also({"layers", "target-layer", "saliency-layer"}),
          reals_field("resize", o.resize, "bilinear resize of the map to [height,width]"),
          real_field("smooth", o.smooth, 0, 1,
                     "Gaussian blur, sigma as a share of the map's longer side"),
          bool_field("relu", o.relu, "drop what speaks against the class (limn, torchray, paper)")};
}

Tensor stretched(const Tensor& maps) {
  const Tensor lifted = maps - maps.amin({1, 2, 3}, true);
  return lifted / (1e-7 + lifted.amax({1, 2, 3}, true));
}

std::vector<Explanation> explain_cam(const CamOptions& options, const Call& call,
                                     const Weighting& weighting, bool needs_gradient) {
  if (!options.resize.empty() &&
      (options.resize.size() != 2 || options.resize[0] < 1 || options.resize[1] < 1)) {
    fail(ErrorCode::InvalidArgument, "resize takes [height,width], both at least 1");
  }
  if (options.layer.size() > 1 && !options.jacobgil()) {
    fail(ErrorCode::InvalidArgument, "several layers need flavor=pytorch-grad-cam");
  }
  const Pass pass(call, BatchNorm::Free, options.layer);
  const std::vector<ValueId> layers = layers_of(options, pass);
  std::string names;
  for (ValueId id : layers) {
    names += (names.empty() ? "" : ",") + pass.model.graph().value(id).name;
  }
  const Tensor seeds = pass.gradients(call);
  WalkResult walked;
  if (needs_gradient) walked = pass.walk_from(call, gradient_book(), seeds, layers);
  std::vector<Explanation> all;
  for (std::size_t s = 0; s < pass.objectives.size(); ++s) {
    const auto seed = static_cast<std::int64_t>(s);
    Tensors raw;
    for (ValueId id : layers) {
      CamLayer layer{id, pass.tape[id], {}};
      if (options.flavor == "fullgrad-saliency") layer.a = at::relu(layer.a);
      if (needs_gradient) layer.g = walked.relevance.at(id)[seed];
      raw.push_back(weighting(pass, layer, s));
    }
    const bool plain =
        options.flavor != "pytorch-grad-cam" && options.flavor != "fullgrad-saliency";
    Explanation one = around(pass, s, finished(options, call, raw), !options.relu && plain);
    for (std::size_t i = 0; i < raw.size(); ++i) one.inner[concat("raw_", i)] = raw[i].squeeze(1);
    for (const auto& name : call.options.record) {
      const ValueId id = pass.recorded(call, name);
      if (needs_gradient) one.inner[name] = walked.relevance.at(id)[seed];
    }
    one.trace = walked.trace;
    one.layer = names;
    if (raw.front().max().item<double>() <= 0) {
      one.notes.push_back("nothing at layer \"" + names + "\" speaks for the target");
    }
    all.push_back(std::move(one));
  }
  return all;
}

}  // namespace limn
