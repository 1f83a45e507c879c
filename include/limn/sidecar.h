// `<model>.limn.json` beside a model: labels, output kind, preprocessing.
#pragma once
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "limn/model.h"
#include "limn/target.h"

namespace limn {

/// Model::from_onnx plus `<model>.limn.json` (path with `.onnx` replaced) where it exists:
/// `labels` (list, or the name of a text file beside it), `output` (single-label|multi-label),
/// `score` (logit|prob|log-prob), `preprocessing` (an object, or the name of a preset), `detector`
/// (a layout of `Detector`, or an object with `layout`, `strides`, `score`, `iou`).
/// Unknown keys and wrong types are errors (BadModel) that name the key.
Model load_model(const std::string& path);

/// What a sidecar says; absent where it says nothing.
struct Sidecar {
  std::vector<std::string> labels;
  std::optional<OutputKind> output;
  std::optional<ScoreKind> score;
  std::optional<Preprocessing> preprocessing;
  std::optional<Detector> detector;
};
/// The sidecar of a model file, or nothing where there is none.
std::optional<Sidecar> read_sidecar(const std::string& model_path);
Model apply_sidecar(Model model, const Sidecar& sidecar);
/// One label per line.
std::vector<std::string> read_labels(const std::string& path);

/// SHA-256 in lower-case hex.
std::string sha256(std::string_view bytes);
/// SHA-256 of a file in lower-case hex.
std::string file_sha256(const std::string& path);

}  // namespace limn
