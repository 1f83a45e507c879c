// Elementwise functions that exporters spell other things out with. In relevance all of them pass.
#include "ops/op.h"

namespace limn {
namespace {

template <Tensor (*Function)(const Tensor&)>
Tensors forward(const Node&, Inputs in) {
  return {Function(in[0])};
}

constexpr OpSpec unary(std::string_view name, std::string_view help,
                       Tensors (*run)(const Node&, Inputs)) {
  return {.name = name, .kind = OpKind::Activation, .help = help, .forward = run};
}

}  // namespace

constinit const OpSpec op_Erf = unary("Erf", "error function", forward<at::erf>);
constinit const OpSpec op_Exp = unary("Exp", "e to the x", forward<at::exp>);
constinit const OpSpec op_Log = unary("Log", "natural logarithm", forward<at::log>);
constinit const OpSpec op_Sqrt = unary("Sqrt", "square root", forward<at::sqrt>);
constinit const OpSpec op_Abs = unary("Abs", "|x|", forward<at::abs>);
constinit const OpSpec op_Reciprocal = unary("Reciprocal", "1 / x", forward<at::reciprocal>);
constinit const OpSpec op_Sign = unary("Sign", "-1, 0 or 1", forward<at::sign>);
constinit const OpSpec op_Sin = unary("Sin", "sine", forward<at::sin>);
constinit const OpSpec op_Cos = unary("Cos", "cosine", forward<at::cos>);
constinit const OpSpec op_Tan = unary("Tan", "tangent", forward<at::tan>);
constinit const OpSpec op_Asin = unary("Asin", "inverse sine", forward<at::asin>);
constinit const OpSpec op_Acos = unary("Acos", "inverse cosine", forward<at::acos>);
constinit const OpSpec op_Atan = unary("Atan", "inverse tangent", forward<at::atan>);
constinit const OpSpec op_Sinh = unary("Sinh", "hyperbolic sine", forward<at::sinh>);
constinit const OpSpec op_Cosh = unary("Cosh", "hyperbolic cosine", forward<at::cosh>);
constinit const OpSpec op_Asinh = unary("Asinh", "inverse hyperbolic sine", forward<at::asinh>);
constinit const OpSpec op_Acosh = unary("Acosh", "inverse hyperbolic cosine", forward<at::acosh>);
constinit const OpSpec op_Atanh = unary("Atanh", "inverse hyperbolic tangent", forward<at::atanh>);
constinit const OpSpec op_Floor = unary("Floor", "largest whole number below", forward<at::floor>);
constinit const OpSpec op_Ceil = unary("Ceil", "smallest whole number above", forward<at::ceil>);
constinit const OpSpec op_Round =
    unary("Round", "nearest whole number, halves to even", forward<at::round>);

}  // namespace limn
