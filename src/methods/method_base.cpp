// See method_base.h.
#include "methods/method_base.h"

#include <cmath>
#include <sstream>

namespace limn {
namespace {

bool has_all(const Graph& graph, const std::vector<std::string>& names) {
  for (const auto& name : names) {
    if (!graph.find(name)) return false;
  }
  return true;
}

Model variant(const Call& call, BatchNorm batch_norm, const std::vector<std::string>& needed) {
  if (batch_norm == BatchNorm::Keep) return call.model;
  const Model folded = call.model.folded(batch_norm != BatchNorm::FoldConvolutions);
  const bool free = batch_norm == BatchNorm::Free;
  const bool complete =
      has_all(folded.graph(), needed) && (!free || has_all(folded.graph(), call.options.record));
  return complete ? folded : call.model;
}

Tensor stacked(const Call& call, const std::vector<Objective>& objectives,
               Tensor Objective::*member) {
  if (call.options.start.defined()) {
    const Tensor& like = objectives.front().one_hot;
    const Tensor start = call.options.start.to(like.options());
    if (start.sizes() == like.sizes()) return start.unsqueeze(0);
    std::vector<std::int64_t> each = like.sizes().vec();
    each.insert(each.begin(), static_cast<std::int64_t>(objectives.size()));
    if (start.sizes() != each) {
      fail(ErrorCode::InvalidArgument, "the given start has shape ", start.sizes(), ", the logits ",
           like.sizes());
    }
    return start;
  }
  Tensors all;
  for (const auto& objective : objectives) all.push_back(objective.*member);
  return at::stack(all);
}

Tensor per_sample_sum(const Tensor& t) {
  return t.dim() > 1 ? t.to(at::kDouble).flatten(1).sum(1) : t.to(at::kDouble);
}

}  // namespace

Pass::Pass(const Call& call, BatchNorm batch_norm, const std::vector<std::string>& needed)
    : model(variant(call, batch_norm, needed)),
      tape(model.run(call.x)),
      objectives(bind_targets(model, tape, call.targets, call.options.score)) {
  if (objectives.empty()) fail(ErrorCode::InvalidArgument, "no target given");
  if (!objectives.front().one_hot.defined()) {
    fail(ErrorCode::Unsupported, "a detector with layout \"", model.detector().layout,
         "\" hides what its boxes come from: gradients, relevance and fixed places have no start; ",
         "take -m d-rise");
  }
  if (!at::isfinite(tape[model.logits()]).all().item<bool>()) {
    fail(ErrorCode::Numerical, "the model's output holds NaN or infinity");
  }
}

Tensor Pass::gradients(const Call& call) const {
  return stacked(call, objectives, &Objective::gradient);
}

Tensor Pass::relevances(const Call& call) const {
  return stacked(call, objectives, &Objective::relevance);
}

std::vector<ValueId> Pass::values(const std::vector<std::string>& names) const {
  std::vector<ValueId> ids;
  for (const auto& name : names) ids.push_back(model.graph().at(name));
  return ids;
}

ValueId Pass::recorded(const Call& call, const std::string& name) const {
  if (const ValueId id = model.graph().find(name)) return id;
  const Graph& unfolded = call.model.graph();
  const auto& consumers = unfolded.value(unfolded.at(name)).consumers;
  if (consumers.size() == 1 && unfolded.node(consumers[0]).op == "BatchNormalization") {
    const ValueId output = unfolded.node(consumers[0]).outputs.front();
    if (const ValueId id = model.graph().find(unfolded.value(output).name)) return id;
  }
  fail(ErrorCode::NotFound, "value \"", name,
       "\" does not exist once batch norm is folded; give another value, or batch-norm=pass where "
       "the method has it");
}

Tensor probability_of(const Pass& pass, const Objective& objective) {
  if (objective.confidence.defined()) return objective.confidence;
  const Tensor p = probabilities(pass.model, pass.tape);
  const Tensor classes = at::tensor(objective.classes, at::kLong).to(p.device());
  return p.gather(1, classes.unsqueeze(1)).squeeze(1);
}

WalkResult Pass::walk_from(const Call& call, const RuleBook& book, const Tensor& seeds,
                           std::vector<ValueId> at) const {
  for (const auto& name : call.options.record) at.push_back(recorded(call, name));
  return walk(model, tape, book,
              {.seeds = {{model.logits(), seeds}},
               .at = std::move(at),
               .fallback_gradient = call.options.fallback_gradient,
               .trace = call.options.trace});
}

std::vector<Explanation> Pass::explanations(const Call& call, const WalkResult& result, ValueId at,
                                            const MethodInfo& info) const {
  std::vector<Explanation> all;
  for (std::size_t s = 0; s < objectives.size(); ++s) {
    const auto seed = static_cast<std::int64_t>(s);
    Explanation one;
    one.target = objectives[s].name;
    one.classes = objectives[s].classes;
    one.detected = objectives[s].detected;
    one.relevance = result.relevance.at(at)[seed].contiguous();
    one.at = model.graph().value(at).name;
    one.is_signed = info.signed_map;
    one.score = objectives[s].score;
    one.probability = probability_of(*this, objectives[s]);
    for (const auto& name : call.options.record) {
      one.inner[name] = result.relevance.at(recorded(call, name))[seed];
    }
    note_fallbacks(one, result);
    one.trace = result.trace;
    if (info.conserves) measure_gap(one);
    note_degenerate(one);
    all.push_back(std::move(one));
  }
  return all;
}

std::string percent(double share) {
  std::ostringstream text;
  text.precision(3);
  text << 100 * share << " %";
  return text.str();
}

void refuse_detector(const Model& model) {
  if (!model.is_detector()) return;
  fail(ErrorCode::Unsupported,
       "the method sets classes of the whole picture against each other or cuts the picture, and a "
       "detector answers for each box; take d-rise, grad-cam or lrp");
}

void measure_gap(Explanation& explanation) {
  const Tensor score = explanation.score.to(at::kDouble);
  explanation.gap =
      (per_sample_sum(explanation.relevance) - score).abs() / score.abs().clamp_min(1e-12);
}

void note_fallbacks(Explanation& explanation, const WalkResult& result) {
  if (result.fallbacks.empty()) return;
  explanation.notes.push_back(concat(result.fallbacks.size(),
                                     " nodes without a rule used the gradient, first \"",
                                     result.fallbacks.front(), "\""));
}

void note_unpredicted(Explanation& explanation, std::string_view shows) {
  if (!explanation.score.le(0).any().item<bool>()) return;
  explanation.notes.push_back(
      concat("the score is not above zero: ", shows,
             "; explain a class that is predicted, or a margin (margin:A-B) that is positive"));
}

void note_degenerate(Explanation& explanation) {
  const Tensor& r = explanation.relevance;
  const double low = r.min().item<double>(), high = r.max().item<double>();
  if (low == high) {
    explanation.notes.push_back(
        concat(low == 0 ? "the map is zero everywhere: it shows nothing"
                        : concat("the map is constant (", low, "): it tells no place from another"),
               "; try another target, another layer where the method takes one, or a method that "
               "needs no active units, as gradient or occlusion"));
  } else if (explanation.is_signed && high <= 0) {
    explanation.notes.emplace_back("nothing speaks for the target: all relevance is negative");
  }
}

namespace {

/// Whether convolution n has places before and behind it.
bool is_spatial_convolution(const Graph& graph, const Tape& tape, int n) {
  const auto spatial = [&](ValueId id) {
    return tape.has(id) && tape[id].dim() == 4 && tape[id].size(2) * tape[id].size(3) > 1;
  };
  const Node& node = graph.node({n});
  return node.op == "Conv" && spatial(node.outputs.front());
}

/// What the block of convolution n ends in: the last value of that size behind it.
ValueId block_end(const Graph& graph, const Tape& tape, int n) {
  ValueId layer = graph.node({n}).outputs.front();
  const auto size = tape[layer].sizes().slice(2);
  std::vector<bool> reached(graph.values().size(), false);
  reached[static_cast<std::size_t>(layer.index)] = true;
  for (std::size_t i = static_cast<std::size_t>(n) + 1; i < graph.nodes().size(); ++i) {
    const Node& node = graph.nodes()[i];
    const OpKind kind = node.spec->kind;
    const bool stays = kind == OpKind::Activation || kind == OpKind::Join ||
                       kind == OpKind::Normalise || node.op == "BatchNormalization" ||
                       node.op == "Mul" || node.op == "Concat" || node.op == "Identity" ||
                       node.op == "Dropout";
    const bool from_block = std::any_of(node.inputs.begin(), node.inputs.end(), [&](ValueId id) {
      return id && reached[static_cast<std::size_t>(id.index)];
    });
    const ValueId output = node.outputs.front();
    // A softmax over class maps is the answer, not a block's end.
    if (!stays || !from_block || node.op == "Softmax" || !tape.has(output) ||
        tape[output].dim() != 4 || tape[output].sizes().slice(2) != size) {
      continue;
    }
    reached[static_cast<std::size_t>(output.index)] = true;
    layer = output;
  }
  return layer;
}

}  // namespace

namespace {

/// The last spatial convolution that every one without another behind it depends on; -1: none.
int last_shared_convolution(const Graph& graph, const Tape& tape) {
  const auto count = graph.nodes().size();
  std::vector<int> ends(count, 0);  // last convolutions that depend on a node
  std::vector<bool> leads_on(count, false);
  int total = 0;
  for (std::size_t i = count; i-- > 0;) {
    const int end = static_cast<int>(i);
    if (!is_spatial_convolution(graph, tape, end) || leads_on[i]) continue;
    ++total;
    std::vector<bool> above(count, false);
    std::vector<std::size_t> open = {i};
    while (!open.empty()) {
      const std::size_t n = open.back();
      open.pop_back();
      if (above[n]) continue;
      above[n] = true;
      ++ends[n];
      leads_on[n] = true;
      for (const ValueId id : graph.nodes()[n].inputs) {
        const NodeId from = id ? graph.value(id).producer : NodeId{};
        if (from) open.push_back(static_cast<std::size_t>(from.index));
      }
    }
  }
  for (std::size_t i = count; i-- > 0;) {
    const int n = static_cast<int>(i);
    if (ends[i] == total && is_spatial_convolution(graph, tape, n)) return n;
  }
  return -1;
}

}  // namespace

ValueId default_cam_layer(const Model& model, const Tape& tape) {
  const Graph& graph = model.graph();
  if (model.is_detector()) {
    const int shared = last_shared_convolution(graph, tape);
    if (shared >= 0) return block_end(graph, tape, shared);
  }
  for (int n = static_cast<int>(graph.nodes().size()); n-- > 0;) {
    if (is_spatial_convolution(graph, tape, n)) return block_end(graph, tape, n);
  }
  fail(ErrorCode::Unsupported,
       "the model has no convolution with spatial extent; give layer=VALUE (`limn inspect` lists "
       "the values), or use a method that needs no layer, as lrp or rap");
}

std::vector<ValueId> block_ends(const Graph& graph, const Tape& tape) {
  std::map<std::pair<std::int64_t, std::int64_t>, int> last;  // convolution of each size
  for (int n = 0; n < static_cast<int>(graph.nodes().size()); ++n) {
    if (!is_spatial_convolution(graph, tape, n)) continue;
    const Tensor& from = tape[graph.node({n}).inputs.front()];
    const Tensor& to = tape[graph.node({n}).outputs.front()];
    const auto size = std::make_pair(to.size(2), to.size(3));
    const bool keeps = from.sizes().slice(2) == to.sizes().slice(2);
    if (keeps || last.contains(size)) last[size] = n;
  }
  std::vector<ValueId> ends;
  for (const auto& [size, n] : last) ends.push_back(block_end(graph, tape, n));
  std::sort(ends.begin(), ends.end(), [&](ValueId a, ValueId b) {
    return graph.value(a).producer.index < graph.value(b).producer.index;
  });
  return ends;
}

Tensor resize_bilinear(const Tensor& maps, std::int64_t height, std::int64_t width,
                       bool align_corners) {
  return at::upsample_bilinear2d(maps.contiguous(), {height, width}, align_corners);
}

Tensor smooth_gaussian(const Tensor& maps, double sigma, Border border) {
  if (sigma <= 0) return maps;
  const auto half = static_cast<std::int64_t>(std::ceil(4 * sigma));
  const Tensor i = at::arange(-half, half + 1, maps.options());
  Tensor taps = (-(i / (std::sqrt(2.0) * sigma + 1.1920929e-7)).square()).exp();
  taps = taps / taps.sum();
  const std::int64_t channels = maps.size(1);
  const Tensor vertical = taps.reshape({1, 1, -1, 1}).expand({channels, 1, -1, 1}).contiguous();
  const Tensor padded = border == Border::Zero
                            ? at::constant_pad_nd(maps, {half, half, half, half})
                            : at::replication_pad2d(maps.contiguous(), {half, half, half, half});
  const auto convolved = [&](const Tensor& of, const Tensor& by) {
    return at::convolution(of, by, {}, {1, 1}, {0, 0}, {1, 1}, false, {0, 0}, channels);
  };
  return convolved(convolved(padded, vertical), vertical.transpose(2, 3).contiguous());
}

}  // namespace limn
