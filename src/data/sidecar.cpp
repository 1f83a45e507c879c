// `<model>.limn.json`: what the ONNX file cannot say. Unknown keys are errors, because a misspelled
// one would silently change every map.
#include "limn/sidecar.h"

#include <openssl/evp.h>

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "image/file.h"
#include "limn/error.h"
#include "limn/spec.h"

namespace limn {
namespace {

using Json = nlohmann::json;
namespace fs = std::filesystem;

void check_keys(const Json& object, const std::vector<std::string>& known) {
  for (const auto& item : object.items()) {
    if (std::find(known.begin(), known.end(), item.key()) == known.end()) {
      fail(ErrorCode::BadModel, "key \"", item.key(), "\" is not known; did you mean ",
           nearest_names(item.key(), known), "?");
    }
  }
}

[[noreturn]] void wrong(const std::string& key, const Json& found, const std::string& legal) {
  fail(ErrorCode::BadModel, "\"", key, "\" is ", found.dump().substr(0, 80), "; legal: ", legal);
}

std::string choice(const Json& value, const std::string& key,
                   const std::vector<std::string>& choices) {
  std::string legal;
  for (const auto& one : choices) {
    if (value.is_string() && canonical_name(value.get<std::string>()) == one) return one;
    legal += (legal.empty() ? "" : "|") + one;
  }
  wrong(key, value, legal);
}

double real(const Json& value, const std::string& key) {
  if (!value.is_number()) wrong(key, value, "a number");
  return value.get<double>();
}

std::vector<double> reals(const Json& value, const std::string& key) {
  if (value.is_number()) return {value.get<double>()};
  if (!value.is_array() || value.empty()) wrong(key, value, "a number or a list of numbers");
  std::vector<double> out;
  for (const auto& one : value) out.push_back(real(one, key));
  return out;
}

Preprocessing read_preprocessing(const Json& json) {
  if (json.is_string()) return Preprocessing::preset(json.get<std::string>());
  if (!json.is_object()) wrong("preprocessing", json, "the name of a preset, or an object");
  check_keys(json, {"preset", "size", "resize", "short_side", "mean", "std", "channel_order",
                    "scale", "pad_value"});
  Preprocessing out;
  if (json.contains("preset")) {
    if (!json["preset"].is_string()) wrong("preset", json["preset"], "the name of a preset");
    out = Preprocessing::preset(json["preset"].get<std::string>());
  }
  out.known = true;
  if (json.contains("size")) {
    out.size.clear();
    for (const double value : reals(json["size"], "size")) {
      if (value < 1 || value > 65535 || value != std::floor(value)) {
        wrong("size", json["size"], "[height, width] in pixels");
      }
      out.size.push_back(static_cast<std::int64_t>(value));
    }
    if (out.size.size() == 1) out.size.push_back(out.size[0]);
    if (out.size.size() != 2) wrong("size", json["size"], "[height, width] in pixels");
  }
  if (json.contains("resize")) {
    out.resize = choice(json["resize"], "resize", {"direct", "short-side", "letterbox"});
  }
  if (json.contains("short_side")) {
    const double side = real(json["short_side"], "short_side");
    if (side < 0 || side > 65535) wrong("short_side", json["short_side"], "0 .. 65535 pixels");
    out.short_side = static_cast<std::int64_t>(side);
  }
  if (json.contains("mean")) out.mean = reals(json["mean"], "mean");
  if (json.contains("std")) {
    out.std = reals(json["std"], "std");
    for (const double value : out.std) {
      if (!(value > 0)) wrong("std", json["std"], "numbers above 0");
    }
  }
  if (json.contains("channel_order")) {
    out.channel_order = choice(json["channel_order"], "channel_order", {"rgb", "bgr"});
  }
  if (json.contains("scale")) {
    out.scale = real(json["scale"], "scale");
    if (!(out.scale > 0)) wrong("scale", json["scale"], "a number above 0");
  }
  if (json.contains("pad_value")) {
    out.pad_value = real(json["pad_value"], "pad_value");
    if (!(out.pad_value >= 0 && out.pad_value <= 1)) {
      wrong("pad_value", json["pad_value"], "0 .. 1: gray 114 of 255 is 0.447");
    }
  }
  return out;
}

Detector read_detector(const Json& json) {
  Detector out;
  const auto layout = [&](const Json& value) {
    out.layout = choice(value, "layout", Detector::layouts());
  };
  if (json.is_string()) {
    layout(json);
    return out;
  }
  if (!json.is_object() || !json.contains("layout")) {
    wrong("detector", json, "the name of a layout, or an object with \"layout\"");
  }
  check_keys(json, {"layout", "strides", "score", "iou"});
  layout(json["layout"]);
  if (json.contains("strides")) {
    out.strides.clear();
    for (const double stride : reals(json["strides"], "strides")) {
      if (stride < 1 || stride > 4096 || stride != std::floor(stride)) {
        wrong("strides", json["strides"], "whole numbers from 1, such as [8, 16, 32]");
      }
      out.strides.push_back(static_cast<std::int64_t>(stride));
    }
  }
  const auto share = [&](const char* key, double& value) {
    if (!json.contains(key)) return;
    value = real(json[key], key);
    if (!(value >= 0 && value <= 1)) wrong(key, json[key], "0 .. 1");
  };
  share("score", out.score);
  share("iou", out.iou);
  return out;
}

}  // namespace

std::vector<std::string> read_labels(const std::string& path) {
  std::vector<std::string> labels(1);
  for (const char c : read_file(path)) {
    if (c == '\n') {
      labels.emplace_back();
    } else if (c != '\r') {
      labels.back() += c;
    }
  }
  while (!labels.empty() && labels.back().empty()) labels.pop_back();
  if (labels.empty()) fail(ErrorCode::BadInput, "label file \"", path, "\" is empty");
  return labels;
}

std::optional<Sidecar> read_sidecar(const std::string& model_path) {
  const std::string path = fs::path(model_path).replace_extension(".limn.json").string();
  if (!fs::exists(path)) return std::nullopt;
  return in_context(
      [&] { return "sidecar \"" + path + "\""; },
      [&] {
        Json json;
        try {
          json = Json::parse(read_file(path));
        } catch (const Json::exception& error) {
          fail(ErrorCode::BadModel, "not JSON: ", error.what());
        }
        if (!json.is_object()) fail(ErrorCode::BadModel, "holds no JSON object");
        check_keys(json, {"labels", "output", "score", "preprocessing", "detector", "note"});
        Sidecar out;
        if (json.contains("labels")) {
          const Json& labels = json["labels"];
          if (labels.is_string()) {
            out.labels =
                read_labels((fs::path(path).parent_path() / labels.get<std::string>()).string());
          } else if (labels.is_array()) {
            for (const auto& label : labels) {
              if (!label.is_string()) wrong("labels", label, "a list of texts, or a file name");
              out.labels.push_back(label.get<std::string>());
            }
          } else {
            wrong("labels", labels, "a list of texts, or a file name");
          }
        }
        if (json.contains("output")) {
          out.output =
              choice(json["output"], "output", {"single-label", "multi-label"}) == "multi-label"
                  ? OutputKind::MultiLabel
                  : OutputKind::SingleLabel;
        }
        if (json.contains("score")) {
          out.score =
              parse_score_kind(choice(json["score"], "score", {"logit", "prob", "log-prob"}));
        }
        if (json.contains("preprocessing")) {
          out.preprocessing = read_preprocessing(json["preprocessing"]);
          out.preprocessing->source = fs::path(path).filename().string();
        }
        if (json.contains("detector")) out.detector = read_detector(json["detector"]);
        return std::optional<Sidecar>(std::move(out));
      });
}

Model apply_sidecar(Model model, const Sidecar& sidecar) {
  if (!sidecar.labels.empty()) model = model.with_labels(sidecar.labels);
  if (sidecar.detector) model = model.with_detector(*sidecar.detector);
  if (sidecar.output) model = model.with_output(*sidecar.output);
  if (sidecar.preprocessing) model = model.with_preprocessing(*sidecar.preprocessing);
  return model;
}

Model load_model(const std::string& path) {
  const auto sidecar = read_sidecar(path);
  Model model = Model::from_onnx(path);
  return sidecar ? apply_sidecar(std::move(model), *sidecar) : model;
}

namespace {

std::string hex(const unsigned char* bytes, unsigned int count) {
  static constexpr char kDigits[] = "0123456789abcdef";
  std::string out;
  for (unsigned int i = 0; i < count; ++i) {
    out += kDigits[bytes[i] >> 4];
    out += kDigits[bytes[i] & 15];
  }
  return out;
}

}  // namespace

std::string sha256(std::string_view bytes) {
  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned int length = 0;
  if (EVP_Digest(bytes.data(), bytes.size(), digest, &length, EVP_sha256(), nullptr) != 1) {
    fail(ErrorCode::Unsupported, "libcrypto offers no SHA-256");
  }
  return hex(digest, length);
}

std::string file_sha256(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) fail(ErrorCode::NotFound, "cannot open \"", path, "\"");
  const std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> context(EVP_MD_CTX_new(),
                                                                        &EVP_MD_CTX_free);
  EVP_DigestInit_ex(context.get(), EVP_sha256(), nullptr);
  std::vector<char> buffer(1 << 20);
  while (file) {
    file.read(buffer.data(), static_cast<std::streamsize>(buffer.size()));
    EVP_DigestUpdate(context.get(), buffer.data(), static_cast<std::size_t>(file.gcount()));
  }
  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned int length = 0;
  EVP_DigestFinal_ex(context.get(), digest, &length);
  return hex(digest, length);
}

}  // namespace limn
