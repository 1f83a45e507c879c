// Builds small drafts by hand and runs them, node by node, through the operators' `forward`.
#pragma once
#include <ATen/ATen.h>

#include <map>
#include <string>
#include <vector>

#include "limn/error.h"
#include "limn/graph.h"
#include "ops/op.h"

namespace limn::testing {

class DraftBuilder {
 public:
  explicit DraftBuilder(int opset = 13) { draft_.opset = opset; }

  std::string input(const std::string& name, std::vector<std::int64_t> shape = {}) {
    draft_.inputs.push_back(info(name, std::move(shape)));
    return name;
  }
  std::string constant(Tensor value) {
    const std::string name = concat("c", draft_.constants.size());
    draft_.constants.emplace(name, std::move(value));
    return name;
  }
  std::string number(double value) { return constant(at::scalar_tensor(value, at::kFloat)); }
  std::string integers(std::vector<std::int64_t> values) {
    return constant(at::tensor(values, at::kLong));
  }
  std::string node(const std::string& op, std::vector<std::string> inputs,
                   std::vector<std::pair<std::string, Attribute>> attributes = {}) {
    const std::string output = concat("v", draft_.nodes.size());
    Attributes given;
    for (auto& [name, value] : attributes) given.set(name, std::move(value));
    draft_.nodes.push_back({.name = concat("n", draft_.nodes.size()),
                            .op = op,
                            .domain = "",
                            .opset = draft_.opset,
                            .attributes = std::move(given),
                            .inputs = std::move(inputs),
                            .outputs = {output}});
    return output;
  }
  void shape_of(const std::string& value, std::vector<std::int64_t> shape) {
    draft_.values.push_back(info(value, std::move(shape)));
  }
  void output(const std::string& name) { draft_.outputs.push_back(info(name, {})); }
  Draft& draft() { return draft_; }

 private:
  static ValueInfo info(const std::string& name, std::vector<std::int64_t> shape) {
    ValueInfo result;
    result.name = name;
    result.has_shape = !shape.empty();
    result.dim_names.resize(shape.size());
    result.shape = std::move(shape);
    return result;
  }
  Draft draft_;
};

/// The operators of a draft in order, joined by spaces.
inline std::string ops_of(const Draft& draft) {
  std::string text;
  for (const auto& node : draft.nodes) text += (text.empty() ? "" : " ") + node.op;
  return text;
}

/// The first output of the draft in float64 for one input.
inline Tensor run_draft(const Draft& draft, const Tensor& x) {
  const Graph graph(draft);
  std::map<int, Tensor> values;
  for (std::size_t i = 0; i < graph.values().size(); ++i) {
    const Tensor& constant = graph.values()[i].constant;
    if (!constant.defined()) continue;
    values[static_cast<int>(i)] =
        constant.is_floating_point() ? constant.to(at::kDouble) : constant;
  }
  values[graph.inputs().at(0).index] = x.to(at::kDouble);
  for (const auto& node : graph.nodes()) {
    Tensors in;
    for (const ValueId id : node.inputs) in.push_back(id ? values.at(id.index) : Tensor());
    const Tensors out = node.spec->forward(node, in);
    for (std::size_t i = 0; i < node.outputs.size(); ++i) values[node.outputs[i].index] = out.at(i);
  }
  return values.at(graph.outputs().at(0).index);
}

}  // namespace limn::testing
