// Model: a graph with everything that is needed to run it.
#include "limn/model.h"

#include <ATen/detail/CUDAHooksInterface.h>
#include <c10/core/DeviceType.h>

#include <algorithm>
#include <mutex>

#include "import/passes.h"
#include "limn/error.h"
#include "model/executor.h"
#include "model/weight_cache.h"

namespace limn {

struct Model::State {
  Graph graph;
  ValueId logits;
  OutputKind output = OutputKind::SingleLabel;
  Preprocessing preprocessing;
  Detector detector;
  std::vector<std::string> labels;
  c10::Device device = c10::Device(c10::kCPU);
  at::ScalarType dtype = at::kFloat;
  std::unique_ptr<WeightCache> cache = std::make_unique<WeightCache>();
  mutable std::mutex folded_mutex;
  mutable std::shared_ptr<const State> folded[2];  // convolution-then-norm only, everywhere
  mutable std::shared_ptr<const State> bfloat16;
  bool is_folded = false;

  explicit State(Graph g) : graph(std::move(g)) {}
  /// The same with another graph; caches start empty.
  std::shared_ptr<State> with_graph(Graph g) const {
    auto copy = std::make_shared<State>(std::move(g));
    copy->output = output;
    copy->preprocessing = preprocessing;
    copy->detector = detector;
    copy->labels = labels;
    copy->device = device;
    copy->dtype = dtype;
    copy->is_folded = is_folded;
    copy->find_logits();
    return copy;
  }
  void find_logits();
  /// The logits from given values.
  Tensors run_logits(const Given& given) const;
  Tensors run_mixed(const Given& given) const;
};

namespace {

bool is_view(const std::string& op) {
  return op == "Identity" || op == "Flatten" || op == "Reshape" || op == "Squeeze";
}

/// Weights where and how the executor wants them: floating point in `dtype` on `device`, and
/// convolution weights channels_last on the CPU in float and bfloat16, the layout oneDNN is fastest
/// with.
Draft prepare(Draft draft, c10::Device device, at::ScalarType dtype) {
  std::set<std::string> convolution_weights;
  for (const auto& node : draft.nodes) {
    if (node.op == "Conv" && node.inputs.size() > 1) convolution_weights.insert(node.inputs[1]);
  }
  for (auto& [name, tensor] : draft.constants) {
    if (!tensor.is_floating_point()) continue;
    tensor = tensor.to(device, dtype);
    if (tensor.dim() == 4 && convolution_weights.contains(name)) {
      tensor =
          tensor.contiguous(device.is_cpu() && dtype != at::kDouble ? at::MemoryFormat::ChannelsLast
                                                                    : at::MemoryFormat::Contiguous);
    }
  }
  return draft;
}

/// As `prepare` for inputs.
Tensor fast_layout(const Tensor& x) {
  const bool pays = x.dim() == 4 && x.device().is_cpu() && x.scalar_type() != at::kDouble;
  return pays ? x.contiguous(at::MemoryFormat::ChannelsLast) : x;
}

}  // namespace

void Model::State::find_logits() {
  ValueId at = graph.outputs().front();
  logits = at;
  // A detector's proposals are read as they come out.
  if (!detector.layout.empty()) return;
  while (const NodeId producer = graph.value(at).producer) {
    const Node& node = graph.node(producer);
    if (node.op == "Softmax" || node.op == "LogSoftmax" || node.op == "Sigmoid") {
      logits = node.inputs.front();
      if (node.op == "Sigmoid") output = OutputKind::MultiLabel;
      return;
    }
    if (!is_view(node.op)) return;
    at = node.inputs.front();
  }
}

Model::Model(Graph graph) {
  Draft draft = prepare(single_input(graph.draft()), c10::kCPU, at::kFloat);
  auto state = std::make_shared<State>(Graph(draft));
  state->find_logits();
  state_ = std::move(state);
}

Model Model::from_onnx(const std::string& path) {
  Draft draft = read_onnx(path);
  return in_context([&] { return concat("import \"", path, "\""); },
                    [&] { return Model(Graph(import_passes(std::move(draft)))); });
}

const Graph& Model::graph() const { return state_->graph; }
ValueId Model::input() const { return state_->graph.inputs().front(); }
ValueId Model::logits() const { return state_->logits; }
OutputKind Model::output_kind() const { return state_->output; }
const Detector& Model::detector() const { return state_->detector; }
const Preprocessing& Model::preprocessing() const { return state_->preprocessing; }
const std::vector<std::string>& Model::labels() const { return state_->labels; }
c10::Device Model::device() const { return state_->device; }
at::ScalarType Model::dtype() const { return state_->dtype; }
WeightCache& Model::cache() const { return *state_->cache; }

std::vector<std::int64_t> Model::input_shape() const {
  const auto& shape = graph().value(input()).info.shape;
  return shape.size() == 4 ? std::vector<std::int64_t>(shape.begin() + 1, shape.end())
                           : std::vector<std::int64_t>{-1, -1, -1};
}

std::int64_t Model::fixed_batch() const {
  const auto& shape = graph().value(input()).info.shape;
  return shape.empty() ? 0 : std::max<std::int64_t>(shape[0], 0);
}

Model Model::with_preprocessing(Preprocessing preprocessing) const {
  auto copy = state_->with_graph(state_->graph);
  copy->preprocessing = std::move(preprocessing);
  return Model(std::shared_ptr<const State>(copy));
}

Model Model::with_labels(std::vector<std::string> labels) const {
  auto copy = state_->with_graph(state_->graph);
  copy->labels = std::move(labels);
  return Model(std::shared_ptr<const State>(copy));
}

Model Model::with_output(OutputKind kind) const {
  auto copy = state_->with_graph(state_->graph);
  copy->output = kind;
  return Model(std::shared_ptr<const State>(copy));
}

Model Model::with_detector(Detector detector) const {
  const auto layouts = Detector::layouts();
  if (!detector.layout.empty() &&
      std::find(layouts.begin(), layouts.end(), detector.layout) == layouts.end()) {
    fail(ErrorCode::InvalidArgument, "detector layout \"", detector.layout, "\" is not known; did ",
         "you mean ", nearest_names(detector.layout, layouts), "?");
  }
  auto copy = state_->with_graph(state_->graph);
  copy->detector = std::move(detector);
  copy->find_logits();
  return Model(std::shared_ptr<const State>(copy));
}

Model Model::with_graph(Graph graph) const {
  return Model(std::shared_ptr<const State>(state_->with_graph(std::move(graph))));
}

Model Model::to(c10::Device device) const {
  if (device == state_->device) return *this;
  if (device.is_cuda() && !at::hasCUDA()) {
    fail(ErrorCode::Device, "device \"", device.str(),
         "\" is not available: this libtorch sees no CUDA; use --device cpu");
  }
  auto copy = in_context(
      [&] { return concat("device \"", device.str(), "\""); },
      [&] {
        return state_->with_graph(Graph(prepare(state_->graph.draft(), device, state_->dtype)));
      });
  copy->device = device;
  return Model(std::shared_ptr<const State>(copy));
}

Model Model::to(at::ScalarType dtype) const {
  if (dtype == state_->dtype) return *this;
  if (dtype != at::kFloat && dtype != at::kDouble) {
    fail(ErrorCode::InvalidArgument, "precision must be float32 or float64");
  }
  auto copy = state_->with_graph(Graph(prepare(state_->graph.draft(), state_->device, dtype)));
  copy->dtype = dtype;
  return Model(std::shared_ptr<const State>(copy));
}

Model Model::folded(bool everywhere) const {
  if (state_->is_folded) return *this;
  const std::scoped_lock lock(state_->folded_mutex);
  auto& made = state_->folded[everywhere ? 1 : 0];
  if (!made) {
    Draft draft = fold_batch_norm(state_->graph.draft(), everywhere);
    auto copy = state_->with_graph(Graph(prepare(std::move(draft), state_->device, state_->dtype)));
    copy->is_folded = true;
    made = std::move(copy);
  }
  return Model(made);
}

bool Model::has_native_bfloat16() const {
  if (device().is_cuda())
    return at::detail::getCUDAHooks().supportsBFloat16ConvolutionWithCuDNNv8();
#ifdef __x86_64__
  return __builtin_cpu_supports("avx512bf16") != 0;
#else
  return false;
#endif
}

namespace {

/// Checks x against the declared input and brings it to the model's device, type and layout.
Tensor checked_input(const Model& model, const Tensor& x) {
  if (!x.defined() || x.dim() < 1 || x.numel() == 0) {
    fail(ErrorCode::BadInput, "the input tensor is empty");
  }
  const ValueInfo& info = model.graph().value(model.input()).info;
  bool fits = !info.has_shape || info.shape.size() == static_cast<std::size_t>(x.dim());
  for (std::size_t i = 0; fits && info.has_shape && i < info.shape.size(); ++i) {
    fits = info.shape[i] < 0 || info.shape[i] == x.size(static_cast<std::int64_t>(i));
  }
  if (!fits) {
    std::string wanted;
    for (std::size_t i = 0; i < info.shape.size(); ++i) {
      wanted += i ? ", " : "";
      wanted += info.shape[i] >= 0 ? std::to_string(info.shape[i]) : std::string("any");
    }
    fail(ErrorCode::BadInput, "the input has shape ", x.sizes(), ", the model takes [", wanted, "]",
         x.dim() == 4 && info.shape.size() == 4 && info.shape[0] > 0 && info.shape[0] != x.size(0)
             ? "; its batch size is fixed: explain inputs in that number"
             : "; bring it to that shape (pictures: --size)");
  }
  const Tensor input = x.to(model.device(), model.dtype());
  if (!at::isfinite(input).all().item<bool>()) {
    fail(ErrorCode::Numerical, "the input holds NaN or infinity; replace them first");
  }
  return fast_layout(input);
}

}  // namespace

Tape Model::run(const Tensor& x, Keep keep) const {
  if (keep == Keep::Outputs) return run(x, std::vector<ValueId>{});
  return Tape(run_graph(graph(), checked_input(*this, x), nullptr));
}

Tape Model::run(const Tensor& x, const std::vector<ValueId>& keep) const {
  KeepMask mask(graph().values().size(), false);
  for (ValueId id : graph().outputs()) mask[static_cast<std::size_t>(id.index)] = true;
  mask[static_cast<std::size_t>(logits().index)] = true;
  for (ValueId id : keep) mask[static_cast<std::size_t>(id.index)] = true;
  return Tape(run_graph(graph(), checked_input(*this, x), &mask));
}

namespace {

/// What the head of a classifier starts from: the value before the logits behind which there are
/// only pools, views, activations and linear layers, one after the other.
ValueId head_input(const Graph& graph, ValueId logits) {
  ValueId at = logits;
  while (const NodeId producer = graph.value(at).producer) {
    const Node& node = graph.node(producer);
    std::vector<ValueId> from;
    for (ValueId id : node.inputs) {
      if (id && !graph.value(id).constant.defined()) from.push_back(id);
    }
    const bool spatial = node.op.find("Conv") != std::string::npos || node.op == "MaxPool";
    if (from.size() != 1 || node.inputs.front() != from.front() || spatial) break;
    at = from.front();
  }
  return at;
}

}  // namespace

/// In bfloat16, as far as the head, then the head in float32.
Tensors Model::State::run_mixed(const Given& given) const {
  if (dtype != at::kFloat) {
    fail(ErrorCode::InvalidArgument,
         "a float64 model does not run in bfloat16; choose one of both");
  }
  const State* low = nullptr;
  {
    const std::scoped_lock lock(folded_mutex);
    if (!bfloat16) {
      bfloat16 = with_graph(Graph(prepare(graph.draft(), device, at::kBFloat16)));
    }
    low = bfloat16.get();
  }
  const ValueId boundary = head_input(graph, logits);
  const auto b = static_cast<std::size_t>(boundary.index);
  Given typed = given;
  for (auto& [id, tensor] : typed) tensor = fast_layout(tensor.to(at::kBFloat16));
  KeepMask mask(graph.values().size(), false);
  mask[b] = true;
  Given head = given;
  head.emplace_back(boundary, run_graph(low->graph, typed, &mask)[b].to(at::kFloat));
  return run_logits(head);
}

Tensors Model::State::run_logits(const Given& given) const {
  KeepMask mask(graph.values().size(), false);
  mask[static_cast<std::size_t>(logits.index)] = true;
  for (const auto& [id, tensor] : given) mask[static_cast<std::size_t>(id.index)] = true;
  return run_graph(graph, given, &mask);
}

Tape Model::run_from(const Given& given, bool bfloat16) const {
  const ValueId boundary = head_input(graph(), logits());
  const auto in_head = [&](const auto& value) {
    for (ValueId at = logits(); !(at == boundary);) {
      if (at == value.first) return true;
      at = graph().node(graph().value(at).producer).inputs.front();
    }
    return boundary == value.first;
  };
  Given laid_out = given;
  for (auto& [id, tensor] : laid_out) tensor = fast_layout(tensor.to(dtype()));
  const bool only_head = std::any_of(given.begin(), given.end(), in_head);
  return Tape(bfloat16 && !only_head ? state_->run_mixed(laid_out) : state_->run_logits(laid_out));
}

std::size_t Tape::bytes(const Graph& graph) const {
  std::size_t total = 0;
  for (std::size_t v = 0; v < values_.size(); ++v) {
    if (values_[v].defined() && !graph.values()[v].constant.defined()) total += values_[v].nbytes();
  }
  return total;
}

}  // namespace limn
