// The HTML page and the manifest against approved files, for one fixed result.
#include "limn/report.h"

#include <nlohmann/json.hpp>
#include <regex>

#include "approval/approve.h"

namespace limn {
namespace {

RunRecord fixed_run() {
  RunRecord run;
  run.created = "2026-01-02T03:04:05Z";
  run.command = {"limn", "explain", "model.onnx", "cat.png"};
  run.model_path = "model.onnx";
  run.model_sha256 = std::string(64, 'a');
  run.model_nodes = 7;
  run.output_kind = "single-label";
  run.preprocessing.known = true;
  run.preprocessing.source = "model.limn.json";
  run.input_shape = {3, 24, 24};
  run.device = "cpu";
  run.precision = "fp32";
  run.score_kind = "logit";
  run.threads = 2;
  run.max_gap = 0.05;
  run.versions = {{"limn", "0.1.0"}, {"libtorch", "1.13.0"}};
  return run;
}

ReportItem fixed_item() {
  ReportItem item;
  item.picture = at::full({40, 60, 3}, 180, at::kByte);
  item.map = (at::arange(24 * 24, at::kFloat).view({24, 24}) - 200) / 1000;
  Geometry geometry{24, 24, 40, 60, 40.0 / 24, 60.0 / 24, 0, 0};
  item.original = to_original(item.map, geometry);
  ResultRecord& result = item.result;
  result.input = "</script><b>cat.png";
  result.input_sha256 = std::string(64, 'b');
  result.asked_target = "top1";
  result.target = "class:2 (cat)";
  result.classes = {2};
  result.predictions = {{2, "cat", 0.75, {}}, {3, "dog", 0.125, {}}};
  result.asked_method = "lrp";
  result.spec = "lrp(composite=epsilon-plus)";
  result.method = "lrp";
  result.title = "Layer-wise relevance propagation";
  result.at = "input";
  result.reduction = "sum";
  result.is_signed = true;
  result.score = 4.5;
  result.gap = 0.0125;
  result.gap_kind = GapKind::Score;
  result.precision = "fp32";
  result.map_sum = 4.44;
  result.geometry = geometry;
  result.style = style_map(item.original, true);
  result.notes = {"composite epsilon-plus"};
  result.warnings = {"a warning & its reason"};
  result.files = {{"map", "cat-lrp-top1.npy"}};
  result.seconds = 0.25;
  return item;
}

TEST(Report, Page) {
  const std::string page = html_report(fixed_run(), {fixed_item()}, "limn: model <1>");
  // Compressed pictures differ between versions of zlib.
  const std::string stable =
      std::regex_replace(page, std::regex("data:image/png;base64,[A-Za-z0-9+/=]*"), "[png]");
  testing::approve_text("report.html", stable);
}

TEST(Report, PageLoadsNothingAndNamesCannotBreakIt) {
  const std::string page = html_report(fixed_run(), {fixed_item()}, "limn: model <1>");
  EXPECT_EQ(page.find("http://"), std::string::npos);
  EXPECT_EQ(page.find("https://"), std::string::npos);
  EXPECT_EQ(page.find("</script><b>"), std::string::npos);
  EXPECT_NE(page.find("limn: model &lt;1>"), std::string::npos);
}

TEST(Report, Manifest) {
  const std::string text = manifest_json(fixed_run(), {fixed_item().result});
  testing::approve_text("manifest.json", text);
  const auto json = nlohmann::json::parse(text);
  EXPECT_EQ(json["schema"], "limn.manifest/1");
  EXPECT_EQ(json["results"][0]["score"], 4.5);
}

TEST(Report, TheGapsWordsNameThePromise) {
  ResultRecord result = fixed_item().result;
  const auto words = [&](GapKind kind, double gap) {
    result.gap_kind = kind;
    result.gap = gap;
    return gap_words(result);
  };
  EXPECT_EQ(words(GapKind::Score, 0), "conserved: the map sums to the score within rounding");
  EXPECT_EQ(words(GapKind::ScoreMinusBaseline, 0.02),
            "the map's sum misses the score minus the baseline's score by 2 %");
  EXPECT_EQ(words(GapKind::Terms, 0.02), "its terms (not the map) miss the score by 2 %");
  EXPECT_EQ(words(GapKind::Mass, 0.02), "2 % of the message of mass 1 is lost on its way");
  for (const GapKind kind : {GapKind::ScoreMinusBaseline, GapKind::Terms, GapKind::Mass}) {
    EXPECT_EQ(words(kind, 0).find("conserved"), std::string::npos);
  }
}

TEST(Report, ManifestHasNullForNaN) {
  ResultRecord result = fixed_item().result;
  result.score = NAN;
  EXPECT_TRUE(nlohmann::json::parse(result_json(result))["score"].is_null());
}

TEST(Manifest, SaysWhatAnInterruptLeftOut) {
  RunRecord run = fixed_run();
  run.maps_asked = 2;
  run.detector = {.layout = "yolox", .strides = {8}, .score = 0.3, .iou = 0.5};
  const ReportItem item = fixed_item();
  const auto json = nlohmann::json::parse(manifest_json(run, {item.result}));
  EXPECT_FALSE(json["complete"].get<bool>());
  EXPECT_EQ(json["maps_asked"], 2);
  EXPECT_EQ(json["model"]["detector"]["layout"], "yolox");
  EXPECT_EQ(json["model"]["detector"]["score"], 0.3);
  const std::string words = "Interrupted: 1 of 2 maps were made.";
  EXPECT_NE(html_report(run, {item}, "t").find(words), std::string::npos);
  run.maps_asked = 1;
  EXPECT_EQ(html_report(run, {item}, "t").find(words), std::string::npos);
}

}  // namespace
}  // namespace limn
