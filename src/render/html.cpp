// The HTML report: one page with its pictures, values and script inside. The page's own text lies
// in page.inc; data go into one JSON block, so that no name can break out of the markup.
#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <opencv2/core.hpp>
#include <opencv2/imgproc.hpp>

#include "limn/image.h"
#include "limn/report.h"
#include "render/html_parts.h"

namespace limn {
namespace {

using render::base64;
using render::escaped;
using render::png_url;
using render::replace;
using Json = nlohmann::ordered_json;

constexpr std::string_view kPage =
#include "render/page.inc"
    ;
/// Longest side of pictures in the page; the files beside it keep the full size.
constexpr std::int64_t kLongestSide = 1024;

Tensor shrink(const Tensor& pixels) {
  const std::int64_t height = pixels.size(0), width = pixels.size(1);
  const std::int64_t longest = std::max(height, width);
  if (longest <= kLongestSide) return pixels;
  return resize_picture(pixels, std::max<std::int64_t>(1, height * kLongestSide / longest),
                        std::max<std::int64_t>(1, width * kLongestSide / longest));
}

std::string join(const std::vector<std::int64_t>& values, const char* between) {
  return fmt::format("{}", fmt::join(values, between));
}

/// The certificate: question and answer, in words.
Json certificate(const RunRecord& run, const ResultRecord& result) {
  Json rows = Json::array();
  const auto row = [&](const std::string& name, const std::string& words) {
    if (!words.empty()) rows.push_back({name, words});
  };
  const std::string what = run.score_kind == "cosine"  ? "cosine of the embeddings"
                           : run.score_kind == "logit" ? "logit (the class score before "
                                                         "softmax or sigmoid)"
                           : run.score_kind == "prob"  ? "probability"
                                                       : "logarithm of the probability";
  row("Explained", result.target + ", its " + what);
  row("Score", fmt::format("{:.6g}", result.score));
  std::string predicted;
  for (const auto& one : result.predictions) {
    predicted += fmt::format("{}{} {:.1f} %", predicted.empty() ? "" : ", ", one.label,
                             100 * one.probability);
  }
  row("Prediction", predicted);
  row("Conservation", gap_words(result) + fmt::format(" (sum of the map {:.6g})", result.map_sum));
  row("Sign", result.style.low < 0
                  ? "positive values (red) speak for what is explained, negative (blue) against"
                  : "strength only: how much a place matters, not in which direction");
  row("Method", result.title + ": " + result.spec);
  row("Layer", result.layer);
  row("Map of", result.at + ", channels joined by " + result.reduction);
  row("Picture scale", fmt::format("{:.4g} to {:.4g} by rule {}{}, color map {}", result.style.low,
                                   result.style.high, result.style.rule,
                                   result.style.clipped ? " (stronger values are clipped)" : "",
                                   result.style.colormap));
  row("Input",
      fmt::format("{}, {} x {} pixels, run at {} x {}, SHA-256 {}", result.input,
                  result.geometry.original_width, result.geometry.original_height,
                  result.geometry.input_width, result.geometry.input_height, result.input_sha256));
  const Preprocessing& how = run.preprocessing;
  row("Preprocessing",
      fmt::format("{}{}; mean {:.4g}, std {:.4g}, {}, from {}", how.resize,
                  how.short_side > 0 ? fmt::format(" {}", how.short_side) : "",
                  fmt::join(how.mean, " "), fmt::join(how.std, " "), how.channel_order,
                  how.known ? how.source : how.source + " (a guess)"));
  row("Model", fmt::format("{}, {} nodes, input {}, SHA-256 {}", run.model_path, run.model_nodes,
                           join(run.input_shape, " x "), run.model_sha256));
  std::string versions;
  for (const auto& [name, version] : run.versions) {
    versions += (versions.empty() ? "" : ", ") + name + " " + version;
  }
  row("Run", fmt::format("{}, {}, {} threads, seed {}, {:.3g} s, {}", run.device, result.precision,
                         run.threads, run.seed, result.seconds, run.created));
  row("Versions", versions);
  for (const auto& note : result.notes) row("Note", note);
  return rows;
}

}  // namespace

std::string html_report(const RunRecord& run, const std::vector<ReportItem>& items,
                        const std::string& title) {
  Json data = {{"pictures", Json::array()}, {"results", Json::array()}};
  std::vector<const void*> seen;
  for (const auto& item : items) {
    const void* key = item.picture.data_ptr();
    std::size_t index =
        static_cast<std::size_t>(std::find(seen.begin(), seen.end(), key) - seen.begin());
    if (index == seen.size()) {
      seen.push_back(key);
      data["pictures"].push_back(png_url(shrink(item.picture)));
    }
    const Tensor table = colormap_table(item.result.style.colormap).contiguous();
    const Tensor map = item.map.to(at::kCPU, at::kFloat).contiguous();
    const Geometry& geometry = item.result.geometry;
    const std::string values(static_cast<const char*>(map.data_ptr()), map.nbytes());
    const std::string colors(static_cast<const char*>(table.data_ptr()), table.nbytes());
    data["results"].push_back(
        {{"picture", index},
         {"layer", png_url(shrink(color_layer(item.original, item.result.style)))},
         {"values", base64(values)},
         {"rows", map.size(0)},
         {"columns", map.size(1)},
         {"geometry",
          {geometry.original_height, geometry.original_width, geometry.scale_y, geometry.scale_x,
           geometry.offset_y, geometry.offset_x, geometry.input_height, geometry.input_width}},
         {"colors", base64(colors)},
         {"low", item.result.style.low},
         {"high", item.result.style.high},
         {"clipped", item.result.style.clipped},
         {"constant", item.result.style.constant},
         {"words", item.result.style.words},
         {"input", item.result.input},
         {"method", item.result.asked_method},
         {"title", item.result.title},
         {"target", item.result.target},
         {"warnings", item.result.warnings},
         {"certificate", certificate(run, item.result)}});
  }
  std::string json = data.dump(-1, ' ', false, Json::error_handler_t::replace);
  // "</script>" inside a name must not end the script.
  for (std::size_t at = 0; (at = json.find("</", at)) != std::string::npos;) {
    json.replace(at, 2, "<\\/");
  }
  std::string page(kPage);
  replace(page, "@TITLE@", escaped(title));
  replace(page, "@HEADING@", escaped(title));
  replace(page, "@PARTIAL@",
          items.size() >= run.maps_asked
              ? ""
              : fmt::format("<p class=\"warn\">Interrupted: {} of {} maps were made.</p>",
                            items.size(), run.maps_asked));
  replace(page, "@VERSION@", escaped(run.versions.count("limn") ? run.versions.at("limn") : ""));
  replace(page, "@DATA@", json);
  return page;
}

}  // namespace limn
