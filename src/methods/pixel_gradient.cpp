// See pixel_gradient.h.
#include "methods/pixel_gradient.h"

namespace limn {

Fields pixel_fields(PixelOptions& o, const std::vector<std::string>& flavors,
                    const std::string& flavor_help) {
  Fields fields;
  if (!flavors.empty()) {
    o.flavor = flavors.front();
    fields.push_back(choice_field("flavor", o.flavor, flavors, flavor_help));
  }
  fields.push_back(text_field("layer", o.layer, "the value to explain; empty: the input")
                       .also({"saliency-layer"}));
  fields.push_back(choice_field("reduction", o.reduction, {"none", "sum", "max-abs"},
                                "channels to one map: none keeps them in the raw result"));
  fields.push_back(reals_field("resize", o.resize, "bilinear resize of the map to [height,width]"));
  fields.push_back(real_field("smooth", o.smooth, 0, 1,
                              "Gaussian blur, sigma as a share of the map's longer side"));
  return fields;
}

std::vector<Explanation> explain_pixels(const PixelOptions& options, const Call& call,
                                        const RuleBook& book, const MethodInfo& info,
                                        bool times_input) {
  if (!options.resize.empty() && options.resize.size() != 2) {
    fail(ErrorCode::InvalidArgument, "resize takes [height,width]");
  }
  for (double side : options.resize) {
    if (side < 1 || side > 16384 || side != std::floor(side)) {
      fail(ErrorCode::InvalidArgument, "resize takes whole numbers from 1 to 16384");
    }
  }
  std::vector<std::string> needed;
  if (!options.layer.empty()) needed.push_back(options.layer);
  const Pass pass(call, BatchNorm::Free, needed);
  const ValueId at = needed.empty() ? pass.model.input() : pass.model.graph().at(options.layer);
  const bool makes_map =
      options.reduction != "none" || !options.resize.empty() || options.smooth > 0;
  if (makes_map && pass.tape[at].dim() != 4) {
    fail(ErrorCode::InvalidArgument, "\"", pass.model.graph().value(at).name, "\" has shape ",
         pass.tape[at].sizes(),
         ", and a map needs [N, C, h, w]; give a layer with spatial extent "
         "(`limn inspect` lists the values), or reduction=none for the raw result");
  }
  WalkResult result = pass.walk_from(call, book, pass.gradients(call), {at});
  if (times_input) result.relevance[at] = result.relevance[at] * pass.tape[at];
  auto all = pass.explanations(call, result, at, info);
  for (auto& one : all) {
    one.reduction = info.signed_map ? "sum" : "max-abs";
    if (!makes_map) continue;
    if (options.reduction != "none") {
      one.reduction = options.reduction;
      one.relevance = one.map().unsqueeze(1);
      one.reduction = "sum";
    }
    if (!options.resize.empty()) {
      one.relevance = resize_bilinear(one.relevance, static_cast<std::int64_t>(options.resize[0]),
                                      static_cast<std::int64_t>(options.resize[1]));
    }
    const auto side = std::max(one.relevance.size(2), one.relevance.size(3));
    one.relevance = smooth_gaussian(one.relevance, options.smooth * static_cast<double>(side));
    one.gap = Tensor();
  }
  return all;
}

}  // namespace limn
