// See gradient_specs.h.
#include "golden/gradient_specs.h"

#include <map>
#include <nlohmann/json.hpp>

#include "limn/error.h"
#include "limn/spec.h"

namespace limn::golden {
namespace {

using nlohmann::json;

Recipe recipe_of(std::string spec) { return {.spec = std::move(spec), .rules = "", .display = ""}; }

/// A baseline in a file reaches the method as a tensor.
Recipe integrated_gradients(const json& options) {
  std::string spec = concat("integrated-gradients(reference=true, n=", options["n_steps"].dump(),
                            ", quadrature=", options["quadrature"].get<std::string>(),
                            ", multiply-by-inputs=", options["multiply_by_inputs"].dump());
  if (options["baseline"] == "zero") spec += ", baseline=zero";
  return recipe_of(spec + ")");
}

/// The noise is a file; so is its number of copies.
Recipe smoothgrad(const std::string& kind, const json& options) {
  return recipe_of(concat("smoothgrad(gradient, kind=", kind,
                          ", flavor=", options["flavour"].get<std::string>(), ")"));
}

Recipe normgrad(const std::string& kind, const json& golden_case) {
  Spec layer;
  layer.name = golden_case["layer"].get<std::string>();
  return recipe_of(concat("normgrad(kind=", kind, ", layer=", layer.text(), ")"));
}

/// Windows and strides have the channels first, which they always cover.
Recipe occlusion(const json& options) {
  const auto two = [&](const char* key) {
    return concat("[", options[key][1].dump(), ",", options[key][2].dump(), "]");
  };
  return recipe_of(concat("occlusion(window=", two("window"), ", stride=", two("strides"),
                          ", baseline=", options["baseline"].dump(), ")"));
}

}  // namespace

Recipe gradient_recipe(const json& golden_case) {
  const std::string method = golden_case.value("method", "");
  const json options = golden_case.value("options", json::object());
  static const std::map<std::string, std::string> noise_kinds = {
      {"smoothgrad", "mean"}, {"smoothgrad_squared", "squared"}, {"vargrad", "variance"}};
  static const std::map<std::string, std::string> norm_kinds = {
      {"norm_grad", "conv1x1"},
      {"norm_grad_selective", "selective"},
      {"norm_grad_proper", "layer"}};
  if (method == "integrated_gradients") return integrated_gradients(options);
  if (const auto found = noise_kinds.find(method); found != noise_kinds.end()) {
    return smoothgrad(found->second, options);
  }
  if (method == "fullgrad") return recipe_of("fullgrad(flavor=fullgrad-saliency)");
  if (method == "fullgrad_pgc") return recipe_of("fullgrad(flavor=pytorch-grad-cam)");
  if (method == "simple_fullgrad") return recipe_of("simple-fullgrad");
  if (const auto found = norm_kinds.find(method); found != norm_kinds.end()) {
    return normgrad(found->second, golden_case);
  }
  if (method == "occlusion") return occlusion(options);
  return {};
}

}  // namespace limn::golden
