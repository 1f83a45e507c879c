// The LRP rules, written once on LinearView. Notation: x input, w weight, b bias, z = A(w) x + b,
// w+ = max(w, 0), w- = min(w, 0), likewise x+, x-, b+, b-; st(z) = z + stabilizer sgn(z).
// Source of the generalized forms: chr5tphr/zennit@3121bb2 (src/zennit/rules.py).
#pragma once
#include <string>
#include <vector>

#include "rules/rule_book.h"

namespace limn {

/// R_j = x_j sum_k w_jk R_k / st(z_k). The bias takes its share of relevance.
Rule epsilon_rule(double epsilon = 1e-6);
/// Generalized gamma: outputs above zero favor positive contributions by (1 + gamma), outputs below
/// zero negative ones; signed inputs are handled. Where x >= 0 and z > 0:
/// R_j = x_j sum_k (w + gamma w+)_jk R_k / st(sum_j x_j (w + gamma w+)_jk + b + gamma b+).
Rule gamma_rule(double gamma = 0.25, double stabilizer = 1e-6);
/// R_j = sum_k (x+ w+ + x- w-)_jk R_k / st(sum_j (x+ w+ + x- w-)_jk + b+).
Rule zplus_rule(double stabilizer = 1e-6);
/// alpha times the share of positive contributions minus beta times that of negative ones;
/// alpha - beta = 1.
Rule alpha_beta_rule(double alpha = 2, double beta = 1, double stabilizer = 1e-6);
/// zB for a first layer whose input lies in [low, high]: one number for all of it, or one for each
/// channel of the model's input, which then take the way of the nodes between:
/// R_j = sum_k (x_j w_jk - l_j w+_jk - h_j w-_jk) R_k / st(z(x,w) - z(l,w+) - z(h,w-)).
Rule zbox_rule(std::vector<double> low, std::vector<double> high, double stabilizer = 1e-6);
/// The same between the lowest and the highest value of each sample, over all its channels.
Rule picture_box_rule(double stabilizer = 1e-6);
/// Excitation backprop: R_j = sum_k (x+ w+ + x- w-)_jk R_k / sum_j (x+ w+ + x- w-)_jk, no bias. A
/// unit without any positive product hands nothing on.
Rule excitation_rule();
/// The same, but what a unit without any positive product holds is spread evenly over all that it
/// reads: conserves whatever the biases are.
Rule plus_even_rule();
/// R_j = x_j sum_k w+_jk R_k / (sum_j x_j w+_jk + epsilon): the form of papers whose inputs are
/// never negative.
Rule positive_weights_rule(double epsilon);
/// R_j = sum_k w_jk^2 R_k / st(sum_j w_jk^2 + b_k^2).
Rule wsquare_rule(double stabilizer = 1e-6);
/// The same with all weights 1 and no bias.
Rule flat_rule(double stabilizer = 1e-6);
/// R_j = x_j A^T(R / st(z)): for pools (and joins, see join_rule).
Rule norm_rule(double stabilizer = 1e-6);

/// The parts of a linear layer that rules combine, made once and cached where they fit.
class WeightParts {
 public:
  WeightParts(const Step& step, const LinearView& view) : step_(step), view_(view) {}
  /// w+ = max(w, 0).
  Tensor plus() const;
  /// w- = min(w, 0).
  Tensor minus() const;
  /// |w|.
  Tensor magnitude() const;
  /// w + gamma w+ and w + gamma w-.
  Tensor plus_gamma(double gamma) const;
  Tensor minus_gamma(double gamma) const;
  /// b+, b- and b + gamma b+; undefined where there is no bias.
  Tensor bias_plus() const;
  Tensor bias_minus() const;
  Tensor bias_plus_gamma(double gamma) const;
  /// A(w+) x and A(w-) x; for large weights the latter is A(w) x - A(w+) x with what that leaves of
  /// rounding set to zero, so that w- is never stored.
  Tensor apply_plus(const Tensor& x) const;
  Tensor apply_minus(const Tensor& x) const;
  /// A(w)^T s, A(w+)^T s, A(w-)^T s. For large weights the last is A(w)^T s - A(w+)^T s, so that w-
  /// is never stored.
  Tensor pull_whole(const Tensor& s) const;
  Tensor pull_plus(const Tensor& s) const;
  Tensor pull_minus(const Tensor& s) const;
  Tensor pull_magnitude(const Tensor& s) const;
  Tensor pull_plus_gamma(const Tensor& s, double gamma) const;
  Tensor pull_minus_gamma(const Tensor& s, double gamma) const;

 private:
  Tensor cached(const std::string& what, const std::function<Tensor()>& make) const;
  const Step& step_;
  const LinearView& view_;
};

}  // namespace limn
