// Options that say how a model is loaded and fed, the same for every command.
#pragma once
#include <CLI/CLI.hpp>
#include <cstdint>
#include <string>
#include <vector>

#include "limn/model.h"
#include "limn/report.h"
#include "limn/target.h"

namespace limn::cli {

struct ModelOptions {
  std::string path;
  std::string preset, mean, std, size, resize, channel_order, labels, output, detector;
  std::string device = "cpu", precision = "fp32";
  std::int64_t threads = 0;
};

/// What is said where a picture is prepared for a model of unknown preprocessing.
constexpr const char* kUnknownPreprocessing =
    "nobody said how this model's pictures are prepared, so values from 0 to 1 are a guess; give "
    "--preset, --mean and --std, or a sidecar";

/// The model argument, `--device`, `--precision`, `--threads` and `--labels`; with `pictures` the
/// preprocessing options, too.
void add_model_options(CLI::App& command, ModelOptions& options, bool pictures = true);

struct LoadedModel {
  Model model;
  ScoreKind score = ScoreKind::Logit;   ///< what the sidecar says, else logit
  bool bfloat16 = false;                ///< ExplainOptions::bfloat16
  bool insists_on_bfloat16 = false;     ///< asked for by name, not by auto
  std::vector<std::string> notes = {};  ///< per target where the model was made for targets
};
/// Sets the number of threads, reads the model and its sidecar, applies the options.
LoadedModel load(const ModelOptions& options);
/// [C, H, W] that the model declares; open sizes come from the preprocessing, else 3 x 224 x 224.
/// Throws BadModel for more pixels than limn reads.
std::vector<std::int64_t> example_shape(const Model& model);
/// `cpu`, `cuda`, `cuda:N`; throws InvalidArgument, and Device where there is no GPU.
c10::Device parse_device(const std::string& text);
/// Sets libtorch's threads; 0 means all cores. Returns the number.
std::int64_t set_threads(std::int64_t threads);

/// Versions of limn and of the libraries that results depend on.
std::map<std::string, std::string> library_versions();
/// Model, preprocessing, device, versions; the hash is filled in by `model_hash`.
RunRecord start_record(const ModelOptions& options, const LoadedModel& loaded);

}  // namespace limn::cli
