// What is explained: a class, the k likeliest, or a margin between two.
#pragma once
#include <array>
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

/// A target as the user names it, before a forward pass binds it. On a detector a target is one
/// detection: the rank-th strongest (`top1`, `box:0`), the strongest of a class (`class:dog`,
/// `label:dog`), or the one that overlaps a given box most.
struct Target {
  enum class Kind { Top, Class, Margin, Box, Proposal };
  Kind kind = Kind::Top;
  std::int64_t rank = 0;           ///< Top: 0 is the likeliest; Proposal: its place
  std::string first;               ///< Class, Margin: index or label; Proposal: the class's index
  std::string second;              ///< Margin: what is subtracted
  std::array<double, 4> box = {};  ///< Box: x1, y1, x2, y2 in pixels of the model's input

  /// `top1`, `top:k` (k targets), `class:<index or label>`, `margin:a-b`; a bare index or label
  /// means `class:`. On detectors also `box:INDEX` (`top`, counted from 0), `box:x1,y1,x2,y2` and
  /// `label:NAME` (`class`). Throws InvalidArgument.
  static std::vector<Target> parse(std::string_view text);
  static Target top1() { return {}; }
  static Target of_class(std::int64_t index);
  /// One place of a detector's proposals, whatever is detected there.
  static Target of_proposal(std::int64_t place, std::int64_t label);
  std::string text() const;
};

/// A target bound to one forward pass.
struct Objective {
  Target target;
  std::string name;                      ///< `class:281 (tabby)`, for people
  ValueId at;                            ///< the logits
  std::vector<std::int64_t> classes;     ///< per sample
  std::vector<std::int64_t> subtracted;  ///< per sample, for margins; else empty
  std::vector<Detection> detected;       ///< per sample, on detectors; else empty
  Tensor score;                          ///< [N]: what is explained
  /// [N] on detectors: objectness times class score of the proposal; else undefined.
  Tensor confidence;
  Tensor one_hot;   ///< shaped like the logits: 1 at the class, -1 at what is subtracted
  Tensor gradient;  ///< d score / d logits
  /// Sums to the score per sample: score x one-hot (margins: each logit at its place).
  Tensor relevance;
};

/// Binds targets to the logits of a forward pass. On a detector the score is objectness times class
/// score of the matched proposal, before overlaps are removed (or its logarithm), and both factors
/// get half of the relevance. Throws NotFound where nothing is detected or no detection fits.
/// Throws NotFound for an unknown label (nearest
/// offered) or an index beyond the classes.
std::vector<Objective> bind_targets(const Model& model, const Tape& tape,
                                    const std::vector<Target>& targets,
                                    ScoreKind score = ScoreKind::Logit);

/// Class index from an index or a label; labels match whole, then by one comma-separated part,
/// case ignored. Throws NotFound.
std::int64_t class_index(const Model& model, std::string_view text, std::int64_t classes);
/// The label, or `class 281` where the model has none.
std::string class_label(const Model& model, std::int64_t index);
/// Probabilities of the logits, [N, C]: softmax or sigmoid; spatial outputs are averaged first. On
/// a detector each class's strongest proposal.
Tensor probabilities(const Model& model, const Tape& tape);

}  // namespace limn
