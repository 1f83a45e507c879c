// See detection_targets.h.
#include "model/detection_targets.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>

#include "limn/error.h"

namespace limn {
namespace {

/// A given box means the detection that overlaps it most, if by this much.
constexpr double kLeastOverlap = 0.1;

std::string rounded(const std::array<double, 4>& box) {
  return concat(std::round(box[0]), ",", std::round(box[1]), ",", std::round(box[2]), ",",
                std::round(box[3]));
}

/// What is detected, for error messages: `dog .93 at 10,20,200,300`.
std::string detection_list(const Model& model, const std::vector<Detection>& found,
                           const BoxWords& words) {
  std::string out;
  for (std::size_t i = 0; i < std::min<std::size_t>(5, found.size()); ++i) {
    out += concat(i ? "; " : "", "box:", i, " ", class_label(model, found[i].label), " (",
                  std::round(100 * found[i].score), " %) at ", words(found[i].box));
  }
  return out + (found.size() > 5 ? concat(" and ", found.size() - 5, " more") : "");
}

/// What may be wrong where nothing is found.
std::string nothing_detected(const Model& model) {
  const std::string least =
      concat("nothing is detected with a score of at least ", model.detector().score);
  if (model.preprocessing().known) return concat(least, "; lower `score` of the detector");
  return concat(
      least,
      ". Nobody said how this model's pictures are prepared: give --preset (yolox "
      "for YOLOX's own exports) or write <model>.limn.json; or lower `score` of the detector");
}

/// Score, gradient and relevance of each sample's proposal: where the factors of its score stand in
/// the output, [N, n, 4 + 1 + C] or [N, 4 + C, n]. Finished boxes do not say what they come from:
/// they get a score alone.
void score_proposal(const Model& model, const Tape& tape, const Proposals& all, ScoreKind score,
                    Objective& objective) {
  const Tensor& output = tape[objective.at];
  const std::string& layout = model.detector().layout;
  const bool finished = layout == "boxes-scores-labels";
  const bool channels_first = layout == "yolov8";
  if (!finished) {
    objective.gradient = at::zeros_like(output, at::MemoryFormat::Contiguous);
    objective.one_hot = at::zeros_like(objective.gradient);
    objective.relevance = at::zeros_like(objective.gradient);
  }
  Tensors scores;
  for (std::int64_t n = 0; n < all.boxes.size(0); ++n) {
    const Detection& of = objective.detected[static_cast<std::size_t>(n)];
    const Tensor o = all.objectness[n][of.proposal], c = all.classes[n][of.proposal][of.label];
    const Tensor p = o * c;
    scores.push_back(p);
    if (finished) continue;
    const Tensor outer =
        score == ScoreKind::LogProbability ? 1 / p.clamp_min(1e-45) : at::ones_like(p);
    const Tensor value = score == ScoreKind::LogProbability ? p.clamp_min(1e-45).log() : p;
    const auto entry = [&](const Tensor& t, std::int64_t channel) {
      return channels_first ? t[n][channel][of.proposal] : t[n][of.proposal][channel];
    };
    const std::int64_t at = (channels_first ? 4 : 5) + of.label;
    entry(objective.one_hot, at).fill_(1);
    entry(objective.gradient, at).copy_(outer * o);
    entry(objective.relevance, at).copy_(channels_first ? value : value / 2);
    if (!channels_first) {
      entry(objective.gradient, 4).copy_(outer * c);
      entry(objective.relevance, 4).copy_(value / 2);
    }
  }
  objective.confidence = at::stack(scores);
  objective.score = score == ScoreKind::LogProbability ? objective.confidence.clamp_min(1e-45).log()
                                                       : objective.confidence;
}

}  // namespace

Detection find_detection(const Model& model, const Proposals& all, const Target& target,
                         std::int64_t n, const BoxWords& given) {
  const BoxWords words = given ? given : rounded;
  if (target.kind == Target::Kind::Margin) {
    fail(ErrorCode::InvalidArgument, "target \"", target.text(),
         "\": a margin needs a classifier; on a detector take top1, box:INDEX or label:NAME");
  }
  if (target.kind == Target::Kind::Proposal) {
    Detection one;
    one.proposal = target.rank;
    one.label = class_index(model, target.first, all.classes.size(2));
    return one;
  }
  const std::vector<Detection> found = detections(model, all, n);
  const auto missing = [&](const std::string& what) {
    fail(ErrorCode::NotFound, what,
         found.empty() ? nothing_detected(model)
                       : concat("detected: ", detection_list(model, found, words)));
  };
  if (target.kind == Target::Kind::Top) {
    if (target.rank >= static_cast<std::int64_t>(found.size())) {
      missing(found.empty() ? "" : concat("there is no detection ", target.rank, "; "));
    }
    return found[static_cast<std::size_t>(target.rank)];
  }
  if (target.kind == Target::Kind::Class) {
    const std::int64_t label = class_index(model, target.first, all.classes.size(2));
    for (const auto& one : found) {
      if (one.label == label) return one;
    }
    missing(found.empty() ? "" : concat("no ", class_label(model, label), " is detected; "));
  }
  const auto overlap = [&](const Detection& one) {
    const auto as_tensor = [](const std::array<double, 4>& box) {
      return at::tensor(box, at::kDouble);
    };
    return box_iou(as_tensor(one.box), as_tensor(target.box)).item<double>();
  };
  const auto best = std::max_element(found.begin(), found.end(), [&](const auto& a, const auto& b) {
    return overlap(a) < overlap(b);
  });
  if (best == found.end() || overlap(*best) < kLeastOverlap) {
    missing(found.empty() ? ""
                          : concat("no detection overlaps box:", words(target.box), " by ",
                                   kLeastOverlap, "; "));
  }
  return *best;
}

std::vector<Objective> bind_detections(const Model& model, const Tape& tape,
                                       const std::vector<Target>& targets, ScoreKind score) {
  const Proposals all = read_proposals(model, tape);
  std::vector<Objective> objectives;
  for (const auto& target : targets) {
    Objective objective;
    objective.target = target;
    objective.at = model.logits();
    for (std::int64_t n = 0; n < all.boxes.size(0); ++n) {
      objective.detected.push_back(find_detection(model, all, target, n));
      objective.classes.push_back(objective.detected.back().label);
    }
    const Detection& first = objective.detected.front();
    objective.name = concat("box:", rounded(first.box), " (", class_label(model, first.label), ")");
    score_proposal(model, tape, all, score, objective);
    objectives.push_back(std::move(objective));
  }
  return objectives;
}

}  // namespace limn
