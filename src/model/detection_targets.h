// Targets on a detector: each means one detection, and its score is that of a proposal.
#pragma once
#include <vector>

#include "limn/target.h"

namespace limn {

/// bind_targets for a detector.
std::vector<Objective> bind_detections(const Model& model, const Tape& tape,
                                       const std::vector<Target>& targets, ScoreKind score);

}  // namespace limn
