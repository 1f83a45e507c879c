// What a run leaves beside its maps: manifest.json to redo it, and one HTML page to look at.
#pragma once
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "limn/heatmap.h"
#include "limn/method.h"
#include "limn/model.h"
#include "limn/render.h"
#include "limn/tensor.h"

namespace limn {

/// Everything that all results of a run share.
struct RunRecord {
  std::string created;  ///< UTC, ISO 8601
  std::vector<std::string> command;
  std::string model_path, model_sha256;
  std::size_t model_nodes = 0;
  std::string output_kind;  ///< single-label | multi-label
  std::size_t labels = 0;   ///< how many classes have names
  Detector detector;        ///< layout empty: a classifier
  Preprocessing preprocessing;
  std::vector<std::int64_t> input_shape;  ///< [C, H, W] as run
  std::string device, precision, score_kind;
  std::int64_t threads = 0, batch = 0;
  std::uint64_t seed = 0;
  double max_gap = 0;
  std::string fallback = "none";  ///< `gradient`: what nodes without a rule got
  std::size_t maps_asked = 0;     ///< more than there are results where an interrupt ended the run
  std::map<std::string, std::string> versions;
};

struct Prediction {
  std::int64_t index = 0;
  std::string label;
  double probability = 0;
  std::vector<double> box;  ///< x1, y1, x2, y2 in the picture's pixels, of a detection
};

/// A file that a method's options name (`rules` of lrp), as it was read.
struct OptionFile {
  std::string path, sha256, text;
};

/// One map and its evidence.
struct ResultRecord {
  std::string input;  ///< path as given
  std::string input_sha256;
  std::int64_t sample = 0;   ///< of a .npy batch
  std::string asked_target;  ///< `top1`
  std::string target;        ///< `class:281 (tabby)`
  std::vector<std::int64_t> classes;
  std::vector<Prediction> predictions;  ///< likeliest first
  std::string asked_method;             ///< as typed: `lrp`
  std::string spec;                     ///< with every option
  std::vector<OptionFile> rules;        ///< the rules files of the method and those within it
  std::string method, title;
  std::string at, layer, reduction;
  bool is_signed = false;
  bool partial = false;  ///< stopped before all samples were drawn
  double score = 0;
  std::optional<double> gap;  ///< absent where nothing is promised
  GapKind gap_kind = GapKind::None;
  std::string precision;  ///< of this map: fp32 | fp64 | fp32, bf16 for masked pictures
  double map_sum = 0, map_min = 0, map_max = 0;  ///< at the map's own size
  Geometry geometry;
  MapStyle style;
  std::vector<std::string> notes;            ///< what the method says
  std::vector<std::string> warnings;         ///< why the map should not be trusted
  std::map<std::string, std::string> files;  ///< kind -> name
  double seconds = 0;
};

/// One result as a JSON object, indented where `indent` >= 0.
std::string result_json(const ResultRecord& result, int indent = -1);
/// Schema `limn.manifest/1`.
std::string manifest_json(const RunRecord& run, const std::vector<ResultRecord>& results);
/// Which promise holds, or what is missing from it, in words; or that nothing is promised.
std::string gap_words(const ResultRecord& result);

/// What the page shows of one result.
struct ReportItem {
  ResultRecord result;
  Tensor picture;   ///< uint8 [H, W, 3]: the original
  Tensor map;       ///< float [h, w] at the input's resolution: the values under the pointer
  Tensor original;  ///< float [H, W] in the picture's geometry: the colors
};
/// One self-contained page: no network, no files beside it.
std::string html_report(const RunRecord& run, const std::vector<ReportItem>& items,
                        const std::string& title);

}  // namespace limn
