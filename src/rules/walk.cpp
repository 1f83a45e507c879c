// See walk.h.
#include "rules/walk.h"

#include <c10/core/GradMode.h>

#include <algorithm>

#include "limn/error.h"
#include "rules/basic_rules.h"

namespace limn {
namespace {

/// Per value: some wanted value lies at it or before it.
std::vector<bool> leads_to(const Graph& graph, const std::vector<ValueId>& at) {
  std::vector<bool> leads(graph.values().size(), false);
  for (ValueId id : at) leads[static_cast<std::size_t>(id.index)] = true;
  for (const auto& node : graph.nodes()) {
    const bool any = std::any_of(node.inputs.begin(), node.inputs.end(), [&](ValueId id) {
      return id && leads[static_cast<std::size_t>(id.index)];
    });
    for (ValueId id : node.outputs) {
      if (id && any) leads[static_cast<std::size_t>(id.index)] = true;
    }
  }
  return leads;
}

double total(const Tensor& r) { return r.defined() ? r.sum(at::kDouble).item<double>() : 0; }

bool all_finite(const Tensor& r) { return !r.defined() || at::isfinite(r).all().item<bool>(); }

/// r in the memory layout of its value, so that kernels below need not reorder: a pool's transpose,
/// say, gives an expanded view whose layout everything after it would inherit.
Tensor in_layout_of(const Tensor& value, const Tensor& r) {
  if (value.dim() != 4 || value.is_contiguous() ||
      !value.is_contiguous(at::MemoryFormat::ChannelsLast) ||
      r.strides().slice(1) == value.strides()) {
    return r;
  }
  std::vector<std::int64_t> strides = value.strides().vec();
  strides.insert(strides.begin(), value.numel());
  return at::empty_strided(r.sizes(), strides, r.options()).copy_(r);
}

class Walker {
 public:
  Walker(const Model& model, const Tape& tape, const RuleBook& book, const WalkRequest& request,
         bool check_each)
      : model_(model),
        tape_(tape),
        book_(book),
        request_(request),
        check_each_(check_each),
        graph_(model.graph()),
        facts_(graph_, model.logits()),
        messages_(graph_.values().size()),
        leads_(leads_to(graph_, request.at)) {}

  WalkResult run() {
    at::AutoGradMode no_grad(false);
    for (const auto& [id, seed] : request_.seeds) {
      const Tensor& value = tape_[id];
      if (!value.defined() || seed.dim() != value.dim() + 1 ||
          seed.sizes().slice(1) != value.sizes()) {
        fail(ErrorCode::InvalidArgument, "the seed at \"", graph_.value(id).name, "\" has shape ",
             seed.sizes(), ", the value ",
             value.defined() ? concat(value.sizes()) : "was not kept");
      }
      seeds_ = seed.size(0);
      add(id, seed);
    }
    for (int n = static_cast<int>(graph_.nodes().size()); n-- > 0;) visit({n});
    for (ValueId id : request_.at) {
      Tensor& message = messages_[static_cast<std::size_t>(id.index)];
      if (!message.defined()) message = zeros_at(id);
      result_.relevance.emplace(id, message);
    }
    return std::move(result_);
  }

 private:
  Tensor zeros_at(ValueId id) const {
    std::vector<std::int64_t> shape = tape_[id].sizes().vec();
    shape.insert(shape.begin(), seeds_);
    return at::zeros(shape, tape_[id].options());
  }

  void add(ValueId id, const Tensor& r) {
    Tensor& message = messages_[static_cast<std::size_t>(id.index)];
    message = message.defined() ? message + r : in_layout_of(tape_[id], r);
  }

  void visit(NodeId id) {
    const Node& node = graph_.node(id);
    Tensors r_out;
    bool arrived = false;
    for (ValueId output : node.outputs) {
      r_out.push_back(output ? messages_[static_cast<std::size_t>(output.index)] : Tensor());
      arrived = arrived || r_out.back().defined();
      // A wanted value keeps its message; all others are freed here.
      if (output &&
          std::find(request_.at.begin(), request_.at.end(), output) == request_.at.end()) {
        messages_[static_cast<std::size_t>(output.index)] = Tensor();
      }
    }
    if (!arrived || facts_.kind(id) == OpKind::Constant) return;
    std::vector<bool> wanted;
    for (ValueId input : node.inputs) {
      wanted.push_back(input && facts_.depends(input) &&
                       leads_[static_cast<std::size_t>(input.index)]);
    }
    if (std::find(wanted.begin(), wanted.end(), true) == wanted.end()) return;
    in_context([&] { return concat("node \"", node.name, "\" (", node.op, ")"); },
               [&] { apply_rule(id, r_out, wanted); });
  }

  void apply_rule(NodeId id, const Tensors& r_out, const std::vector<bool>& wanted) {
    const Node& node = graph_.node(id);
    static const Rule gradient = gradient_rule();
    const Rule* rule = book_.find(graph_, facts_, id);
    if (!rule && !request_.fallback_gradient) {
      fail(ErrorCode::Unsupported, "no rule for this node (kind ", kind_name(facts_.kind(id)),
           "); give one in a rules file, or use --fallback gradient");
    }
    if (!rule) {
      result_.fallbacks.push_back(node.name);
      rule = &gradient;
    }
    const Step step{model_, facts_, tape_, id, node, wanted};
    const Tensors r_in = rule->apply(step, r_out);
    TraceRow row{.node = node.name, .op = node.op, .rule = rule->name};
    for (std::size_t i = 0; i < r_in.size() && i < node.inputs.size(); ++i) {
      if (!r_in[i].defined() || !wanted[i]) continue;
      const Tensor& value = tape_[node.inputs[i]];
      if (r_in[i].dim() != value.dim() + 1 || r_in[i].sizes().slice(1) != value.sizes()) {
        fail(ErrorCode::Unsupported, "rule ", rule->name, " made relevance of shape ",
             r_in[i].sizes(), " for an input of shape ", value.sizes());
      }
      if (check_each_ && !all_finite(r_in[i])) {
        fail(ErrorCode::Numerical, "rule ", rule->name,
             " made NaN or infinity; try a larger epsilon or another composite");
      }
      if (request_.trace) row.out += total(r_in[i]);
      add(node.inputs[i], r_in[i]);
    }
    if (!request_.trace) return;
    for (const auto& r : r_out) row.in += total(r);
    result_.trace.push_back(std::move(row));
  }

  const Model& model_;
  const Tape& tape_;
  const RuleBook& book_;
  const WalkRequest& request_;
  const bool check_each_;
  const Graph& graph_;
  const Facts facts_;
  Tensors messages_;
  std::vector<bool> leads_;
  std::int64_t seeds_ = 1;
  WalkResult result_;
};

}  // namespace

WalkResult walk(const Model& model, const Tape& tape, const RuleBook& book,
                const WalkRequest& request) {
  WalkResult result = Walker(model, tape, book, request, false).run();
  const bool finite = std::all_of(result.relevance.begin(), result.relevance.end(),
                                  [](const auto& entry) { return all_finite(entry.second); });
  if (finite) return result;
  // Checking each node costs time, so only a failed walk is repeated to name the culprit.
  Walker(model, tape, book, request, true).run();
  fail(ErrorCode::Numerical, "the relevance is not finite; the seeds or the outputs hold NaN");
}

}  // namespace limn
