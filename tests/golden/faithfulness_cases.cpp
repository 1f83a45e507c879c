// See faithfulness_cases.h.
#include "golden/faithfulness_cases.h"

#include <ATen/ATen.h>

#include "limn/error.h"
#include "limn/faithfulness.h"
#include "limn/npy.h"
#include "limn/resample.h"

namespace limn::golden {
namespace {

using nlohmann::json;
using Results = std::map<std::string, Tensor>;

bool begins(const std::string& text, const std::string& with) { return text.rfind(with, 0) == 0; }

class Case {
 public:
  Case(const std::filesystem::path& folder, const json& golden_case)
      : folder_(folder), case_(golden_case), options_(golden_case["options"]) {}

  bool has(const std::string& name) const {
    return std::filesystem::exists(folder_ / (name + ".npy"));
  }
  Tensor file(const std::string& name) const {
    return read_npy((folder_ / (name + ".npy")).string());
  }
  const json& options() const { return options_; }
  std::string word(const std::string& option) const {
    const std::string text = options_[option];
    return text.substr(0, text.find(' '));
  }
  const json& expected() const { return case_["expected"]; }
  Model model() const {
    return Model::from_onnx((folder_ / case_["model"].get<std::string>()).string());
  }
  std::int64_t target(std::int64_t sample) const {
    const json& target = case_["target"];
    return target.is_array() ? target[static_cast<std::size_t>(sample)] : target;
  }
  /// Picture [1, C, H, W] and map [H, W] of one sample; channels of a map are added up.
  Tensor picture(std::int64_t sample) const { return file("input").narrow(0, sample, 1); }
  Tensor map(std::int64_t sample) const {
    const Tensor maps = file("map");
    if (maps.dim() == 2) return maps;
    return maps.dim() == 4 ? maps[sample].sum(0) : maps[sample];
  }
  std::int64_t samples() const { return file("input").size(0); }

