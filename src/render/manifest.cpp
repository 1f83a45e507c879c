// manifest.json: everything needed to redo a run. Schema `limn.manifest/1`; keys are only added
// within a schema version.
#include <fmt/format.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "limn/report.h"

namespace limn {
namespace {

using Json = nlohmann::ordered_json;

/// JSON has no NaN; it becomes null.
Json number(double value) { return std::isfinite(value) ? Json(value) : Json(nullptr); }

Json geometry_json(const Geometry& geometry) {
  return {{"input", {geometry.input_height, geometry.input_width}},
          {"original", {geometry.original_height, geometry.original_width}},
          {"scale", {geometry.scale_y, geometry.scale_x}},
          {"offset", {geometry.offset_y, geometry.offset_x}}};
}

Json preprocessing_json(const Preprocessing& how) {
  return {{"source", how.source},
          {"known", how.known},
          {"size", how.size},
          {"resize", how.resize},
          {"short_side", how.short_side},
          {"mean", how.mean},
          {"std", how.std},
          {"scale", how.scale},
          {"channel_order", how.channel_order},
          {"pad_value", how.pad_value},
          {"formula", "(pixel * scale - mean) / std, pixel in 0..1"}};
}

Json detector_json(const Detector& detector) {
  if (detector.layout.empty()) return nullptr;
  return {{"layout", detector.layout},
          {"strides", detector.strides},
          {"score", detector.score},
          {"iou", detector.iou}};
}

Json to_json(const ResultRecord& result) {
  Json predictions = Json::array();
  for (const auto& one : result.predictions) {
    predictions.push_back(
        {{"class", one.index}, {"label", one.label}, {"probability", number(one.probability)}});
    if (!one.box.empty()) predictions.back()["box"] = one.box;
  }
  Json rules = Json::array();
  for (const auto& one : result.rules) {
    rules.push_back({{"file", one.path}, {"sha256", one.sha256}, {"text", one.text}});
  }
  return {{"input", result.input},
          {"input_sha256", result.input_sha256},
          {"sample", result.sample},
          {"method", result.spec},
          {"asked_method", result.asked_method},
          {"rules", rules},
          {"target", result.asked_target},
          {"explained", result.target},
          {"classes", result.classes},
          {"score", number(result.score)},
          {"gap", result.gap ? number(*result.gap) : Json(nullptr)},
          {"gap_of", result.gap ? Json(gap_kind_name(result.gap_kind)) : Json(nullptr)},
          {"precision", result.precision},
          {"prediction", predictions},
          {"layer", result.layer},
          {"value", result.at},
          {"signed", result.is_signed},
          {"reduction", result.reduction},
          {"map",
           {{"sum", number(result.map_sum)},
            {"min", number(result.map_min)},
            {"max", number(result.map_max)}}},
          {"geometry", geometry_json(result.geometry)},
          {"picture_scale",
           {{"rule", result.style.rule},
            {"low", number(result.style.low)},
            {"high", number(result.style.high)},
            {"clipped", result.style.clipped},
            {"colormap", result.style.colormap}}},
          {"partial", result.partial},
          {"notes", result.notes},
          {"warnings", result.warnings},
          {"files", result.files},
          {"seconds", number(result.seconds)}};
}

}  // namespace

std::string result_json(const ResultRecord& result, int indent) {
  return to_json(result).dump(indent, ' ', false, Json::error_handler_t::replace);
}

std::string manifest_json(const RunRecord& run, const std::vector<ResultRecord>& results) {
  Json json = {{"schema", "limn.manifest/1"},
               {"created", run.created},
               {"command", run.command},
               {"versions", run.versions},
               {"model",
                {{"path", run.model_path},
                 {"sha256", run.model_sha256},
                 {"nodes", run.model_nodes},
                 {"output", run.output_kind},
                 {"labels", run.labels},
                 {"detector", detector_json(run.detector)},
                 {"input_shape", run.input_shape}}},
               {"preprocessing", preprocessing_json(run.preprocessing)},
               {"score", run.score_kind},
               {"seed", run.seed},
               {"device", run.device},
               {"precision", run.precision},
               {"threads", run.threads},
               {"batch", run.batch},
               {"max_gap", run.max_gap},
               {"fallback", run.fallback},
               {"maps_asked", run.maps_asked},
               {"complete", results.size() >= run.maps_asked},
               {"results", Json::array()}};
  for (const auto& result : results) json["results"].push_back(to_json(result));
  return json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

std::string gap_words(const ResultRecord& result) {
  if (!result.gap) return "this method does not promise that the map sums to the score";
  const double gap = *result.gap;
  if (!std::isfinite(gap)) return "the gap is not a number";
  const bool holds = gap < 1e-5;
  const double percent = 100 * gap;
  switch (result.gap_kind) {
    case GapKind::ScoreMinusBaseline:
      if (holds) return "the map sums to the score minus the baseline's score within rounding";
      return fmt::format("the map's sum misses the score minus the baseline's score by {:.3g} %",
                         percent);
    case GapKind::Terms:
      if (holds) return "its terms, not the map, sum to the score within rounding";
      return fmt::format("its terms (not the map) miss the score by {:.3g} %", percent);
    case GapKind::Mass:
      if (holds) return "all of the message of mass 1 arrives";
      return fmt::format("{:.3g} % of the message of mass 1 is lost on its way", percent);
    case GapKind::Score:
    case GapKind::None:
      break;
  }
  if (holds) return "conserved: the map sums to the score within rounding";
  return fmt::format("{:.3g} % of the score is missing from the map's sum, or added to it",
                     percent);
}

}  // namespace limn
