// Targets: parsing, and binding to one forward pass.
#include "limn/target.h"

#include <charconv>
#include <cmath>
#include <numeric>

#include "limn/error.h"
#include "limn/spec.h"
#include "model/detection_targets.h"

namespace limn {
namespace {

std::optional<std::int64_t> whole_number(std::string_view text) {
  std::int64_t value = 0;
  const auto result = std::from_chars(text.data(), text.data() + text.size(), value);
  if (text.empty() || result.ec != std::errc() || result.ptr != text.data() + text.size())
    return {};
  return value;
}

std::string trimmed(std::string_view text) {
  while (!text.empty() && text.front() == ' ') text.remove_prefix(1);
  while (!text.empty() && text.back() == ' ') text.remove_suffix(1);
  return std::string(text);
}

/// A label and, where it lists synonyms behind commas, each of them.
std::vector<std::string> names_of(const std::string& label) {
  std::vector<std::string> names = {label};
  for (std::size_t begin = 0; label.find(',') != std::string::npos && begin <= label.size();) {
    const std::size_t comma = std::min(label.find(',', begin), label.size());
    names.emplace_back(trimmed(label.substr(begin, comma - begin)));
    begin = comma + 1;
  }
  return names;
}

/// Whether `wanted` is one of a label's names, case ignored.
bool names_label(const std::string& label, const std::string& wanted) {
  const auto names = names_of(label);
  return std::any_of(names.begin(), names.end(),
                     [&](const std::string& name) { return canonical_name(name) == wanted; });
}

/// [N, C] whatever the logits' spatial extent: the mean over places.
Tensor class_scores(const Tensor& logits) {
  return logits.dim() > 2 ? logits.flatten(2).mean(2) : logits;
}

}  // namespace

ScoreKind parse_score_kind(std::string_view text) {
  const std::string name = canonical_name(text);
  if (name == "logit") return ScoreKind::Logit;
  if (name == "prob" || name == "probability") return ScoreKind::Probability;
  if (name == "log-prob" || name == "log-probability") return ScoreKind::LogProbability;
  fail(ErrorCode::InvalidArgument, "score \"", text, "\" is not logit, prob or log-prob");
}

std::string_view score_kind_name(ScoreKind kind) {
  constexpr std::string_view names[] = {"logit", "prob", "log-prob"};
  return names[static_cast<std::size_t>(kind)];
}

namespace {

/// What stands behind `box:`: an index, or four numbers.
Target parse_box(std::string_view text, const std::string& rest) {
  Target target;
  if (const auto index = whole_number(rest)) {
    if (*index < 0 || *index >= 1000) {
      fail(ErrorCode::InvalidArgument, "target \"", text, "\": the index is 0 to 999");
    }
    target.rank = *index;
    return target;
  }
  target.kind = Target::Kind::Box;
  const char* at = rest.data();
  const char* end = at + rest.size();
  bool good = true;
  for (std::size_t i = 0; good && i < 4; ++i) {
    const auto read = std::from_chars(at, end, target.box[i]);
    good =
        read.ec == std::errc() && (i == 3 ? read.ptr == end : read.ptr != end && *read.ptr == ',');
    at = read.ptr + 1;
  }
  good = good && target.box[0] < target.box[2] && target.box[1] < target.box[3];
  if (!good) {
    fail(ErrorCode::InvalidArgument, "target \"", text,
         "\": write box:INDEX or box:x1,y1,x2,y2 with x1 < x2 and y1 < y2");
  }
  return target;
}

}  // namespace

std::vector<Target> Target::parse(std::string_view text) {
  const std::string word = trimmed(text);
  const auto starts = [&](std::string_view prefix) { return word.rfind(prefix, 0) == 0; };
  if (word.empty()) {
    fail(ErrorCode::InvalidArgument,
         "empty target; write top1, top:3, class:281, class:tabby or margin:281-285");
  }
  if (starts("top")) {
    const std::string rest = word.substr(starts("top:") ? 4 : 3);
    if (const auto k = whole_number(rest)) {
      if (*k < 1 || *k > 1000) {
        fail(ErrorCode::InvalidArgument, "target \"", text, "\": k is 1 to 1000");
      }
      std::vector<Target> targets;
      for (std::int64_t rank = starts("top:") ? 0 : *k - 1; rank < *k; ++rank) {
        targets.push_back({.kind = Kind::Top, .rank = rank, .first = "", .second = ""});
      }
      return targets;
    }
    if (starts("top:")) {
      fail(ErrorCode::InvalidArgument, "target \"", text, "\": expected a number after \"top:\"");
    }
  }
  if (starts("box:")) return {parse_box(text, word.substr(4))};
  if (starts("cosine:")) {
    fail(ErrorCode::InvalidArgument, "target \"", text,
         "\": only `limn explain`, `compare` and `overlap` take cosine:FILE.npy, where the file is "
         "an *-embedding.npy of `limn explain-pair`; in C++ `cosine_model` makes the cosine a "
         "class");
  }
  if (starts("margin:")) {
    const std::string pair = word.substr(7);
    const std::size_t dash = pair.find('-');
    if (dash == std::string::npos || dash == 0 || dash + 1 == pair.size()) {
      fail(ErrorCode::InvalidArgument, "target \"", text,
           "\": expected two classes, such as margin:281-285 or margin:cat-dog");
    }
    return {{.kind = Kind::Margin,
             .rank = 0,
             .first = pair.substr(0, dash),
             .second = pair.substr(dash + 1)}};
  }
  const bool prefixed = starts("class:") || starts("label:");
  const std::string name = prefixed ? trimmed(word.substr(6)) : word;
  if (name.empty()) fail(ErrorCode::InvalidArgument, "target \"", text, "\" names no class");
  return {{.kind = Kind::Class, .rank = 0, .first = name, .second = ""}};
}

Target Target::of_proposal(std::int64_t place, std::int64_t label) {
  return {.kind = Kind::Proposal, .rank = place, .first = std::to_string(label), .second = ""};
}

Target Target::of_class(std::int64_t index) {
  return {.kind = Kind::Class, .rank = 0, .first = std::to_string(index), .second = ""};
}

std::string Target::text() const {
  if (kind == Kind::Top) return concat("top", rank + 1);
  if (kind == Kind::Margin) return concat("margin:", first, "-", second);
  if (kind == Kind::Proposal) return concat("proposal:", rank, " of class ", first);
  if (kind == Kind::Box) {
    return concat("box:", box[0], ",", box[1], ",", box[2], ",", box[3]);
  }
  return "class:" + first;
}

std::int64_t class_index(const Model& model, std::string_view text, std::int64_t classes) {
  if (const auto index = whole_number(text)) {
    if (*index < 0 || *index >= classes) {
      fail(ErrorCode::NotFound, "class ", *index, " does not exist: the model has classes 0 to ",
           classes - 1);
    }
    return *index;
  }
  const std::string wanted = canonical_name(trimmed(text));
  const auto& labels = model.labels();
  for (std::size_t i = 0; i < labels.size() && static_cast<std::int64_t>(i) < classes; ++i) {
    if (names_label(labels[i], wanted)) return static_cast<std::int64_t>(i);
  }
  if (labels.empty()) {
    fail(ErrorCode::NotFound, "the model has no labels, so \"", text,
         "\" cannot be found; give an index 0 to ", classes - 1, " or a label file (--labels)");
  }
  std::vector<std::string> names;
  for (const auto& label : labels) {
    const auto own = names_of(label);
    names.insert(names.end(), own.size() > 1 ? own.begin() + 1 : own.begin(), own.end());
  }
  fail(ErrorCode::NotFound, "no class \"", text, "\"; nearest: ", nearest_names(text, names));
}

std::string class_label(const Model& model, std::int64_t index) {
  const auto& labels = model.labels();
  return static_cast<std::size_t>(index) < labels.size() ? labels[static_cast<std::size_t>(index)]
                                                         : concat("class ", index);
}

Tensor probabilities(const Model& model, const Tape& tape) {
  if (model.is_detector()) {
    const Proposals all = read_proposals(model, tape);
    return (all.objectness.unsqueeze(2) * all.classes).amax(1);
  }
  const Tensor scores = class_scores(tape[model.logits()]);
  return model.output_kind() == OutputKind::MultiLabel ? at::sigmoid(scores)
                                                       : at::softmax(scores, 1);
}

namespace {

/// Score and its gradient for the probability or log-probability of one class per sample.
void probability_score(const Model& model, const Tape& tape, ScoreKind kind, const Tensor& picked,
                       Objective& objective) {
  const Tensor p = probabilities(model, tape);
  const Tensor of_class = (p * picked).sum(1, true);
  const bool multi = model.output_kind() == OutputKind::MultiLabel;
  // d p_c / d y = p_c (e_c - p) for softmax, p_c (1 - p_c) e_c for sigmoid.
  Tensor gradient = multi ? picked * (1 - of_class) : picked - p;
  objective.score = of_class.squeeze(1);
  if (kind == ScoreKind::LogProbability) {
    objective.score = objective.score.clamp_min(1e-45).log();
  } else {
    gradient = gradient * of_class;
  }
  const Tensor& logits = tape[objective.at];
  std::vector<std::int64_t> shape = gradient.sizes().vec();
  double places = 1;
  for (std::int64_t d = 2; d < logits.dim(); ++d) {
    shape.push_back(1);
    places *= static_cast<double>(logits.size(d));
  }
  objective.gradient = gradient.reshape(shape).expand_as(logits) / places;
}

}  // namespace

std::vector<Objective> bind_targets(const Model& model, const Tape& tape,
                                    const std::vector<Target>& targets, ScoreKind score) {
  if (model.is_detector()) return bind_detections(model, tape, targets, score);
  for (const auto& target : targets) {
    if (target.kind == Target::Kind::Box) {
      fail(ErrorCode::InvalidArgument, "target \"", target.text(),
           "\" names a box, and the model is ",
           "not described as a detector; give \"detector\" in <model>.limn.json, or --detector");
    }
  }
  const Tensor& logits = tape[model.logits()];
  if (logits.dim() < 2 || !logits.is_floating_point()) {
    fail(ErrorCode::Unsupported, "the output \"", model.graph().value(model.logits()).name,
         "\" has shape ", logits.sizes(), "; a class score needs [N, classes]");
  }
  const Tensor scores = class_scores(logits);
  const std::int64_t samples = scores.size(0), classes = scores.size(1);
  std::int64_t ranks = 0;
  for (const auto& target : targets) {
    if (target.kind == Target::Kind::Top) ranks = std::max(ranks, target.rank + 1);
  }
  if (ranks > classes) {
    fail(ErrorCode::InvalidArgument, "target top", ranks, ": the model has ", classes, " classes");
  }
  const Tensor order = ranks > 0 ? std::get<1>(at::topk(scores, ranks, 1)).cpu() : Tensor();
  std::vector<Objective> objectives;
  for (const auto& target : targets) {
    Objective objective;
    objective.target = target;
    objective.at = model.logits();
    for (std::int64_t n = 0; n < samples; ++n) {
      if (target.kind == Target::Kind::Top) {
        objective.classes.push_back(order[n][target.rank].item<std::int64_t>());
      } else if (n == 0) {
        objective.classes.push_back(class_index(model, target.first, classes));
        if (target.kind == Target::Kind::Margin) {
          objective.subtracted.push_back(class_index(model, target.second, classes));
        }
      } else {
        objective.classes.push_back(objective.classes.front());
        if (!objective.subtracted.empty()) {
          objective.subtracted.push_back(objective.subtracted.front());
        }
      }
    }
    const auto label = [&](std::int64_t index) {
      const bool known = static_cast<std::size_t>(index) < model.labels().size();
      return known ? concat(index, " (", class_label(model, index), ")") : std::to_string(index);
    };
    objective.name = "class:" + label(objective.classes.front());
    Tensor picked = at::zeros_like(scores, at::MemoryFormat::Contiguous);
    const auto index_of = [&](const std::vector<std::int64_t>& list) {
      return at::tensor(list, at::kLong).to(scores.device()).unsqueeze(1);
    };
    picked.scatter_(1, index_of(objective.classes), 1);
    if (!objective.subtracted.empty()) {
      objective.name =
          "margin:" + label(objective.classes.front()) + "-" + label(objective.subtracted.front());
      picked.scatter_add_(1, index_of(objective.subtracted),
                          at::full({samples, 1}, -1, scores.options()));
    }
    std::vector<std::int64_t> shape = {samples, classes};
    double places = 1;
    for (std::int64_t d = 2; d < logits.dim(); ++d) {
      shape.push_back(1);
      places *= static_cast<double>(logits.size(d));
    }
    objective.one_hot = (picked.reshape(shape).expand_as(logits) / places).contiguous();
    if (score == ScoreKind::Logit) {
      objective.score = (scores * picked).sum(1);
      objective.gradient = objective.one_hot;
      objective.relevance = objective.one_hot * logits;
    } else {
      if (!objective.subtracted.empty()) {
        fail(ErrorCode::InvalidArgument, "target \"", target.text(),
             "\": a margin is a difference of logits; use --score logit");
      }
      probability_score(model, tape, score, picked, objective);
      std::vector<std::int64_t> per_sample(static_cast<std::size_t>(logits.dim()), 1);
      per_sample[0] = samples;
      objective.relevance = objective.one_hot * objective.score.reshape(per_sample);
    }
    objectives.push_back(std::move(objective));
  }
  return objectives;
}

}  // namespace limn
