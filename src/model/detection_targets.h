// Targets on a detector: each means one detection, and its score is that of a proposal.
#pragma once
#include <array>
#include <functional>
#include <string>
#include <vector>

#include "limn/target.h"

namespace limn {

/// A box of the model's input in words, such as `10,20,200,300`.
using BoxWords = std::function<std::string(const std::array<double, 4>&)>;
/// The detection of sample n that a target means. Throws NotFound with what is detected, boxes in
/// `words`; without them in pixels of the model's input.
Detection find_detection(const Model& model, const Proposals& all, const Target& target,
                         std::int64_t n, const BoxWords& words = {});
/// bind_targets for a detector.
std::vector<Objective> bind_detections(const Model& model, const Tape& tape,
                                       const std::vector<Target>& targets, ScoreKind score);

}  // namespace limn
