// A model is explained by its one floating-point input: inputs that nothing uses vanish, more than
// one or another type is refused by name.
#include <set>

#include "import/onnx_tensor.h"
#include "import/passes.h"
#include "limn/error.h"

namespace limn {

Draft single_input(Draft draft) {
  std::set<std::string> used;
  for (const auto& node : draft.nodes) used.insert(node.inputs.begin(), node.inputs.end());
  for (const auto& output : draft.outputs) used.insert(output.name);
  std::vector<ValueInfo> kept;
  std::string names;
  for (const auto& input : draft.inputs) {
    if (!used.contains(input.name)) continue;
    names += concat(kept.empty() ? "\"" : ", \"", input.name, "\"");
    kept.push_back(input);
  }
  if (kept.size() > 1) {
    fail(ErrorCode::Unsupported, "the model has ", kept.size(), " inputs, ", names,
         ", and limn explains models of one; export it with the others as constants "
         "(initializers)");
  }
  if (!kept.empty()) draft.inputs = std::move(kept);
  for (const auto& input : draft.inputs) {
    if (at::isFloatingType(input.dtype)) continue;
    fail(ErrorCode::Unsupported, "input \"", input.name, "\" is ", onnx_type_name(input.dtype),
         ", and limn explains floating-point inputs; export the model with a float32 input, from "
         "behind its cast or embedding");
  }
  return draft;
}

}  // namespace limn
