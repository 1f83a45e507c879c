// See masked_cases.h.
#include "golden/masked_cases.h"

#include <ATen/ATen.h>

#include "limn/method.h"
#include "limn/npy.h"
#include "methods/detection_similarity.h"
#include "methods/mask_estimate.h"
#include "methods/mask_generator.h"
#include "methods/perturbation.h"

namespace limn::golden {
namespace {

using nlohmann::json;
using Results = std::map<std::string, Tensor>;

class Files {
 public:
  explicit Files(const std::filesystem::path& folder) : folder_(folder) {}
  Tensor operator[](const std::string& name) const {
    return read_npy((folder_ / (name + ".npy")).string());
  }

 private:
  const std::filesystem::path& folder_;
};

/// The case's masks made again from its cells and shifts.
Tensor masks_again(const std::string& growth, const Tensor& cells, const Tensor& shifts,
                   const Tensor& x) {
  MaskOptions options;
  options.growth = growth;
  options.cells = {cells.size(1), cells.size(2)};
  return RandomMasks(options, x.size(2), x.size(3)).from_cells(cells, shifts.to(at::kLong));
}

Results rise(const std::filesystem::path& folder, const json& golden_case) {
  const Files file(folder);
  const json& options = golden_case["options"];
  const Model model = Model::from_onnx((folder / golden_case["model"].get<std::string>()).string());
  const Tensor x = file["input"];
  ExplainOptions call;
  call.masks = file["masks"];
  const std::string flavor = options["flavour"];
  const auto method = make_method("rise(flavor=" + flavor + ", p=" + options["p"].dump() +
                                  ", output=" + options["output"].get<std::string>() + ")");
  const std::int64_t classes = model.run(x, Keep::Outputs)[model.logits()].size(1);
  std::vector<Target> targets;
  for (std::int64_t c = 0; c < classes; ++c) targets.push_back(Target::of_class(c));
  Tensors maps;
  for (const auto& one : method->explain(model, x, targets, call)) {
    maps.push_back(one.relevance.squeeze(1));
  }
  Results results;
  results["expected"] = flavor == "torchray" ? at::stack(maps, 1) : at::cat(maps);
  results["masks"] = masks_again(flavor, file["grid"], file["shift"], x);
  return results;
}

Results d_rise(const std::filesystem::path& folder) {
  const Files file(folder);
  const Tensor x = file["input"], counts = file["detection_count"];
  const Tensor boxes = file["target_boxes"], objectness = file["target_objectness"];
  const Tensor classes = file["target_classes"];
  const auto similarity = [&](std::int64_t first, std::int64_t count) {
    const auto some = [&](const char* name) {
      return file[name].narrow(0, first, count).unsqueeze(0);
    };
    return detection_similarity(boxes, objectness, classes, some("detection_boxes"),
                                some("detection_objectness"), some("detection_classes"))[0];
  };
  Tensors weights;
  std::int64_t first = 0;
  Results results;
  for (std::int64_t i = 0; i < counts.numel(); ++i) {
    const std::int64_t count = counts[i].item<std::int64_t>();
    weights.push_back(count > 0 ? similarity(first, count).amax(1) : at::zeros({boxes.size(0)}));
    if (i == 0 && count > 0) {
      results["expected_affinity_first_mask"] = similarity(0, count);
      results["expected_iou_first_mask"] =
          box_iou(boxes.unsqueeze(1), file["detection_boxes"].narrow(0, 0, count).unsqueeze(0));
    }
    first += count;
  }
  const Tensor all = at::stack(weights);
  results["expected_weights"] = all;
  MaskSampling sampling;
  sampling.estimator = "centered";
  ExplainOptions options;
  options.masks = file["masks"];
  std::int64_t done = 0;
  const Tensor map =
      estimate_with_masks(sampling, "nearest", x.size(2), x.size(3), x.options(), 8, options,
                          [&](const Tensor& masks) {
                            const std::int64_t count = masks.size(0);
                            done += count;
                            return all.narrow(0, done - count, count).t();
                          })
          .map;
  const Tensor lifted = map - map.amin({1, 2}, true);
  results["expected"] = lifted / lifted.amax({1, 2}, true);
  results["masks"] = masks_again("nearest", file["grid"], file["offset"], x);
  return results;
}

std::int64_t whole(const json& options, const char* name) {
  return options[name].get<std::int64_t>();
}

Results mask_generator(const std::filesystem::path& folder, const json& options) {
  const Files file(folder);
  const Tensor parameters = file["input"].squeeze(1);
  const MaskGenerator generator(whole(options, "height"), whole(options, "width"),
                                whole(options, "step"), whole(options, "sigma"),
                                parameters.options());
  const Tensor full = generator.full(parameters);
  Results results;
  results["expected"] = generator.cropped(full);
  results["expected_full"] = full;
  results["expected_parameter_gradient"] = generator.pull(parameters, file["upstream"].squeeze(1));
  return results;
}

Results extremal_perturbation(const std::filesystem::path& folder, const json& golden_case) {
  const json& options = golden_case["options"];
  const Model model = Model::from_onnx((folder / golden_case["model"].get<std::string>()).string());
  const Tensor x = Files(folder)["input"];
  std::string spec = "extremal-perturbation(areas=" + options["areas"].dump();
  for (const auto& [ours, theirs] : std::map<std::string, std::string>{{"max-iter", "max_iter"},
                                                                       {"step", "step"},
                                                                       {"sigma", "sigma"},
                                                                       {"levels", "num_levels"},
                                                                       {"max-blur", "max_blur"}}) {
    spec += ", " + ours + "=" + options[theirs].dump();
  }
  for (const char* name : {"variant", "perturbation", "reward"}) {
    spec += std::string(", ") + name + "=" + options[name].get<std::string>();
  }
  const Target target = Target::of_class(golden_case["target"].get<std::int64_t>());
  const Explanation one = make_method(spec + ")")->explain(model, x, target);
  const MaskGenerator generator(x.size(2), x.size(3), whole(options, "step"),
                                whole(options, "sigma"), x.options());
  const auto [rows, columns] = generator.cells();
  const auto areas = static_cast<std::int64_t>(options["areas"].size());
  Results results;
  results["expected"] = one.inner.at("masks")[0].unsqueeze(1);
  results["expected_history"] = one.inner.at("history")[0];
  results["expected_first_mask_full"] =
      generator.full(at::ones({areas, rows, columns}, x.options()));
  results["expected_pyramid"] =
      Pyramid(options["perturbation"], x[0], whole(options, "num_levels"), options["max_blur"])
          .levels();
  return results;
}

}  // namespace

std::optional<Results> run_masked(const std::filesystem::path& folder, const json& golden_case) {
  const std::string method = golden_case.value("method", "");
  if (method == "rise") return rise(folder, golden_case);
  if (method == "d_rise") return d_rise(folder);
  if (method == "extremal_mask_generator") return mask_generator(folder, golden_case["options"]);
  if (method == "extremal_perturbation") return extremal_perturbation(folder, golden_case);
  return std::nullopt;
}

}  // namespace limn::golden