 private:
  const std::filesystem::path& folder_;
  const json& case_;
  const json& options_;
};

Tensor numbers(const std::vector<double>& values) { return at::tensor(values, at::kDouble); }

Results density(const Case& one) {
  std::map<std::string, std::vector<double>> all;
  const Model model = one.model();
  for (std::int64_t n = 0; n < one.samples(); ++n) {
    const MapDensity got =
        map_density(model, one.picture(n), one.map(n), one.target(n), {.normalize = false});
    all["p_original"].push_back(got.original);
    all["p_kept"].push_back(got.kept);
    all["p_removed"].push_back(got.removed);
    all["positive_density"].push_back(got.positive);
    all["negative_density"].push_back(got.negative);
  }
  Results results;
  for (const auto& [name, values] : all) results[name] = numbers(values);
  return results;
}

RemovalOrder order_of(const std::string& word) {
  if (word == "morf") return RemovalOrder::MostRelevant;
  if (word == "lerf") return RemovalOrder::LeastRelevant;
  fail(ErrorCode::InvalidArgument, "order \"", word, "\" has no reference");
}

Results regions(const Case& one) {
  RegionCurveOptions options;
  options.order = order_of(one.word("order"));
  options.patch = one.options()["patch_size"];
  options.regions = one.options()["regions"];
  options.baseline = one.word("baseline");
  const Model model = one.model();
  Tensors falls;
  double area = 0;
  for (std::int64_t n = 0; n < one.samples(); ++n) {
    const RegionCurve got =
        region_perturbation(model, one.picture(n), one.map(n), one.target(n), options);
    falls.push_back(numbers(got.fall));
    area += got.area / static_cast<double>(one.samples());
  }
  return {{"expected", at::stack(falls)}, {"auc", numbers({area})}};
}

/// Pictures imputed at one percentile with the standard normal numbers that the case gives,
/// [C, imputed pixels].
Tensor imputed(const Case& one, const std::string& percentile, RemovalOrder order) {
  Tensors all;
  for (std::int64_t n = 0; n < one.samples(); ++n) {
    const Tensor keep = road_keeps(one.map(n), std::stod(percentile), order);
    const Tensor noise =
        one.file(concat("noise", percentile, "_", n)) * one.options()["noise"].get<double>();
    const Tensor picture = impute_linear(one.picture(n)[0], keep);
    const Tensor holes = keep.logical_not().expand_as(picture);
    all.push_back(picture + at::zeros_like(picture).masked_scatter(holes, noise));
  }
  return at::stack(all);
}

Results road_results(const Case& one) {
  const std::string order = one.word("order");
  RoadOptions options;
  options.percentiles = one.options()["percentiles"].get<std::vector<double>>();
  options.noise = 0;
  const Model model = one.model();
  const auto run = [&](std::int64_t n, RemovalOrder by) {
    return road(model, one.picture(n), one.map(n), one.target(n), by, options);
  };
  Tensors changes;
  std::vector<double> averages;
  for (std::int64_t n = 0; n < one.samples(); ++n) {
    if (order == "combined") {
      averages.push_back((run(n, RemovalOrder::LeastRelevant).average -
                          run(n, RemovalOrder::MostRelevant).average) /
                         2);
    } else {
      changes.push_back(numbers(run(n, order_of(order)).change));
    }
  }
  Results results;
  const Tensor whole = order == "combined" ? numbers(averages) : at::stack(changes, 1);
  results["expected_noise_free"] = whole;
  if (one.options()["noise"] == 0.0) results["expected"] = whole;
  for (const auto& [name, entry] : one.expected().items()) {
    const std::string prefix = "expected_imputed";
    if (begins(name, prefix)) {
      results[name] = imputed(one, name.substr(prefix.size()), order_of(order));
    }
  }
  return results;
}

/// Shrinking starts from a larger input.
Tensor input_of(const Case& one, const std::string& size) {
  const bool shrinks = size == "down" || begins(size, "shrink");
  return one.file(shrinks && one.has("input_large") ? "input_large" : "input");
}

Tensor resized(const Tensor& x, const json& size, ResizeMode mode) {
  return resize_tensor(x, size[0], size[1], mode);
}

Results resize_pil(const Case& one) {
  const std::map<std::string, ResizeMode> modes = {{"bilinear", ResizeMode::PilBilinear},
                                                   {"bicubic", ResizeMode::PilBicubic},
                                                   {"nearest", ResizeMode::PilNearest}};
  Results results;
  for (const auto& [name, entry] : one.expected().items()) {
    // expected_bicubic_up, expected_rgb_bilinear_down
    std::string rest = name.substr(std::string("expected_").size());
    const bool bytes = begins(rest, "rgb_");
    if (bytes) rest = rest.substr(4);
    const ResizeMode mode = modes.at(rest.substr(0, rest.find('_')));
    const std::string size = rest.substr(rest.find('_') + 1);
    const json& to = one.options()["sizes_h_w"][bytes ? "rgb_" + size : size];
    results[name] = bytes ? resized(one.file("input_rgb8").permute({2, 0, 1}), to, mode)
                                .permute({1, 2, 0})
                                .contiguous()
                          : resized(input_of(one, size), to, mode);
  }
  return results;
}

Results resize_skimage(const Case& one) {
  Results results;
  const json& sizes = one.options()["sizes_h_w"];
  const Tensor x = one.file("input");
  for (std::int64_t i = 0; i < x.size(0); ++i) {
    results[concat("expected_", i)] = resized(x[i], sizes["grid"], ResizeMode::SkimageLinear);
  }
  results["expected_smooth"] =
      resized(one.file("input_smooth"), sizes["smooth"], ResizeMode::SkimageLinear);
  return results;
}

ResizeMode torch_mode(const json& options) {
  std::string name = options["mode"];
  if (name == "nearest") return ResizeMode::Nearest;
  if (options.contains("align_corners") && options["align_corners"] == true) {
    name += "-align-corners";
  }
  if (options.contains("antialias") && options["antialias"] == true) name += "-antialias";
  return parse_resize_mode(name);
}

Results resize(const Case& one) {
  const std::string mode = one.word("mode");
  if (mode == "PIL") return resize_pil(one);
  if (mode == "skimage") return resize_skimage(one);
  if (mode == "TorchRay") {
    return {{"expected",
             resized(one.file("input"), one.options()["size_h_w"], ResizeMode::TorchRayRise)}};
  }
  const ResizeMode named = mode == "cv2" ? ResizeMode::OpenCvLinear : torch_mode(one.options());
  Results results;
  for (const auto& [size, to] : one.options()["sizes_h_w"].items()) {
    results["expected_" + size] = resized(input_of(one, size), to, named);
  }
  return results;
}

Results smooth(const Case& one) {
  const std::map<std::string, Padding> paddings = {{"constant", Padding::Zero},
                                                   {"reflect", Padding::Reflect},
                                                   {"replicate", Padding::Replicate}};
  const json& options = one.options();
  const Padding padding = paddings.at(options["padding"]);
  const Tensor x = one.file("input");
  if (options.contains("kernel")) {
    const json& kernel = options["kernel"];
    return {{"expected", gaussian_blur(x, kernel[0], kernel[1], options["sigma"], padding)}};
  }
  Results results;
  for (const auto& [name, entry] : one.expected().items()) {
    std::string sigma = name.substr(std::string("expected_sigma").size());
    sigma[sigma.find('p')] = '.';
    results[name] = smooth_torchray(x, std::stod(sigma), padding);
  }
  return results;
}

}  // namespace

std::optional<Results> run_faithfulness(const std::filesystem::path& folder,
                                        const json& golden_case) {
  using Run = Results (*)(const Case&);
  static const std::map<std::string, Run> runs = {{"map_density", density},
                                                  {"region_perturbation", regions},
                                                  {"road", road_results},
                                                  {"resize", resize},
                                                  {"gaussian_smooth", smooth}};
  const auto found = runs.find(golden_case.value("metric", ""));
  if (found == runs.end()) return std::nullopt;
  return found->second(Case(folder, golden_case));
}

}  // namespace limn::golden
