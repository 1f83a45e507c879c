// Rules that every book shares: gradient, pass, joins, products, maxima.
#pragma once
#include "rules/rule_book.h"

namespace limn {

/// The ordinary gradient of any node.
Rule gradient_rule();
/// R_in = R_out for one data input of the same shape; summed over broadcast axes.
Rule pass_rule();
/// Normalization with its statistics held constant: R passes. Norms that reduce their input
/// (LpPool, ReduceL2) share in proportion to x dz/dx, which sums to z since they are homogeneous.
Rule normalization_rule(double stabilizer = 1e-6);
/// R_i = c_i R / st(z) over the summands c_i of Add, Sub, Sum, Mean (Zennit's Norm).
Rule join_rule(double stabilizer = 1e-6);
/// Products of activations. A gate (a factor through Sigmoid, HardSigmoid, Softmax) receives
/// nothing, or half with `gate_half`; other factors share equally. The numerator of a division
/// receives everything.
Rule product_rule(bool gate_half = false, double stabilizer = 1e-6);
/// Two-dimensional max pooling where tied maxima share equally (LRP toolbox, CLRP).
Rule tied_maximum_rule();
/// Two-dimensional max pooling whose window shares equally, winner or not (LRP toolbox's flat).
Rule flat_window_rule();

// Helpers for rules.

/// a / b where b != 0, else 0.
Tensor safe_divide(const Tensor& a, const Tensor& b);
/// What each target's [N, ...] sends down as one message [S, N, ...], in their memory layout, which
/// at::stack would not keep.
Tensor over_targets(const Tensors& each);
/// A(w)^T s for s with the leading seed axis.
Tensor pull(const LinearView& view, const Tensor& s, const Tensor& w);
/// The same for a weight that is always the same under this name at this node: "w", "w+" ...; its
/// transposed form, where the view has one, is kept.
Tensor pull_named(const Step& step, const LinearView& view, const Tensor& s, const Tensor& w,
                  std::string_view name);
/// Gradient of all wanted inputs for outputs' gradients with the leading seed axis.
Tensors pull_gradient(const Step& step, const Tensors& grad_out);
/// The same at other values of the inputs and outputs than the tape's; never through a linear view.
Tensors pull_gradient_at(const Step& step, const Tensors& in, const Tensors& out,
                         const Tensors& grad_out);
/// Sums r [S, ...] over broadcast axes down to [S, shape].
Tensor sum_to_shape(const Tensor& r, at::IntArrayRef shape);
/// Relevance for the data input alone.
Tensors only(const Step& step, Tensor r);

}  // namespace limn
