// See contrast.h.
#include "methods/contrast.h"

#include <algorithm>
#include <set>

#include "ops/op.h"

namespace limn {
namespace {

std::size_t place(ValueId id) { return static_cast<std::size_t>(id.index); }

[[noreturn]] void fail_last_layer(const std::string& what) {
  fail(ErrorCode::Unsupported, what,
       "; this contrast negates the last linear layer: use lrp(contrast=others), clrp(type=type1) "
       "or sglrp, which need none");
}

/// Whether the last layer is looked for behind this node.
bool passes(OpKind kind) {
  return kind == OpKind::Route || kind == OpKind::Linear || kind == OpKind::Activation ||
         kind == OpKind::Join || kind == OpKind::Select;
}

/// Adds a constant under a name that is free.
std::string add_constant(Draft& draft, const Graph& graph, std::string name, Tensor value) {
  while (draft.constants.contains(name) || graph.find(name)) name += "'";
  draft.constants.emplace(name, std::move(value));
  return name;
}

/// Appends what `more` holds.
void merge(WalkResult& into, WalkResult more) {
  for (auto& [id, relevance] : more.relevance) into.relevance.insert_or_assign(id, relevance);
  into.trace.insert(into.trace.end(), more.trace.begin(), more.trace.end());
  into.fallbacks.insert(into.fallbacks.end(), more.fallbacks.begin(), more.fallbacks.end());
}

/// Splits a walk of [2S] messages into target and contrast.
ContrastWalk halves(WalkResult walked, ValueId at) {
  ContrastWalk result;
  const std::int64_t seeds = walked.relevance.at(at).size(0) / 2;
  result.contrast = walked.relevance.at(at).slice(0, seeds);
  for (auto& [id, relevance] : walked.relevance) relevance = relevance.slice(0, 0, seeds);
  result.target = std::move(walked);
  return result;
}

}  // namespace

LastLayer last_layer(const Model& model) {
  const Graph& graph = model.graph();
  const Facts facts(graph, model.logits());
  LastLayer last;
  std::set<ValueId> inputs, seen;
  std::vector<ValueId> open = {model.logits()};
  while (!open.empty()) {
    const ValueId id = open.back();
    open.pop_back();
    if (!facts.depends(id) || !seen.insert(id).second) continue;
    const NodeId producer = graph.value(id).producer;
    if (!producer) fail_last_layer("the logits are reached from the input without a linear layer");
    const Node& node = graph.node(producer);
    const OpKind kind = facts.kind(producer);
    if (kind == OpKind::Linear && is_weighted(node)) {
      if (std::find(last.nodes.begin(), last.nodes.end(), producer) == last.nodes.end()) {
        last.nodes.push_back(producer);
      }
      inputs.insert(node.inputs[data_input(facts.constant(producer))]);
    } else if (passes(kind)) {
      open.insert(open.end(), node.inputs.begin(), node.inputs.end());
    } else {
      fail_last_layer(concat("the logits come from node \"", node.name, "\" (", node.op,
                             "), not from a linear layer"));
    }
  }
  if (inputs.size() > 1) {
    fail_last_layer("the logits come from several linear layers that read different values");
  }
  last.input = *inputs.begin();
  return last;
}

Dual dual_of(const Model& model, const Tape& tape, const LastLayer& last) {
  const Graph& graph = model.graph();
  const Facts facts(graph, model.logits());
  Draft draft = graph.draft();
  Tensors values;
  std::vector<bool> changed(graph.values().size(), false);
  for (std::size_t v = 0; v < graph.values().size(); ++v) {
    values.push_back(tape[{static_cast<int>(v)}]);
  }
  std::map<std::string, Tensor> negated;
  for (NodeId id : last.nodes) {
    const Node& node = graph.node(id);
    const std::string& output = graph.value(node.outputs.front()).name;
    auto& copy = *std::find_if(draft.nodes.begin(), draft.nodes.end(), [&](const DraftNode& one) {
      return !one.outputs.empty() && one.outputs.front() == output;
    });
    for (std::size_t i = 0; i < node.inputs.size(); ++i) {
      if (!node.inputs[i] || !facts.constant(id)[i]) continue;
      const Tensor value = -tape[node.inputs[i]];
      copy.inputs[i] =
          add_constant(draft, graph, graph.value(node.inputs[i]).name + " negated", value);
      negated[copy.inputs[i]] = value;
    }
    values[place(node.outputs.front())] = -tape[node.outputs.front()];
    changed[place(node.outputs.front())] = true;
  }
  for (const auto& node : graph.nodes()) {
    const bool behind = std::any_of(node.inputs.begin(), node.inputs.end(),
                                    [&](ValueId id) { return id && changed[place(id)]; });
    // Values behind the logits are never read.
    if (!behind || !reaches(graph, node.outputs.front(), model.logits())) continue;
    Tensors in;
    for (ValueId id : node.inputs) in.push_back(id ? values[place(id)] : Tensor());
    const Tensors out = node.spec->forward(node, in);
    for (std::size_t i = 0; i < node.outputs.size() && i < out.size(); ++i) {
      if (!node.outputs[i]) continue;
      values[place(node.outputs[i])] = out[i];
      changed[place(node.outputs[i])] = true;
    }
  }
  Model dual = model.with_graph(Graph(draft));
  Tensors dual_values;
  for (const auto& value : dual.graph().values()) {
    const auto found = negated.find(value.name);
    dual_values.push_back(found != negated.end() ? found->second
                                                 : values[place(graph.at(value.name))]);
  }
  return {std::move(dual), Tape(std::move(dual_values))};
}

bool reaches(const Graph& graph, ValueId from, ValueId to) {
  std::set<ValueId> seen;
  std::vector<ValueId> open = {to};
  while (!open.empty()) {
    const ValueId id = open.back();
    open.pop_back();
    if (!id || !seen.insert(id).second) continue;
    if (id == from) return true;
    const NodeId producer = graph.value(id).producer;
    if (!producer) continue;
    const auto& inputs = graph.node(producer).inputs;
    open.insert(open.end(), inputs.begin(), inputs.end());
  }
  return false;
}

bool goes_around(const Graph& graph, ValueId logits, ValueId input, ValueId at) {
  std::set<ValueId> seen;
  std::vector<ValueId> open = {logits};
  while (!open.empty()) {
    const ValueId id = open.back();
    open.pop_back();
    if (!id || id == at || !seen.insert(id).second) continue;
    if (id == input) return true;
    const NodeId producer = graph.value(id).producer;
    if (!producer || graph.node(producer).spec->kind == OpKind::Constant) continue;
    const auto& inputs = graph.node(producer).inputs;
    open.insert(open.end(), inputs.begin(), inputs.end());
  }
  return false;
}

WalkRequest request_for(const Call& call, std::vector<std::pair<ValueId, Tensor>> seeds,
                        std::vector<ValueId> at) {
  return {.seeds = std::move(seeds),
          .at = std::move(at),
          .fallback_gradient = call.options.fallback_gradient,
          .trace = call.options.trace};
}

TopMessages walk_top(const Pass& pass, const Call& call, const RuleBook& book,
                     const Tensor& seeds) {
  refuse_detector(pass.model);
  const Graph& graph = pass.model.graph();
  TopMessages top;
  top.last = last_layer(pass.model);
  const ValueId input = top.last.input;
  std::vector<ValueId> above = {input};
  for (const auto& name : call.options.record) {
    const ValueId id = pass.recorded(call, name);
    (id != input && reaches(graph, input, id) ? above : top.recorded).push_back(id);
  }
  top.above =
      walk(pass.model, pass.tape, book, request_for(call, {{pass.model.logits(), seeds}}, above));
  top.target = top.above.relevance.at(input);
  const Dual dual = dual_of(pass.model, pass.tape, top.last);
  const ValueId dual_input = dual.model.graph().at(graph.value(input).name);
  top.dual = walk(dual.model, dual.tape, book,
                  {.seeds = {{dual.model.logits(), seeds}},
                   .at = {dual_input},
                   .fallback_gradient = call.options.fallback_gradient,
                   .trace = false})
                 .relevance.at(dual_input);
  return top;
}

ContrastWalk walk_others(const Pass& pass, const Call& call, const RuleBook& book,
                         const Tensor& target, const Tensor& others) {
  refuse_detector(pass.model);
  const ValueId input = pass.model.input();
  return halves(pass.walk_from(call, book, at::cat({target, others}), {input}), input);
}

ContrastWalk walk_dual(const Pass& pass, const Call& call, const RuleBook& book, TopMessages top) {
  const ValueId input = pass.model.input();
  std::vector<ValueId> at = std::move(top.recorded);
  at.push_back(input);
  const Tensor both = at::cat({top.target, top.dual});
  ContrastWalk below = halves(
      walk(pass.model, pass.tape, book, request_for(call, {{top.last.input, both}}, at)), input);
  ContrastWalk result{.contrast = below.contrast, .target = std::move(top.above)};
  merge(result.target, std::move(below.target));
  return result;
}

Tensor target_class(const Objective& objective) { return objective.one_hot.clamp_min(0); }

Tensor other_classes(const Objective& objective) {
  if (!objective.subtracted.empty()) return (-objective.one_hot).clamp_min(0);
  const Tensor& one_hot = objective.one_hot;
  const double places =
      static_cast<double>(one_hot.numel()) / static_cast<double>(one_hot.size(0) * one_hot.size(1));
  return (one_hot == 0).to(one_hot.scalar_type()) / places;
}

Tensor per_sample(const Tensor& value, const Tensor& like) {
  std::vector<std::int64_t> shape(static_cast<std::size_t>(like.dim()), 1);
  shape[0] = -1;
  return value.reshape(shape);
}

Tensor contrasted(const Tensor& target, const Tensor& contrast,
                  std::vector<std::vector<std::string>>& notes) {
  const Tensor t = target.to(at::kDouble).flatten(2), c = contrast.to(at::kDouble).flatten(2);
  const Tensor sum = c.sum(2);
  // A sum that is all rounding would blow the contrast up.
  const double rounding = contrast.scalar_type() == at::kDouble ? 1e-12 : 1e-6;
  const Tensor nothing = sum.abs() <= rounding * c.abs().sum(2);
  const Tensor ratio = (t.sum(2) / sum.masked_fill(nothing, 1)).masked_fill(nothing, 0);
  notes.resize(static_cast<std::size_t>(target.size(0)));
  for (std::size_t s = 0; s < notes.size(); ++s) {
    const auto count = nothing[static_cast<std::int64_t>(s)].sum().item<std::int64_t>();
    if (count == 0) {
      notes[s].emplace_back(
          "the map sums to zero before anything is cut off: it shows what speaks "
          "for the target more than for what it is set against");
      continue;
    }
    const std::string where = target.size(1) > 1 ? concat(" in ", count, " samples") : "";
    notes[s].push_back(concat(
        "nothing to contrast with", where,
        ": the relevance of what the target is set against sums to zero, so the target's own is "
        "shown"));
  }
  std::vector<std::int64_t> shape(static_cast<std::size_t>(target.dim()), 1);
  shape[0] = target.size(0);
  shape[1] = target.size(1);
  return target - contrast * ratio.to(target.scalar_type()).reshape(shape);
}

void keep_parts(Explanation& one, const Tensor& target, const Tensor& contrast, std::size_t s) {
  one.inner["target"] = target[static_cast<std::int64_t>(s)];
  one.inner["contrast"] = contrast[static_cast<std::int64_t>(s)];
}

void refuse_margins(const Pass& pass, std::string_view instead) {
  for (const auto& objective : pass.objectives) {
    if (objective.subtracted.empty()) continue;
    fail(ErrorCode::InvalidArgument, "target \"", objective.target.text(),
         "\": a margin sets two classes against each other and has no dual; use ", instead);
  }
}

}  // namespace limn
