// See executor.h. No autograd state is kept: gradients come from the walk.
#include "model/executor.h"

#include <c10/core/GradMode.h>

#include "limn/error.h"
#include "ops/op.h"

namespace limn {
namespace {

std::string shapes_of(Inputs in) {
  std::string text;
  for (const auto& tensor : in) {
    text += text.empty() ? "" : ", ";
    text += tensor.defined() ? concat(tensor.sizes()) : std::string("none");
  }
  return text;
}

/// Nodes that some kept value needs and that no given value stands for.
std::vector<bool> needed_nodes(const Graph& graph, const KeepMask& keep, const Given& given) {
  std::vector<bool> needed(graph.nodes().size(), false), wanted = keep, there(wanted.size(), false);
  for (const auto& [id, value] : given) there[static_cast<std::size_t>(id.index)] = true;
  for (std::size_t n = graph.nodes().size(); n-- > 0;) {
    const Node& node = graph.nodes()[n];
    for (ValueId id : node.outputs) {
      if (!id) continue;
      const auto v = static_cast<std::size_t>(id.index);
      if (wanted[v] && !there[v]) needed[n] = true;
    }
    if (!needed[n]) continue;
    for (ValueId id : node.inputs) {
      if (id) wanted[static_cast<std::size_t>(id.index)] = true;
    }
  }
  return needed;
}

}  // namespace

Tensors run_graph(const Graph& graph, const Tensor& x, const KeepMask* keep) {
  return run_graph(graph, {{graph.inputs().front(), x}}, keep);
}

Tensors run_graph(const Graph& graph, const Given& given, const KeepMask* keep) {
  at::AutoGradMode no_grad(false);
  Tensors values(graph.values().size());
  std::vector<int> uses(graph.values().size(), 0);
  for (std::size_t v = 0; v < values.size(); ++v) values[v] = graph.values()[v].constant;
  for (const auto& [id, value] : given) values[static_cast<std::size_t>(id.index)] = value;
  const std::vector<bool> needed =
      keep ? needed_nodes(graph, *keep, given) : std::vector<bool>(graph.nodes().size(), true);
  for (std::size_t n = 0; n < needed.size(); ++n) {
    if (!needed[n]) continue;
    for (ValueId id : graph.nodes()[n].inputs) {
      if (id) ++uses[static_cast<std::size_t>(id.index)];
    }
  }
  // Whether this node alone holds its first input: no other node, caller, or view of it does.
  const auto owns_first_input = [&](const Node& node) {
    const ValueId id = node.inputs.front();
    const auto v = static_cast<std::size_t>(id.index);
    return keep && id && uses[v] == 1 && !(*keep)[v] && values[v].use_count() == 1 &&
           values[v].storage().use_count() == 1;
  };
  Tensors in;
  for (std::size_t n = 0; n < needed.size(); ++n) {
    if (!needed[n]) continue;
    const Node& node = graph.nodes()[n];
    const bool over = node.spec->forward_over && owns_first_input(node);
    in.clear();
    for (ValueId id : node.inputs) {
      in.push_back(id ? values[static_cast<std::size_t>(id.index)] : Tensor());
    }
    Tensors out = in_context(
        [&] {
          return concat("node \"", node.name, "\" (", node.op, ", opset ", node.opset, ", inputs ",
                        shapes_of(in), ")");
        },
        [&] {
          return over && node.spec->forward_over(node, in) ? Tensors{in.front()}
                                                           : node.spec->forward(node, in);
        });
    for (std::size_t i = 0; i < node.outputs.size() && i < out.size(); ++i) {
      if (node.outputs[i]) {
        values[static_cast<std::size_t>(node.outputs[i].index)] = std::move(out[i]);
      }
    }
    if (!keep) continue;
    for (ValueId id : node.inputs) {
      if (!id) continue;
      const auto v = static_cast<std::size_t>(id.index);
      if (--uses[v] == 0 && !(*keep)[v]) values[v] = Tensor();
    }
  }
  return values;
}

}  // namespace limn
