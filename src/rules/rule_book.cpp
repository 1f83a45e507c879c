// See rule_book.h.
#include "rules/rule_book.h"

#include "limn/error.h"

namespace limn {

const Tensor& Step::in(std::size_t i) const {
  static const Tensor none;
  return i < node.inputs.size() && node.inputs[i] ? tape[node.inputs[i]] : none;
}

Tensors Step::inputs() const {
  Tensors all;
  for (std::size_t i = 0; i < node.inputs.size(); ++i) all.push_back(in(i));
  return all;
}

std::unique_ptr<LinearView> Step::view() const {
  if (!node.spec->linear_view) {
    fail(ErrorCode::Unsupported, "the operator has no linear view; give it another rule");
  }
  return node.spec->linear_view(node, inputs(), facts.constant(id));
}

RuleBook& RuleBook::kind(OpKind kind, Rule rule) {
  kinds_[kind] = std::move(rule);
  return *this;
}
RuleBook& RuleBook::convolutions(Rule rule) {
  convolutions_ = std::move(rule);
  return *this;
}
RuleBook& RuleBook::linears(Rule rule) {
  linears_ = std::move(rule);
  return *this;
}
RuleBook& RuleBook::op(const std::string& op, Rule rule) {
  ops_[op] = std::move(rule);
  return *this;
}
RuleBook& RuleBook::first(Rule rule) {
  first_ = std::move(rule);
  return *this;
}
RuleBook& RuleBook::affine(const std::string& op, Rule rule) {
  affine_[op] = std::move(rule);
  return *this;
}
RuleBook& RuleBook::first_convolution(Rule rule) {
  first_convolution_ = std::move(rule);
  return *this;
}
RuleBook& RuleBook::last(Rule rule) {
  last_ = std::move(rule);
  return *this;
}
RuleBook& RuleBook::named(std::string glob, Rule rule) {
  globs_.emplace_back(std::move(glob), std::move(rule));
  return *this;
}

namespace {

bool names_node(const Graph& graph, const Node& node, const std::string& glob) {
  const auto names_output = [&](ValueId output) {
    return output && glob_match(glob, graph.value(output).name);
  };
  return glob_match(glob, node.name) ||
         std::any_of(node.outputs.begin(), node.outputs.end(), names_output);
}

}  // namespace

void RuleBook::check_names(const Graph& given, const Graph& walked) const {
  for (const auto& [glob, rule] : globs_) {
    const auto names_one_of = [&glob = glob](const Graph& graph) {
      const auto& nodes = graph.nodes();
      return std::any_of(nodes.begin(), nodes.end(),
                         [&](const Node& node) { return names_node(graph, node, glob); });
    };
    if (names_one_of(given) || names_one_of(walked)) continue;
    std::vector<std::string> names;
    for (const Node& node : given.nodes()) names.push_back(node.name);
    fail(ErrorCode::NotFound, "rules: \"", glob,
         "\" names no node of this model; nearest: ", nearest_names(glob, names));
  }
}

const Rule* RuleBook::find(const Graph& graph, const Facts& facts, NodeId id) const {
  const Node& node = graph.node(id);
  const OpKind kind = facts.kind(id);
  for (const auto& [glob, rule] : globs_) {
    if (names_node(graph, node, glob)) return &rule;
  }
  const bool weighted = kind == OpKind::Linear && is_weighted(node);
  if (weighted && first_ && facts.first_linear(id)) return &first_;
  if (weighted && first_convolution_ && is_convolution(node) && facts.first_linear(id)) {
    return &first_convolution_;
  }
  if (weighted && last_ && facts.last_linear(id)) return &last_;
  if (const auto found = ops_.find(node.op); found != ops_.end()) return &found->second;
  if (weighted && is_convolution(node) && convolutions_) return &convolutions_;
  if (weighted && !is_convolution(node) && linears_) return &linears_;
  if (const auto found = affine_.find(node.op); kind == OpKind::Linear && found != affine_.end()) {
    return &found->second;
  }
  const auto found = kinds_.find(kind);
  return found == kinds_.end() ? nullptr : &found->second;
}

bool glob_match(std::string_view glob, std::string_view text) {
  std::size_t g = 0, t = 0, star = std::string_view::npos, mark = 0;
  while (t < text.size()) {
    if (g < glob.size() && (glob[g] == '?' || (glob[g] != '*' && glob[g] == text[t]))) {
      ++g, ++t;
    } else if (g < glob.size() && glob[g] == '*') {
      star = g++;
      mark = t;
    } else if (star != std::string_view::npos) {
      g = star + 1;
      t = ++mark;
    } else {
      return false;
    }
  }
  while (g < glob.size() && glob[g] == '*') ++g;
  return g == glob.size();
}

}  // namespace limn
