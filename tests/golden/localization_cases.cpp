// See localization_cases.h.
#include "golden/localization_cases.h"

#include <ATen/ATen.h>

#include "base/correlation.h"
#include "limn/dataset.h"
#include "limn/error.h"
#include "limn/localization.h"
#include "limn/npy.h"

namespace limn::golden {
namespace {

using nlohmann::json;
using Results = std::map<std::string, Tensor>;

Tensor scalar(double value) { return at::tensor({value}, at::kDouble); }

Tensor read(const std::filesystem::path& folder, const json& name) {
  return read_npy((folder / name.get<std::string>()).string());
}

/// The boxes of a case as an item of a data set. Pictures that the difficult list does not name
/// count in its subset.
DatasetItem item_of(const json& image) {
  DatasetItem item;
  item.picture.pixels =
      at::zeros({image.at("height").get<std::int64_t>(), image.at("width").get<std::int64_t>(), 3},
                at::kByte);
  const json flags = image.value("difficult_flags", json::array());
  const bool listed = image.value("in_difficult_list", false);
  for (const auto& object : image.at("objects")) {
    const json& box = object.at("box_1based_inclusive");
    const int label = object.at("class");
    item.objects.push_back({.label = label,
                            .box = {.left = box[0].get<int>() - 1,
                                    .top = box[1].get<int>() - 1,
                                    .right = box[2],
                                    .bottom = box[3]},
                            .difficult = object.value("difficult", 0) != 0});
    if (!listed || flags.at(static_cast<std::size_t>(label)).get<int>() != 0) {
      item.difficult_list.push_back(label);
    }
  }
  return item;
}

/// Hits and misses of each class.
struct Tally {
  explicit Tally(std::int64_t classes)
      : hits(at::zeros({classes}, at::kDouble)), misses(at::zeros({classes}, at::kDouble)) {}
  void add(std::int64_t label, int outcome) {
    if (outcome > 0) hits[label].add_(1);
    if (outcome < 0) misses[label].add_(1);
  }
  void store(const std::string& name, Results& results) const {
    for (std::int64_t i = 0; i < hits.size(0); ++i) {
      results[concat(name, "/hits/", i)] = hits[i];
      results[concat(name, "/misses/", i)] = misses[i];
    }
    results[name + "/accuracy"] = (hits / (hits + misses).clamp_min(1)).mean();
  }
  Tensor hits, misses;
};

Results pointing_game(const std::filesystem::path& folder, const json& golden_case) {
  const json& options = golden_case.at("options");
  if (options.value("mask", "union of boxes").rfind("union of boxes", 0) != 0) {
    fail(ErrorCode::Unsupported, "the case's mask is ", options["mask"]);
  }
  const auto classes = options.at("classes").get<std::int64_t>();
  const double tolerance = options.at("tolerance").get<double>();
  Tally all(classes), dif(classes);
  Results results;
  const json& images = golden_case.at("expected_values").at("images");
  for (std::size_t i = 0; i < images.size(); ++i) {
    const json& image = images[i];
    const DatasetItem item = item_of(image);
    const MapPoint largest = largest_point(read(folder, image.at("map")));
    for (std::size_t p = 0; p < image.at("points").size(); ++p) {
      const json& given = image["points"][p];
      const int label = given.at("class");
      const Truth truth = item.truth(label);
      const bool ours = given.at("kind") == "argmax";
      const MapPoint point = ours ? largest
                                  : MapPoint{.x = given.at("point_xy")[0].get<double>(),
                                             .y = given["point_xy"][1].get<double>()};
      const bool hit = point_hits(truth.boxes, point, tolerance);
      const int outcome = truth.all_difficult ? 0 : hit ? 1 : -1;
      const int outcome_dif = truth.in_difficult_list ? outcome : 0;
      all.add(label, outcome);
      dif.add(label, outcome_dif);
      const std::string name = concat("images/", i, "/points/", p);
      results[name + "/all"] = scalar(outcome);
      results[name + "/dif"] = scalar(outcome_dif);
      results[name + "/mask_pixels"] = truth.boxes.sum();
      results[name + "/point_xy/0"] = scalar(point.x);
      results[name + "/point_xy/1"] = scalar(point.y);
    }
  }
  all.store("all", results);
  dif.store("dif", results);
  return results;
}

Results energy_pointing_game(const std::filesystem::path& folder, const json& golden_case) {
  const auto classes = golden_case.at("options").at("classes").get<std::int64_t>();
  const Tensor sum = at::zeros({classes}, at::kDouble), count = at::zeros({classes}, at::kDouble);
  Results results;
  const json& items = golden_case.at("expected_values").at("items");
  for (std::size_t i = 0; i < items.size(); ++i) {
    const double energy = energy_inside(read(folder, items[i].at("map")),
                                        read(folder, items[i].at("mask")), MapPart::Signed);
    const std::int64_t label = items[i].at("class");
    sum[label].add_(energy);
    count[label].add_(1);
    results[concat("items/", i, "/energy")] = scalar(energy);
  }
  const Tensor means = sum / count.clamp_min(1);
  for (std::int64_t i = 0; i < classes; ++i) results[concat("class_means/", i)] = means[i];
  results["accuracy"] = means.mean();
  return results;
}

Results segmentation(const std::filesystem::path& folder, const json& golden_case) {
  const json& options = golden_case.at("options");
  const Tensor maps = read_npy((folder / "input.npy").string());
  const Tensor labels = read_npy((folder / "label.npy").string()).to(at::kLong);
  const Tensor ignored = labels == options.value("ignore_label", -1);
  const Tensor objects = (labels > 0).logical_and(ignored.logical_not());
  const json threshold = options.value("threshold", json(0.0));
  const bool reaches = options.value("foreground", "").find(">=") != std::string::npos;
  SegmentationCounts whole;
  Results results;
  double precisions = 0;
  for (std::int64_t i = 0; i < maps.size(0); ++i) {
    const Tensor map = maps[i].to(at::kDouble);
    const double level = threshold.is_number() ? threshold.get<double>()
                                               : map_threshold(map, threshold.get<std::string>());
    const SegmentationCounts counts =
        count_segmentation(reaches ? map >= level : map > level, objects[i], ignored[i]);
    whole += counts;
    precisions += counts.average_precision();
    results[concat("ap_per_image/", i)] = scalar(counts.average_precision());
  }
  results["pixel_accuracy"] = scalar(whole.pixel_accuracy());
  results["correct"] = scalar(static_cast<double>(whole.true_foreground + whole.true_background));
  results["labelled"] = scalar(static_cast<double>(whole.pixels()));
  results["mean_ap"] = scalar(precisions / static_cast<double>(maps.size(0)));
  results["iou/0"] = scalar(whole.background_iou());
  results["iou/1"] = scalar(whole.foreground_iou());
  results["miou"] = scalar(whole.mean_iou());
  return results;
}

Results spearman(const std::filesystem::path& folder) {
  const Tensor input = read_npy((folder / "input.npy").string());
  const Tensor tied = read_npy((folder / "tied.npy").string());
  return {{"expected",
           at::tensor({rank_correlation(input[0], input[1]), rank_correlation(tied[0], tied[1]),
                       rank_correlation(input[0].abs(), input[1].abs()),
                       rank_correlation(input[0], -input[0])},
                      at::kDouble)}};
}

}  // namespace

std::optional<Results> run_localization(const std::filesystem::path& folder,
                                        const json& golden_case) {
  const std::string metric = golden_case.value("metric", "");
  if (metric == "pointing_game") return pointing_game(folder, golden_case);
  if (metric == "energy_pointing_game") return energy_pointing_game(folder, golden_case);
  if (metric == "segmentation") return segmentation(folder, golden_case);
  if (metric == "spearman") return spearman(folder);
  return std::nullopt;
}

}  // namespace limn::golden
