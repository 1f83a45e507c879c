// A rule book says, node by node, how relevance goes from outputs to inputs.
#pragma once
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "limn/model.h"
#include "rules/facts.h"

namespace limn {

/// What a rule sees of one node. Relevance tensors are [S, shape of the value]: S seeds share the
/// tape's tensors, which broadcast over the first axis.
struct Step {
  const Model& model;
  const Facts& facts;
  const Tape& tape;
  NodeId id;
  const Node& node;
  const std::vector<bool>& wanted;  ///< per input: relevance is asked for

  OpKind kind() const { return facts.kind(id); }
  /// Undefined for an absent optional input.
  const Tensor& in(std::size_t i) const;
  const Tensor& out(std::size_t i = 0) const { return tape[node.outputs[i]]; }
  std::size_t data() const { return data_input(facts.constant(id)); }
  /// The data input of a linear node, and whether it is known to be >= 0.
  const Tensor& x() const { return in(data()); }
  bool x_nonnegative() const { return facts.nonnegative(node.inputs[data()]); }
  Tensors inputs() const;
  /// The linear view; throws Unsupported where the operator has none.
  std::unique_ptr<LinearView> view() const;
};

/// One rule: relevance of the outputs (undefined where none arrived) -> relevance of the inputs
/// (undefined where none goes).
struct Rule {
  std::string name;  ///< as `inspect` and the trace show it: `gamma(0.25)`
  std::function<Tensors(const Step&, const Tensors& r_out)> apply;
  explicit operator bool() const { return static_cast<bool>(apply); }
};

/// Most specific wins: node-name glob, first or last linear layer, operator, layer class
/// (`conv`: Conv and ConvTranspose; `linear`: Gemm and MatMul), kind.
class RuleBook {
 public:
  RuleBook& kind(OpKind kind, Rule rule);
  RuleBook& convolutions(Rule rule);
  RuleBook& linears(Rule rule);
  RuleBook& op(const std::string& op, Rule rule);
  /// Operators that are Linear only where one side is constant (Add, Mul ...): the rule for that.
  RuleBook& affine(const std::string& op, Rule rule);
  RuleBook& first(Rule rule);
  /// The first linear layer only if it is a convolution.
  RuleBook& first_convolution(Rule rule);
  RuleBook& last(Rule rule);
  /// `*` and `?` match in node names and in the names of their outputs.
  RuleBook& named(std::string glob, Rule rule);

  /// Throws NotFound where a glob of named() matches no node of the model as given, nor as walked,
  /// with batch norm folded.
  void check_names(const Graph& given, const Graph& walked) const;
  /// Null where the book has no rule for the node.
  const Rule* find(const Graph& graph, const Facts& facts, NodeId id) const;

 private:
  std::map<OpKind, Rule> kinds_;
  Rule convolutions_, linears_, first_, first_convolution_, last_;
  std::map<std::string, Rule> ops_, affine_;
  std::vector<std::pair<std::string, Rule>> globs_;
};

/// `*` any run, `?` any character.
bool glob_match(std::string_view glob, std::string_view text);

}  // namespace limn
