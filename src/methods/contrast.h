// What contrastive relevance methods share: what a class is set against, and the walks for both.
// The contrast is either the other classes, or the dual of the class: the same network with the
// last linear layer's weight and bias negated.
#pragma once
#include <string>
#include <vector>

#include "methods/method_base.h"

namespace limn {

/// The linear layer that makes the class scores.
struct LastLayer {
  std::vector<NodeId> nodes;  ///< one; several where heads read the same value
  ValueId input;              ///< what they read
};
/// Found from the logits back through routing, pooling, activations, sums and constant affine
/// nodes. Throws Unsupported where there is none, or several that read different values.
LastLayer last_layer(const Model& model);

/// A network with its last linear layer negated, and its tape; values from that layer up to the
/// logits are those of the negated layer, all others are shared.
struct Dual {
  Model model;
  Tape tape;
};
Dual dual_of(const Model& model, const Tape& tape, const LastLayer& last);

/// Whether `to` can be reached from `from`; a value reaches itself.
bool reaches(const Graph& graph, ValueId from, ValueId to);
/// Whether the logits depend on the input past the value `at`.
bool goes_around(const Graph& graph, ValueId logits, ValueId input, ValueId at);

/// Messages at the last layer's input from the same seeds at the logits, through w and through -w.
struct TopMessages {
  LastLayer last;
  Tensor target, dual;            ///< [S, shape of last.input]
  WalkResult above;               ///< the target's relevance at recorded values above last.input
  std::vector<ValueId> recorded;  ///< those the caller asked for below it
};
TopMessages walk_top(const Pass& pass, const Call& call, const RuleBook& book, const Tensor& seeds);

/// A target's relevance and its contrast's.
struct ContrastWalk {
  Tensor contrast;    ///< [S, ...] at the input
  WalkResult target;  ///< the target's relevance, at the input and recorded values
};
/// Both from seeds at the logits, in one walk to the input.
ContrastWalk walk_others(const Pass& pass, const Call& call, const RuleBook& book,
                         const Tensor& target, const Tensor& others);
/// Both from messages at the last layer's input, in one walk to the input.
ContrastWalk walk_dual(const Pass& pass, const Call& call, const RuleBook& book, TopMessages top);

/// Note where relevance was given at the logits: it names no class to contrast.
inline constexpr const char* kNoContrastOfStart =
    "the start was given: there is nothing to contrast it with, so its own relevance is shown";

/// 1 (over the number of places) at the class that a target names, shaped like the logits.
Tensor target_class(const Objective& objective);
/// The same at all other classes; for a margin at the one subtracted.
Tensor other_classes(const Objective& objective);
/// `value` [N] shaped to multiply logits `like`.
Tensor per_sample(const Tensor& value, const Tensor& like);

/// M_t - M_c sum(M_t) / sum(M_c) per sample of [S, N, ...], which sums to zero. Where sum(M_c) is
/// zero the target's own relevance, said in `notes` (one list per seed).
Tensor contrasted(const Tensor& target, const Tensor& contrast,
                  std::vector<std::vector<std::string>>& notes);

/// Keeps what a contrast is made of as inner["target"] and inner["contrast"]: seed s of [S, N,
/// ...].
void keep_parts(Explanation& one, const Tensor& target, const Tensor& contrast, std::size_t s);

/// A request for one walk with the call's settings.
WalkRequest request_for(const Call& call, std::vector<std::pair<ValueId, Tensor>> seeds,
                        std::vector<ValueId> at);

/// Dual contrast of a margin has no meaning: a margin sets two classes against each other already.
void refuse_margins(const Pass& pass, std::string_view instead);

}  // namespace limn
