// See golden_specs.h. One function per method family.
#include "golden/golden_specs.h"

#include <map>
#include <nlohmann/json.hpp>

#include "golden/gradient_specs.h"
#include "limn/error.h"
#include "limn/spec.h"

namespace limn::golden {
namespace {

using nlohmann::json;

/// Spec text piece by piece.
class SpecText {
 public:
  explicit SpecText(std::string name) : name_(std::move(name)) {}
  SpecText& add(const std::string& key, const std::string& value) {
    arguments_ += (arguments_.empty() ? "" : ", ") + key + "=" + value;
    return *this;
  }
  SpecText& quoted(const std::string& key, const std::string& value) {
    Spec word;
    word.name = value;
    return add(key, word.text());
  }
  std::string text() const { return name_ + "(" + arguments_ + ")"; }

 private:
  std::string name_, arguments_;
};

std::string text_of(const json& value) {
  return value.is_string() ? value.get<std::string>() : value.dump();
}

std::string seed_of(const json& golden_case) {
  const std::string seed = golden_case.value("seed_of_relevance", "one-hot");
  return seed.rfind("one-hot", 0) == 0 ? "one-hot" : "score";
}

std::string batch_norm_of(const json& options) {
  const std::string mode = options.value("batch_norm", "none in net");
  return mode.rfind("merge", 0) == 0 ? "conv" : "pass";
}

Recipe lrp(const json& golden_case) {
  const json& options = golden_case["options"];
  Recipe recipe;
  for (const auto& [selector, rule] : options["rules"].items()) {
    recipe.rules += selector + " " + rule["rule"].get<std::string>();
    for (const auto& [key, value] : rule.items()) {
      if (key != "rule") recipe.rules += " " + key + "=" + text_of(value);
    }
    recipe.rules += "\n";
  }
  recipe.spec = SpecText("lrp")
                    .add("flavor", "zennit")
                    .add("composite", "epsilon")
                    .add("batch-norm", batch_norm_of(options))
                    .add("seed", seed_of(golden_case))
                    .text();
  return recipe;
}

Recipe lrp_composite(const json& golden_case) {
  const json& options = golden_case["options"];
  SpecText spec("lrp");
  spec.add("flavor", "zennit")
      .add("composite", options["composite"])
      .add("batch-norm", batch_norm_of(options))
      .add("seed", seed_of(golden_case));
  for (const char* bound : {"low", "high"}) {
    if (options.contains("rules") && options["rules"].contains(bound)) {
      spec.add(bound, options["rules"][bound].dump());
    }
  }
  return {.spec = spec.text(), .rules = "", .display = ""};
}

Recipe lrp_wjnam(const json& golden_case) {
  const json& options = golden_case["options"];
  SpecText spec("lrp");
  spec.add("flavor", "wjnam").add("alpha", options.value("alpha", json(1)).dump());
  spec.add("seed", seed_of(golden_case));
  if (options.value("variant", "") == "ucag") spec.add("variant", "ucag");
  if (options.value("subtract_mean", false)) spec.add("subtract-mean", "true");
  if (options.contains("first_conv_rule")) {
    spec.add("first-conv", options["first_conv_rule"].get<bool>() ? "yes" : "no");
  }
  return {.spec = spec.text(), .rules = "", .display = ""};
}

Recipe lrp_toolbox(const json& golden_case) {
  const json& options = golden_case["options"];
  SpecText spec("lrp");
  spec.add("flavor", "toolbox").add("rule", options["rule"]).add("seed", seed_of(golden_case));
  if (options.contains("alpha")) spec.add("alpha", options["alpha"].dump());
  if (options.contains("epsilon")) spec.add("epsilon", options["epsilon"].dump());
  return {.spec = spec.text(), .rules = "", .display = ""};
}

/// TorchRay's, or Zennit's where the case names a composite.
Recipe excitation(const std::string& name, const json& golden_case) {
  const json& options = golden_case["options"];
  SpecText spec(name);
  spec.add("flavor", options.contains("composite") ? "zennit" : "torchray");
  if (options.contains("saliency_layer")) spec.quoted("layer", options["saliency_layer"]);
  if (options.contains("contrast_layer")) spec.quoted("contrast-layer", options["contrast_layer"]);
  return {.spec = spec.text(), .rules = "", .display = ""};
}

/// Gu's cases store the difference, and what is shown of it.
Recipe clrp_gu(const json& golden_case) {
  SpecText spec("clrp");
  spec.add("flavor", "gu");
  const json& options = golden_case["options"];
  if (options.contains("type")) spec.add("type", options["type"]);
  const std::string shown = spec.text();
  return {.spec = spec.add("clamp", "false").text(), .rules = "", .display = shown};
}

Recipe contrastive_wjnam(const std::string& name, const json& golden_case) {
  SpecText spec(name);
  spec.add("flavor", "wjnam").add("alpha", golden_case["options"].value("alpha", json(1)).dump());
  return {.spec = spec.text(), .rules = "", .display = ""};
}

/// [width, height] of the TorchRay cases as our [height,width].
void add_size(SpecText& spec, const json& options) {
  if (options.contains("resize") && options["resize"].is_array()) {
    spec.add("resize", "[" + options["resize"][1].dump() + "," + options["resize"][0].dump() + "]");
  }
}

Recipe pixel_method(const std::string& name, const json& golden_case) {
  const json& options = golden_case["options"];
  SpecText spec(name);
  const bool flavored = name == "guided-backprop" || name == "deconvnet";
  if (flavored) spec.add("flavor", options.value("flavour", "zennit"));
  const std::string reduction = options.value("reduction", "none");
  if (reduction.rfind("max", 0) == 0) spec.add("reduction", "max-abs");
  if (reduction.rfind("signed", 0) == 0) spec.add("reduction", "sum");
  add_size(spec, options);
  if (options.value("smooth", 0.0) > 0) spec.add("smooth", options["smooth"].dump());
  const json layer = golden_case.value("layer", json());
  if (layer.is_string() && layer != "input") spec.quoted("layer", layer);
  return {.spec = spec.text(), .rules = "", .display = ""};
}

/// CAM methods whose results are pytorch-grad-cam's, TorchRay's or fullgrad-saliency's.
Recipe cam_method(const std::string& name, const json& golden_case) {
  const json& options = golden_case["options"];
  SpecText spec(name);
  if (options.contains("flavour")) spec.add("flavor", options["flavour"]);
  std::string layers;
  for (const auto& layer : options.value("layers", json::array({golden_case["layer"]}))) {
    Spec word;
    word.name = layer.get<std::string>();
    layers += (layers.empty() ? "" : ",") + word.text();
  }
  spec.add("layer", "[" + layers + "]");
  add_size(spec, options);
  if (options.value("smooth", 0.0) > 0) spec.add("smooth", options["smooth"].dump());
  return {.spec = spec.text(), .rules = "", .display = ""};
}

std::string list_of(const json& values) {
  std::string text = "[";
  for (const auto& value : values) text += (text.size() > 1 ? "," : "") + value.dump();
  return text + "]";
}

Recipe cameras(const json& golden_case) {
  const json& options = golden_case["options"];
  SpecText spec("cameras");
  spec.add("reference", "true").add("scales", list_of(options["resolutions"]));
  spec.add("skip", options["class"] == "given" ? "no" : "yes");
  spec.quoted("layer", golden_case["layer"]);
  return {.spec = spec.text(), .rules = "", .display = ""};
}

Recipe ucag(const json& golden_case) {
  const json& options = golden_case["options"];
  SpecText inner("grad-cam");
  inner.quoted("layer", golden_case["layer"]);
  SpecText spec("ucag");
  spec.add("method", inner.text()).add("reference", "true");
  spec.add("patches", options["num_units"].dump()).add("crop", options["crop_size"].dump());
  spec.add("scale", options["alpha"].dump()).add("score", options["score"].dump());
  return {.spec = spec.text(), .rules = "", .display = ""};
}

/// RAP, RSP and Attribution Equilibrium as their authors' code computes them.
SpecText published(const std::string& name, const json& golden_case) {
  const json& options = golden_case["options"];
  SpecText spec(name);
  spec.add("reference", "true");
  if (options.contains("first_conv_rule")) {
    spec.add("first-conv", options["first_conv_rule"].get<bool>() ? "yes" : "no");
  }
  const json layer = golden_case.value("layer", json());
  if (layer.is_string()) spec.quoted("layer", layer);
  return spec;
}

Recipe rap(const json& golden_case) {
  SpecText spec = published("rap", golden_case);
  if (golden_case["options"].value("variant", "") == "ucag") spec.add("variant", "ucag");
  return {.spec = spec.text(), .rules = "", .display = ""};
}

Recipe rsp(const json& golden_case) {
  const json& options = golden_case["options"];
  SpecText spec = published("rsp", golden_case);
  if (options.value("stage1", "") == "relative") {
    std::string hostile;
    const auto target = options.value("target_position", std::size_t{0});
    for (std::size_t i = 0; i < options["categories"].size(); ++i) {
      if (i != target) hostile += (hostile.empty() ? "" : ",") + options["categories"][i].dump();
    }
    spec.add("hostile", "[" + hostile + "]");
  }
  return {.spec = spec.text(), .rules = "", .display = ""};
}

Recipe attribution_equilibrium(const json& golden_case) {
  SpecText spec = published("attribution-equilibrium", golden_case);
  spec.add("ratio", golden_case["options"]["ratio"].dump());
  return {.spec = spec.text(), .rules = "", .display = ""};
}

}  // namespace

Recipe recipe_for(const json& golden_case) {
  const std::string method = golden_case.value("method", "");
  if (method == "lrp") return lrp(golden_case);
  if (method == "lrp_composite") return lrp_composite(golden_case);
  if (method == "lrp_wjnam") return lrp_wjnam(golden_case);
  if (method == "lrp_toolbox") return lrp_toolbox(golden_case);
  if (method == "rap") return rap(golden_case);
  if (method == "rsp") return rsp(golden_case);
  if (method == "attribution_equilibrium") return attribution_equilibrium(golden_case);
  if (method == "clrp_gu") return clrp_gu(golden_case);
  if (method == "clrp" || method == "sglrp") return contrastive_wjnam(method, golden_case);
  if (method == "excitation_backprop") return excitation("excitation-backprop", golden_case);
  if (method == "contrastive_excitation_backprop") {
    return excitation("contrastive-excitation-backprop", golden_case);
  }
  static const std::map<std::string, std::string> cams = {
      {"grad_cam", "grad-cam"},        {"grad_cam_plusplus", "grad-cam++"},
      {"xgrad_cam", "xgrad-cam"},      {"hires_cam", "hires-cam"},
      {"layer_cam", "layer-cam"},      {"score_cam", "score-cam"},
      {"eigen_cam", "eigen-cam"},      {"eigen_grad_cam", "eigen-grad-cam"},
      {"ablation_cam", "ablation-cam"}};
  if (const auto found = cams.find(method); found != cams.end()) {
    return cam_method(found->second, golden_case);
  }
  if (method == "cameras") return cameras(golden_case);
  if (method == "ucag") return ucag(golden_case);
  static const std::map<std::string, std::string> pixel = {{"gradient", "gradient"},
                                                           {"guided_backprop", "guided-backprop"},
                                                           {"deconvnet", "deconvnet"},
                                                           {"input_x_gradient", "input-x-gradient"},
                                                           {"linear_approx", "linear-approx"}};
  if (const auto found = pixel.find(method); found != pixel.end()) {
    return pixel_method(found->second, golden_case);
  }
  return gradient_recipe(golden_case);
}

}  // namespace limn::golden
