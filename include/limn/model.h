// A model ready to run: graph, preprocessing, labels, device and precision.
#pragma once
#include <c10/core/Device.h>
#include <c10/core/ScalarType.h>

#include <memory>
#include <string>
#include <vector>

#include "limn/detector.h"
#include "limn/graph.h"
#include "limn/tensor.h"

namespace limn {

class WeightCache;

/// How a picture becomes the input tensor: pixel p in [0,1] becomes (p*scale - mean) / std.
struct Preprocessing {
  std::vector<std::int64_t> size;  ///< {height, width}; empty: the model's, else the picture's
  std::string resize = "direct";   ///< direct | short-side (then center crop) | letterbox
  std::int64_t short_side = 0;     ///< short-side: resized to this before the crop; 0: size
  std::vector<double> mean = {0, 0, 0};  ///< in units of p*scale, in channel order
  std::vector<double> std = {1, 1, 1};
  std::string channel_order = "rgb";  ///< rgb | bgr
  double scale = 1;                   ///< 1, or 255 for models that take 0..255
  double pad_value = 0.4470588235;    ///< letterbox border in [0,1]; 114/255 as in YOLOX

  bool known = false;              ///< false where nobody said anything: a guess
  std::string source = "default";  ///< where it comes from, for the manifest

  /// The smallest and largest input value per channel: (0 - mean)/std, (scale - mean)/std.
  std::vector<double> low() const;
  std::vector<double> high() const;
  /// `imagenet`, `caffe`, `cifar10`, `yolox`, `none`; throws NotFound with the names.
  static Preprocessing preset(const std::string& name);
  static std::vector<std::string> preset_names();
};

/// Whether one class is right (softmax) or several may be (sigmoid).
enum class OutputKind { SingleLabel, MultiLabel };

/// The tensors of one forward pass by value id; constants included. Read-only.
class Tape {
 public:
  Tape() = default;
  explicit Tape(Tensors values) : values_(std::move(values)) {}
  /// Undefined where the value was not kept.
  const Tensor& operator[](ValueId id) const { return values_[static_cast<std::size_t>(id.index)]; }
  bool has(ValueId id) const { return id && values_[static_cast<std::size_t>(id.index)].defined(); }
  /// Bytes of all kept values that are not constants.
  std::size_t bytes(const Graph& graph) const;

 private:
  Tensors values_;
};

/// What the executor keeps. Everything is what walks need; outputs alone is what perturbation
/// needs.
enum class Keep { Everything, Outputs };

/// Cheap to copy, safe to read from many threads.
class Model {
 public:
  /// Wraps a graph of one floating-point input, else Unsupported; batch norm stays as nodes.
  explicit Model(Graph graph);
  /// Reads an ONNX file and runs the import passes. Sidecar files are read by `load_model`
  /// (limn/sidecar.h). Throws as read_onnx, plus Unsupported and Numerical (NaN in weights).
  static Model from_onnx(const std::string& path);

  const Graph& graph() const;
  ValueId input() const;
  /// The value that holds the class scores before Softmax, LogSoftmax or Sigmoid: [N, C] or
  /// [N, C, h, w].
  ValueId logits() const;
  OutputKind output_kind() const;
  /// Its layout is empty where the model is a classifier.
  const Detector& detector() const;
  bool is_detector() const { return !detector().layout.empty(); }
  const Preprocessing& preprocessing() const;
  const std::vector<std::string>& labels() const;
  c10::Device device() const;
  at::ScalarType dtype() const;
  /// The input's declared [C, H, W]; -1 where dynamic or unknown.
  std::vector<std::int64_t> input_shape() const;
  /// The declared number of inputs of one pass where the file fixes it; else 0.
  std::int64_t fixed_batch() const;

  Model with_preprocessing(Preprocessing preprocessing) const;
  Model with_labels(std::vector<std::string> labels) const;
  Model with_output(OutputKind kind) const;
  /// Throws InvalidArgument for an unknown layout; an empty one makes a classifier.
  Model with_detector(Detector detector) const;
  /// The same device, precision, labels and preprocessing around another graph, whose weights are
  /// already there.
  Model with_graph(Graph graph) const;
  Model to(c10::Device device) const;
  /// kFloat or kDouble.
  Model to(at::ScalarType dtype) const;
  /// The same model with batch norm folded where that is exact; made once. `everywhere`: also
  /// norm-then-convolution and norm-ReLU-convolution; else convolution-then-norm only.
  Model folded(bool everywhere = true) const;
  /// Whether the model's device multiplies bfloat16 natively.
  bool has_native_bfloat16() const;

  /// One forward pass. x: [N, C, H, W], moved to the model's device and dtype. Throws BadInput
  /// where the shape does not fit or x holds NaN, and names the node where anything goes wrong.
  Tape run(const Tensor& x, Keep keep = Keep::Everything) const;
  /// The same, keeping the outputs and these values.
  Tape run(const Tensor& x, const std::vector<ValueId>& keep) const;
  /// The logits, and what was given, from values inside the graph, of one batch size, in place of
  /// their own. Where the logits depend on the input past them, the input must be given, too.
  /// Nothing is checked.
  /// `bfloat16`: everything up to the last convolution runs in bfloat16, what stands behind it in
  /// float32: for the scores of many inputs. Throws InvalidArgument on a float64 model.
  Tape run_from(const std::vector<std::pair<ValueId, Tensor>>& given, bool bfloat16 = false) const;
  /// Transformed weights (w+, w-, ...) made once, within a memory budget.
  WeightCache& cache() const;

 private:
  struct State;
  explicit Model(std::shared_ptr<const State> state) : state_(std::move(state)) {}
  std::shared_ptr<const State> state_;
};

}  // namespace limn
