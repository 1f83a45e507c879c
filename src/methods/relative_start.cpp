// See relative_start.h.
#include "methods/relative_start.h"

#include <algorithm>

#include "methods/relevance_base.h"
#include "rules/basic_rules.h"

namespace limn {
namespace {

/// Keeps vanished sums from dividing by zero (the authors' value).
constexpr double kTiny = 1e-9;

/// Per sample: t / (max t + 1e-9); a map without anything positive keeps its sign.
Tensor normalized(const Tensor& gam, bool reference) {
  const Tensor highest = gam.amax({2, 3, 4}, true);
  if (reference) return gam / (highest + kTiny);
  const Tensor largest = gam.abs().amax({2, 3, 4}, true);
  return gam / (at::where(highest > 0, highest, largest) + kTiny);
}

Tensor total(const Tensor& t) { return t.sum({1, 2, 3}, true); }

/// t / sum t, 0 where that is 0.
Tensor unit_sum(const Tensor& t) { return t / (total(t) + kTiny); }

/// The target's map set against the others', then purged: mass 2 on places that the target owns,
/// minus mass 1 on those the others own, the same for all channels. `own`, `others` [N, K, h, w];
/// `count` classes in all.
Tensor purged(const Tensor& own, const Tensor& others, double count) {
  const Tensor d = (count - 1) * own - others;
  const Tensor p = unit_sum(d.clamp_min(0));
  Tensor q = d.clamp_max(0);
  q = safe_divide(q, q.amin({1, 2, 3}, true));
  q = unit_sum(q) * total(p);
  const Tensor places = (p - q).sum(1, true);
  const Tensor against = places.clamp_max(0);
  const Tensor start =
      2 * unit_sum(places.clamp_min(0)) - safe_divide(against, total(against) + kTiny);
  return (start / own.size(1)).expand_as(own).contiguous();
}

/// Per sample the classes that are set against a target.
using Hostiles = std::vector<std::vector<std::int64_t>>;

Hostiles hostile_classes(const std::vector<std::string>& against, const Call& call,
                         const Pass& pass, const Objective& objective) {
  if (against.size() != 1 || against[0] != "none") refuse_detector(pass.model);
  const Tensor p = probabilities(pass.model, pass.tape);
  const std::int64_t samples = p.size(0), classes = p.size(1);
  Hostiles all(static_cast<std::size_t>(samples));
  const std::string choice = against.size() == 1 ? against[0] : "";
  const bool multi_label = pass.model.output_kind() == OutputKind::MultiLabel;
  const Tensor ranked = p.argsort(1, true);
  for (std::int64_t n = 0; n < samples; ++n) {
    auto& mine = all[static_cast<std::size_t>(n)];
    if (choice == "none") continue;
    if (choice == "predicted") {
      for (std::int64_t c = 0; c < classes; ++c) {
        const bool present = p[n][c].item<double>() >= 0.5;
        if (multi_label && present) mine.push_back(c);
        if (!multi_label && c < 5) mine.push_back(ranked[n][c].item<std::int64_t>());
      }
    } else if (choice == "auto" || choice == "labels") {
      for (const Objective& other : pass.objectives) {
        mine.push_back(other.classes[static_cast<std::size_t>(n)]);
      }
      for (const std::int64_t c : call.options.beside) {
        mine.push_back(class_index(call.model, std::to_string(c), classes));
      }
    } else {
      for (const auto& name : against) mine.push_back(class_index(call.model, name, classes));
    }
    std::sort(mine.begin(), mine.end());
    mine.erase(std::unique(mine.begin(), mine.end()), mine.end());
    const std::int64_t own = objective.classes[static_cast<std::size_t>(n)];
    mine.erase(std::remove(mine.begin(), mine.end(), own), mine.end());
  }
  return all;
}

/// Normalized maps of the given classes, [number, N, K, h, w], from one walk.
class ClassMaps {
 public:
  ClassMaps(const Pass& pass, const Call& call, ValueId layer, const std::vector<Hostiles>& all,
            bool reference) {
    for (const auto& hostiles : all) {
      for (const auto& sample : hostiles)
        classes_.insert(classes_.end(), sample.begin(), sample.end());
    }
    std::sort(classes_.begin(), classes_.end());
    classes_.erase(std::unique(classes_.begin(), classes_.end()), classes_.end());
    if (classes_.empty()) return;
    Tensor seeds = at::zeros_like(pass.tape[pass.model.logits()]).unsqueeze(0);
    seeds = seeds.repeat_interleave(static_cast<std::int64_t>(classes_.size()), 0);
    for (std::size_t i = 0; i < classes_.size(); ++i) {
      seeds[static_cast<std::int64_t>(i)].select(1, classes_[i]).fill_(1);
    }
    maps_ = normalized(gradient_activation(pass, call, layer, seeds), reference);
  }
  Tensor of(std::int64_t c, std::int64_t sample) const {
    const auto found = std::lower_bound(classes_.begin(), classes_.end(), c);
    return maps_[found - classes_.begin()][sample];
  }

 private:
  std::vector<std::int64_t> classes_;
  Tensor maps_;
};

}  // namespace

RelativeStart relative_start(const Pass& pass, const Call& call, ValueId layer,
                             const std::vector<std::string>& against, bool reference) {
  const Tensor maps = gradient_activation(pass, call, layer, pass.gradients(call));
  const Tensor own = normalized(maps, reference);
  RelativeStart start;
  start.notes.resize(pass.objectives.size());
  std::vector<Hostiles> all;
  for (const auto& objective : pass.objectives) {
    all.push_back(hostile_classes(against, call, pass, objective));
  }
  const ClassMaps others(pass, call, layer, all, reference);
  const bool asked =
      against != std::vector<std::string>{"none"} && against != std::vector<std::string>{"auto"};
  Tensors relevance;
  for (std::size_t s = 0; s < all.size(); ++s) {
    const auto seed = static_cast<std::int64_t>(s);
    std::int64_t alone = 0;
    Tensors samples;
    for (std::int64_t n = 0; n < own.size(1); ++n) {
      const auto& hostile = all[s][static_cast<std::size_t>(n)];
      const Tensor mine = own[seed][n].unsqueeze(0);
      if (hostile.empty()) {
        ++alone;
        samples.push_back(mine);
        continue;
      }
      Tensor sum = at::zeros_like(mine);
      for (const std::int64_t c : hostile) sum = sum + others.of(c, n);
      samples.push_back(purged(mine, sum, static_cast<double>(hostile.size() + 1)));
    }
    relevance.push_back(at::cat(samples));
    if (alone > 0 && asked) {
      start.notes[s].push_back(concat("no other class to set it against (", alone, " of ",
                                      own.size(1), " pictures): the plain start was used"));
    }
    if (maps[seed].amax({1, 2, 3}).le(0).any().item<bool>()) {
      start.notes[s].push_back(no_evidence_at(pass.model.graph().value(layer).name));
    }
  }
  start.relevance = at::stack(relevance);
  return start;
}

}  // namespace limn
