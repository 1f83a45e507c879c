// See model_options.h.
#include "cli/model_options.h"

#include <ATen/Context.h>
#include <ATen/Parallel.h>
#include <fmt/format.h>
#include <torch/version.h>

#include <charconv>
#include <ctime>
#include <opencv2/core/version.hpp>
#include <thread>

#include "cli/cli.h"
#include "limn/error.h"
#include "limn/image.h"
#include "limn/sidecar.h"
#include "limn/spec.h"
#include "limn/version.h"

namespace limn::cli {
namespace {

/// Numbers with commas or blanks between.
std::vector<double> numbers(const std::string& name, const std::string& text, std::size_t most,
                            double low, double high) {
  std::vector<double> out;
  const char* at = text.data();
  const char* const end = at + text.size();
  while (at < end) {
    if (*at == ',' || *at == ' ' || *at == 'x' || *at == '[' || *at == ']') {
      ++at;
      continue;
    }
    double value = 0;
    const auto read = std::from_chars(at, end, value);
    if (read.ec != std::errc() || !(value >= low && value <= high)) {
      fail(ErrorCode::InvalidArgument, name, " is \"", text, "\"; legal: numbers from ", low,
           " to ", high, " with commas between");
    }
    out.push_back(value);
    at = read.ptr;
  }
  if (out.empty() || out.size() > most) {
    fail(ErrorCode::InvalidArgument, name, " is \"", text, "\"; give 1 to ", most, " numbers");
  }
  return out;
}

Preprocessing with_flags(Preprocessing how, const ModelOptions& options) {
  std::string flags;
  const auto flag = [&](const char* name) {
    flags += std::string(flags.empty() ? "" : " ") + name;
  };
  if (!options.preset.empty()) {
    how = Preprocessing::preset(options.preset);
    flags = "--preset " + options.preset;
  }
  if (!options.mean.empty()) {
    how.mean = numbers("--mean", options.mean, 3, -1e6, 1e6);
    flag("--mean");
  }
  if (!options.std.empty()) {
    how.std = numbers("--std", options.std, 3, 1e-9, 1e9);
    flag("--std");
  }
  if (!options.size.empty()) {
    const auto size = numbers("--size", options.size, 2, 1, 65535);
    how.size = {static_cast<std::int64_t>(size.front()), static_cast<std::int64_t>(size.back())};
    flag("--size");
  }
  if (!options.resize.empty()) {
    how.resize = options.resize;
    flag("--resize");
  }
  if (!options.channel_order.empty()) {
    how.channel_order = options.channel_order;
    flag("--channel-order");
  }
  if (!flags.empty()) {
    const bool beside = how.known && options.preset.empty();
    how.source = beside ? how.source + " and " + flags : flags;
    // A size alone does not say how colors are scaled.
    how.known =
        how.known || !options.preset.empty() || !options.mean.empty() || !options.std.empty();
  }
  return how;
}

/// A preset's size is a default: a model with a fixed input keeps its own, and the short side grows
/// or shrinks with it (256 for 224 is 342 for 299).
void fit_preset(Preprocessing& how, const std::vector<std::int64_t>& shape) {
  if (how.size.size() != 2 || shape.size() != 3 || shape[1] <= 0 || shape[2] <= 0) return;
  if (how.short_side > 0) {
    how.short_side = std::lround(static_cast<double>(how.short_side) *
                                 static_cast<double>(shape[1]) / static_cast<double>(how.size[0]));
  }
  how.size = {shape[1], shape[2]};
}

}  // namespace

void add_model_options(CLI::App& command, ModelOptions& options, bool pictures) {
  command
      .add_option("MODEL", options.path, "the ONNX file; <model>.limn.json beside it is read, too")
      ->required();
  command.add_option("--device", options.device, "cpu, cuda or cuda:N")->group("Running");
  command
      .add_option("--precision", options.precision,
                  "fp32, fp64, bf16 (fp32, but the masked pictures of Score-CAM, RISE and D-RISE "
                  "in bfloat16), or "
                  "auto (bf16 where the device has it natively)")
      ->check(CLI::IsMember({"fp32", "fp64", "bf16", "auto"}))
      ->group("Running");
  command.add_option("--threads", options.threads, "number of threads; default: all cores")
      ->check(CLI::Range(0, 4096))
      ->group("Running");
  command.add_option("--labels", options.labels, "text file with one class name a line")
      ->group("Model");
  command.add_option("--output", options.output, "single-label (softmax) or multi-label (sigmoid)")
      ->check(CLI::IsMember({"single-label", "multi-label"}))
      ->group("Model");
  command
      .add_option("--detector", options.detector,
                  "read the outputs as an object detector's: yolox, yolov5, yolov8 or "
                  "boxes-scores-labels")
      ->check(CLI::IsMember(Detector::layouts()))
      ->group("Model");
  if (!pictures) return;
  const char* const group = "Preprocessing (default: <model>.limn.json)";
  command.add_option("--preset", options.preset, "imagenet, caffe, cifar10, yolox or none")
      ->group(group);
  command.add_option("--mean", options.mean, "subtracted, per channel: .485,.456,.406")
      ->group(group);
  command.add_option("--std", options.std, "divided by, per channel")->group(group);
  command.add_option("--size", options.size, "input size: 224 or 224x320 (height x width)")
      ->group(group);
  command.add_option("--resize", options.resize, "how pictures get that size")
      ->check(CLI::IsMember({"direct", "short-side", "letterbox"}))
      ->group(group);
  command.add_option("--channel-order", options.channel_order, "rgb or bgr")
      ->check(CLI::IsMember({"rgb", "bgr"}))
      ->group(group);
}

std::int64_t set_threads(std::int64_t threads) {
  if (threads <= 0) threads = std::max(1U, std::thread::hardware_concurrency());
  at::set_num_threads(static_cast<int>(threads));
  return threads;
}

c10::Device parse_device(const std::string& text) {
  c10::Device device(c10::kCPU);
  try {
    device = c10::Device(text);
  } catch (const std::exception&) {
    fail(ErrorCode::InvalidArgument, "--device is \"", text, "\"; legal: cpu, cuda, cuda:N");
  }
  if (!device.is_cpu() && !device.is_cuda()) {
    fail(ErrorCode::InvalidArgument, "--device is \"", text, "\"; legal: cpu, cuda, cuda:N");
  }
  if (device.is_cuda() && !at::hasCUDA()) {
    fail(ErrorCode::Device,
         "no CUDA device: this libtorch has no CUDA support or finds no GPU; use ",
         "--device cpu (`limn doctor` says more)");
  }
  return device;
}

LoadedModel load(const ModelOptions& options) {
  set_threads(options.threads);
  const c10::Device device = parse_device(options.device);
  const auto sidecar = read_sidecar(options.path);
  LoadedModel out{Model::from_onnx(options.path)};
  if (sidecar) {
    out.model = apply_sidecar(std::move(out.model), *sidecar);
    out.score = sidecar->score.value_or(ScoreKind::Logit);
  }
  if (!options.detector.empty()) {
    Detector how = out.model.detector();
    how.layout = options.detector;
    out.model = out.model.with_detector(how);
  }
  if (!options.labels.empty()) out.model = out.model.with_labels(read_labels(options.labels));
  if (!options.output.empty()) {
    out.model = out.model.with_output(options.output == "multi-label" ? OutputKind::MultiLabel
                                                                      : OutputKind::SingleLabel);
  }
  Preprocessing how = with_flags(out.model.preprocessing(), options);
  if (!options.preset.empty() && options.size.empty()) {
    fit_preset(how, out.model.input_shape());
  }
  out.model = out.model.with_preprocessing(std::move(how));
  if (options.precision == "fp64") out.model = out.model.to(at::kDouble);
  if (!device.is_cpu()) out.model = out.model.to(device);
  out.insists_on_bfloat16 = options.precision == "bf16";
  out.bfloat16 =
      out.insists_on_bfloat16 || (options.precision == "auto" && out.model.has_native_bfloat16());
  return out;
}

std::vector<std::int64_t> example_shape(const Model& model) {
  std::vector<std::int64_t> shape = model.input_shape();
  if (shape.size() != 3) shape = {3, -1, -1};
  const auto& size = model.preprocessing().size;
  if (shape[0] < 0) shape[0] = 3;
  double elements = static_cast<double>(shape[0]);
  for (std::size_t axis = 1; axis < 3; ++axis) {
    if (shape[axis] < 0) shape[axis] = size.size() == 2 ? size[axis - 1] : 224;
    elements *= static_cast<double>(shape[axis]);
  }
  if (elements > 3.0 * static_cast<double>(kMaxPixels)) {
    fail(ErrorCode::BadModel, "the model declares the input ", at::IntArrayRef(shape),
         " (channels, height, width); limn takes at most ", kMaxPixels / 1'000'000,
         " million pixels in three channels: export it for smaller ones");
  }
  return shape;
}

std::map<std::string, std::string> library_versions() {
  return {{"limn", kVersion}, {"libtorch", TORCH_VERSION}, {"OpenCV", CV_VERSION}};
}

RunRecord start_record(const ModelOptions& options, const LoadedModel& loaded) {
  RunRecord run;
  const std::time_t now = std::time(nullptr);
  std::tm utc{};
  ::gmtime_r(&now, &utc);
  char text[32];
  std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &utc);
  run.created = text;
  run.command = command_line();
  run.model_path = options.path;
  run.model_nodes = loaded.model.graph().nodes().size();
  run.output_kind =
      loaded.model.output_kind() == OutputKind::MultiLabel ? "multi-label" : "single-label";
  run.labels = loaded.model.labels().size();
  if (loaded.model.is_detector()) run.detector = loaded.model.detector();
  run.preprocessing = loaded.model.preprocessing();
  run.input_shape = loaded.model.input_shape();
  run.device = loaded.model.device().str();
  run.precision = options.precision == "fp64" ? "fp64"
                  : loaded.bfloat16           ? "fp32, bf16 for masked pictures"
                                              : "fp32";
  run.threads = at::get_num_threads();
  run.versions = library_versions();
  return run;
}

}  // namespace limn::cli
