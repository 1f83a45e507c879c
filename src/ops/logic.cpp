// Comparisons and logic; no relevance flows through them.
#include "ops/op.h"

namespace limn {
namespace {

template <Tensor (*Function)(const Tensor&, const Tensor&)>
Tensors binary(const Node&, Inputs in) {
  return {Function(in[0], in[1])};
}
Tensors is_nan_forward(const Node&, Inputs in) { return {at::isnan(in[0])}; }
Tensors is_inf_forward(const Node& node, Inputs in) {
  Tensor found = at::zeros_like(in[0], at::kBool);
  if (node.attributes.integer("detect_positive", 1) != 0) found = at::isposinf(in[0]);
  if (node.attributes.integer("detect_negative", 1) != 0) {
    found = found.logical_or(at::isneginf(in[0]));
  }
  return {found};
}
Tensors not_forward(const Node&, Inputs in) { return {at::logical_not(in[0])}; }

constexpr OpSpec logic(std::string_view name, std::string_view help,
                       Tensors (*run)(const Node&, Inputs), int inputs = 2) {
  return {.name = name,
          .kind = OpKind::Constant,
          .help = help,
          .forward = run,
          // Before, both inputs had to have one shape or name an axis.
          .since = inputs == 2 ? 7 : 1,
          .inputs_min = inputs};
}

}  // namespace

constinit const OpSpec op_Equal = logic("Equal", "a = b", binary<at::eq>);
constinit const OpSpec op_Greater = logic("Greater", "a > b", binary<at::gt>);
constinit const OpSpec op_GreaterOrEqual = logic("GreaterOrEqual", "a >= b", binary<at::ge>);
constinit const OpSpec op_Less = logic("Less", "a < b", binary<at::lt>);
constinit const OpSpec op_LessOrEqual = logic("LessOrEqual", "a <= b", binary<at::le>);
constinit const OpSpec op_And = logic("And", "a and b", binary<at::logical_and>);
constinit const OpSpec op_Or = logic("Or", "a or b", binary<at::logical_or>);
constinit const OpSpec op_Xor = logic("Xor", "a or b, not both", binary<at::logical_xor>);
constinit const OpSpec op_Not = logic("Not", "not a", not_forward, 1);
constinit const OpSpec op_IsNaN = logic("IsNaN", "whether x is not a number", is_nan_forward, 1);
constinit const OpSpec op_IsInf = logic("IsInf", "whether x is infinite", is_inf_forward, 1);

}  // namespace limn
