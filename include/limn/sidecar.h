// `<model>.limn.json` beside a model: labels, output kind, preprocessing.
#pragma once
#include <string>

#include "limn/model.h"

namespace limn {

/// Model::from_onnx plus `<model>.limn.json` (path with `.onnx` replaced) where it exists:
/// `labels` (list, or the name of a text file beside it), `output` (single-label|multi-label),
/// `score` (logit|prob|log-prob), `preprocessing` (an object, or the name of a preset).
/// Unknown keys and wrong types are errors (BadModel) that name the key.
Model load_model(const std::string& path);

/// SHA-256 of a file in lower-case hex.
std::string file_sha256(const std::string& path);

}  // namespace limn
