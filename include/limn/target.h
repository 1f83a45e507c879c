// What is explained: a class, the k likeliest, or a margin between two.
#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "limn/model.h"
#include "limn/tensor.h"

namespace limn {

/// Which number of the output is explained: the logit itself, its probability (softmax, or sigmoid
/// for multi-label models), or the logarithm of that.
enum class ScoreKind { Logit, Probability, LogProbability };
/// `logit`, `prob`, `log-prob`; throws InvalidArgument.
ScoreKind parse_score_kind(std::string_view text);
std::string_view score_kind_name(ScoreKind kind);

/// A target as the user names it, before a forward pass binds it.
struct Target {
  enum class Kind { Top, Class, Margin };
  Kind kind = Kind::Top;
  std::int64_t rank = 0;  ///< Top: 0 is the likeliest
  std::string first;      ///< Class, Margin: index or label
  std::string second;     ///< Margin: what is subtracted

  /// `top1`, `top:k` (k targets), `class:<index or label>`, `margin:a-b`; a bare index or label
  /// means `class:`. Throws InvalidArgument.
  static std::vector<Target> parse(std::string_view text);
  static Target top1() { return {}; }
  static Target of_class(std::int64_t index);
  std::string text() const;
};

/// A target bound to one forward pass.
struct Objective {
  Target target;
  std::string name;                      ///< `class:281 (tabby)`, for people
  ValueId at;                            ///< the logits
  std::vector<std::int64_t> classes;     ///< per sample
  std::vector<std::int64_t> subtracted;  ///< per sample, for margins; else empty
  Tensor score;                          ///< [N]: what is explained
  Tensor one_hot;   ///< shaped like the logits: 1 at the class, -1 at what is subtracted
  Tensor gradient;  ///< d score / d logits
  /// Sums to the score per sample: score x one-hot (margins: each logit at its place).
  Tensor relevance;
};

/// Binds targets to the logits of a forward pass. Throws NotFound for an unknown label (nearest
/// offered) or an index beyond the classes.
std::vector<Objective> bind_targets(const Model& model, const Tape& tape,
                                    const std::vector<Target>& targets,
                                    ScoreKind score = ScoreKind::Logit);

/// Class index from an index or a label; labels match whole, then by one comma-separated part,
/// case ignored. Throws NotFound.
std::int64_t class_index(const Model& model, std::string_view text, std::int64_t classes);
/// The label, or `class 281` where the model has none.
std::string class_label(const Model& model, std::int64_t index);
/// Probabilities of the logits, [N, C]: softmax or sigmoid; spatial outputs are averaged first.
Tensor probabilities(const Model& model, const Tape& tape);

}  // namespace limn
