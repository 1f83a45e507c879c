// Runs a graph node by node.
#pragma once
#include <vector>

#include "limn/graph.h"
#include "limn/tensor.h"

namespace limn {

/// Which values a run keeps: `keep[v]`; everything else is freed after its last use.
using KeepMask = std::vector<bool>;

/// Values by id (constants included). Where `keep` is given, nodes that lead to no kept value are
/// not run. An error names the node and the shapes that it saw.
Tensors run_graph(const Graph& graph, const Tensor& x, const KeepMask* keep);
/// The same from values given in the graph's middle: what only they need is not run. Where kept
/// values need the input, too, it must be among them.
using Given = std::vector<std::pair<ValueId, Tensor>>;
Tensors run_graph(const Graph& graph, const Given& given, const KeepMask* keep);

}  // namespace limn
