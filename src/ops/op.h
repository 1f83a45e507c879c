// One operator: how it is checked, run and explained. Each lives in its family's file; op_list.inc
// names them all.
#pragma once
#include <memory>
#include <span>
#include <string_view>

#include "limn/error.h"
#include "limn/graph.h"
#include "ops/linear_view.h"

namespace limn {

/// How relevance treats an operator; rule books are keyed on it.
enum class OpKind {
  Linear,      ///< by the rule book, through its LinearView
  Bilinear,    ///< product of two activations
  Join,        ///< sum of activations
  Activation,  ///< elementwise nonlinearity
  Select,      ///< maximum
  Route,       ///< moves values without changing them
  Normalise,   ///< statistics held constant, then linear
  Constant,    ///< no relevance flows
};
std::string_view kind_name(OpKind kind);

using Inputs = std::span<const Tensor>;

/// Stateless and constinit. `forward` must accept any batch size and float or double.
struct OpSpec {
  std::string_view name;  ///< ONNX name, default domain
  OpKind kind;
  /// One sentence for `limn list operators`.
  std::string_view help;
  /// Outputs from inputs (absent ones undefined). Shape inputs are int64 CPU tensors.
  Tensors (*forward)(const Node& node, Inputs in);
  /// The same written over in[0], which nothing else needs; false where the result does not fit
  /// there. Saves a pass through memory; null for most.
  bool (*forward_over)(const Node& node, Inputs in) = nullptr;
  /// Where the kind depends on which inputs are constant (MatMul, Mul, Add ...); else null.
  /// `constant[i]` says whether input i is constant.
  OpKind (*kind_of)(const Node& node, std::span<const bool> constant) = nullptr;
  /// The view of a Linear node; `in` are its inputs (constants defined, data from the tape).
  std::unique_ptr<LinearView> (*linear_view)(const Node& node, Inputs in,
                                             std::span<const bool> constant) = nullptr;
  /// Gradient of the inputs from the gradient of the outputs, where it is cheaper than autograd
  /// (undefined for inputs not wanted); else null. Each `grad_out` entry is shaped exactly like
  /// its output, or undefined (then it adds nothing).
  Tensors (*vjp)(const Node& node, Inputs in, Inputs out, Inputs grad_out,
                 std::span<const bool> wanted) = nullptr;
  /// Throws where an attribute cannot be honored; else null.
  void (*check)(const Node& node) = nullptr;
  int since = 1;  ///< first opset that is read
  int inputs_min = 1;
};

// Every operator, defined in its family's file as `constinit const OpSpec op_Name{...}`.
#define LIMN_OP(name) extern const OpSpec op_##name;
#include "ops/op_list.inc"
#undef LIMN_OP

/// All operators in list order.
std::span<const OpSpec* const> operators();
/// The kind of a node, given which of its inputs are constant.
OpKind kind_of(const Node& node, std::span<const bool> constant);
/// Index of the data input of a Linear node (the one that is not constant).
std::size_t data_input(std::span<const bool> constant);

/// Gradients of any node by libtorch's autograd, for one gradient of each output.
Tensors autograd_vjp(const Node& node, Inputs in, Inputs grad_out, std::span<const bool> wanted);

// Helpers for operator files.

/// The integers of a shape-like input tensor.
std::vector<std::int64_t> integers_of(const Tensor& tensor);
/// `axis` in [0, rank), counted from the back where negative; throws BadModel.
std::int64_t normalize_axis(std::int64_t axis, std::int64_t rank);
/// Input i or undefined.
inline Tensor optional_input(Inputs in, std::size_t i) { return i < in.size() ? in[i] : Tensor(); }

}  // namespace limn
