// Runs all checks: see limn/audit.h.
#include "limn/audit.h"

#include <ATen/ATen.h>
#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "evaluation/audit_maps.h"
#include "limn/error.h"
#include "limn/target.h"

namespace limn {
namespace {

/// Maps whose loss is followed from node to node.
constexpr std::int64_t kTraced = 4;

class Auditor {
 public:
  Auditor(const Model& model, const std::vector<AuditMethod>& methods, const AuditOptions& options)
      : model_(model), methods_(methods), options_(options) {}

  Audit run(std::int64_t count, const std::function<AuditPicture(std::int64_t)>& read) {
    audit_.pictures = count;
    gather(count, read);
    explain_all();
    sanity();
    completeness();
    stability();
    add(judge_agreement(audit_.maps));
    cheating();
    return std::move(audit_);
  }

 private:
  void add(AuditFinding finding) { audit_.findings.push_back(std::move(finding)); }
  void at(const std::string& what, double done, double total) const {
    if (options_.progress) options_.progress(what, done, total);
  }

  void gather(std::int64_t count, const std::function<AuditPicture(std::int64_t)>& read) {
    for (std::int64_t i = 0; i < count; ++i) {
      at("pictures read", static_cast<double>(i), static_cast<double>(count));
      const AuditPicture picture = read(i);
      if (!picture.x.defined()) {
        ++audit_.left_out;
        continue;
      }
      const std::size_t before = audit_.cases.size();
      in_context([&] { return "picture \"" + picture.name + "\""; }, [&] { add_cases(picture); });
      audit_.unseen += audit_.cases.size() == before ? 1 : 0;
    }
    if (!audit_.cases.empty()) return;
    fail(ErrorCode::NotFound, "in none of ", count, count == 1 ? " picture" : " pictures",
         " does the model see ",
         options_.only ? "class " + class_label(model_, *options_.only) : "any class",
         "; give pictures that it recognizes");
  }

  void add_cases(const AuditPicture& picture) {
    const Tape tape = model_.run(picture.x, std::vector<ValueId>{});
    const Tensor shares = probabilities(model_, tape)[0].to(at::kCPU, at::kDouble);
    const bool several = model_.output_kind() == OutputKind::MultiLabel;
    const auto likeliest = shares.argmax().item<std::int64_t>();
    std::vector<std::int64_t> seen;
    for (std::int64_t c = 0; c < shares.size(0); ++c) {
      if (several ? shares[c].item<double>() >= 0.5 : c == likeliest) seen.push_back(c);
    }
    for (const std::int64_t c : seen) {
      if (options_.only && *options_.only != c) continue;
      std::string name = picture.class_name ? picture.class_name(c) : "";
      if (name.empty()) name = class_label(model_, c);
      audit_.cases.push_back({.picture = picture.name,
                              .target = c,
                              .class_name = std::move(name),
                              .probability = shares[c].item<double>(),
                              .beside = seen.size() > 1 ? seen : std::vector<std::int64_t>(),
                              .x = picture.x,
                              .seen = picture.seen,
                              .object = picture.object ? picture.object(c) : Tensor()});
    }
  }

  void explain_all() {
    std::vector<std::size_t> all;
    for (std::size_t i = 0; i < audit_.cases.size(); ++i) all.push_back(i);
    const auto few = some_of(all, options_.few);
    bool has_lead = false;
    std::optional<Error> first;
    for (const auto& method : methods_) {
      AuditMaps maps{.method = method.asked, .promise = method.method->info().gap};
      maps.maps.resize(all.size());
      try {
        const auto progress = [&](double done, double total) {
          at("maps of " + maps.method, done, total);
        };
        make_maps(model_, *method.method, audit_.cases, has_lead ? few : all, options_.explain,
                  progress, maps);
        if (!has_lead) audit_.lead = audit_.maps.size();
        has_lead = true;
      } catch (const Error& error) {
        maps.failed = error.what();
        std::fill(maps.maps.begin(), maps.maps.end(), Tensor());
        if (!first) first = error;
        add({.check = "sanity",
             .subject = method.asked,
             .words = "This method cannot explain the model: " + maps.failed,
             .advice = "Leave it out with -m, or see `limn inspect`."});
      }
      audit_.maps.push_back(std::move(maps));
    }
    if (!has_lead && first) throw *first;
  }

  /// Cases with a map of this method, in the order of cases.
  std::vector<std::size_t> with_map(const AuditMaps& maps) const {
    std::vector<std::size_t> out;
    for (std::size_t i = 0; i < maps.maps.size(); ++i) {
      if (maps.maps[i].defined()) out.push_back(i);
    }
    return out;
  }

  void sanity() {
    audit_.sanity.resize(methods_.size());
    for (std::size_t m = 0; m < methods_.size(); ++m) {
      const AuditMaps& maps = audit_.maps[m];
      if (!maps.failed.empty()) continue;
      at("sanity checks", static_cast<double>(m), static_cast<double>(methods_.size()));
      try {
        audit_.sanity[m] = sanity_of(*methods_[m].method, maps);
        add(judge_sanity(maps.method, audit_.sanity[m]));
      } catch (const Error& error) {
        if (error.code() != ErrorCode::Unsupported) throw;
        add({.check = "sanity", .subject = maps.method, .words = error.what()});
      }
    }
  }

  std::vector<SanityResult> sanity_of(const Method& method, const AuditMaps& maps) const {
    // Pictures of one size share the randomized models.
    auto numbers = with_map(maps);
    if (numbers.empty()) return {};
    const auto size = audit_.cases[numbers.front()].x.sizes().vec();
    std::erase_if(numbers, [&](std::size_t i) { return audit_.cases[i].x.sizes() != size; });
    numbers = some_of(numbers, options_.sanity_few);
    SanityOptions how;
    how.stages = options_.sanity_stages;
    how.randomize.seed = options_.explain.seed;
    // Not those in which it sees other classes beside the one, which a method may set against it.
    std::map<std::vector<std::int64_t>, std::vector<std::size_t>> groups;
    for (const std::size_t i : numbers) {
      const bool single = model_.fixed_batch() == 1;
      groups[single ? std::vector{static_cast<std::int64_t>(i)} : audit_.cases[i].beside].push_back(
          i);
    }
    std::vector<SanityResult> out;
    for (const auto& [key, group] : groups) {
      Tensors pictures, own;
      std::vector<std::int64_t> classes;
      for (const std::size_t i : group) {
        pictures.push_back(audit_.cases[i].x);
        own.push_back(maps.maps[i]);
        classes.push_back(audit_.cases[i].target);
      }
      ExplainOptions explain = options_.explain;
      explain.beside = audit_.cases[group.front()].beside;
      const auto some =
          sanity_check(model_, method, at::cat(pictures), classes, at::stack(own), explain, how);
      out.insert(out.end(), some.begin(), some.end());
    }
    return out;
  }

  void completeness() {
    for (std::size_t m = 0; m < methods_.size(); ++m) {
      const AuditMaps& maps = audit_.maps[m];
      if (!maps.failed.empty()) continue;
      AuditFinding found = judge_completeness(maps.method, maps.promise, maps.gaps);
      if (found.answer == AuditAnswer::Flagged && methods_[m].method->info().conserves) {
        found = judge_completeness(maps.method, maps.promise, maps.gaps, lost_elsewhere_of(m));
      }
      add(std::move(found));
    }
  }

  std::vector<double> lost_elsewhere_of(std::size_t m) const {
    std::vector<double> out;
    ExplainOptions options = options_.explain;
    options.trace = true;
    for (const std::size_t i : some_of(with_map(audit_.maps[m]), kTraced)) {
      const AuditCase& one = audit_.cases[i];
      options.beside = one.beside;
      const Explanation traced =
          methods_[m].method->explain(model_, one.x, Target::of_class(one.target), options);
      if (const auto lost = lost_elsewhere(model_, traced)) out.push_back(*lost);
    }
    return out;
  }

  void stability() {
    std::vector<AuditStability> of_model;
    for (std::size_t m = 0; m < methods_.size(); ++m) {
      const AuditMaps& maps = audit_.maps[m];
      if (!maps.failed.empty()) continue;
      const auto numbers = some_of(with_map(maps), options_.few);
      std::vector<AuditStability> results;
      for (std::size_t k = 0; k < numbers.size(); ++k) {
        at("stability of " + maps.method, static_cast<double>(k),
           static_cast<double>(numbers.size()));
        const AuditCase& one = audit_.cases[numbers[k]];
        results.push_back(measure_stability(model_, *methods_[m].method, one, maps.maps[numbers[k]],
                                            options_.explain));
      }
      if (m == audit_.lead) of_model = results;
      add(judge_stability(maps.method, results));
    }
    add(judge_score_stability(of_model));
  }

  void cheating() {
    const AuditMaps& maps = audit_.maps[audit_.lead];
    const std::vector<std::size_t> all = with_map(maps);
    // In the order of the model's classes.
    std::vector<std::size_t> sorted = all;
    std::stable_sort(sorted.begin(), sorted.end(), [&](std::size_t a, std::size_t b) {
      return audit_.cases[a].target < audit_.cases[b].target;
    });
    std::vector<std::pair<std::string, std::vector<std::size_t>>> classes;
    for (const std::size_t i : sorted) {
      const std::string& name = audit_.cases[i].class_name;
      auto own = std::find_if(classes.begin(), classes.end(),
                              [&](const auto& one) { return one.first == name; });
      if (own == classes.end()) own = classes.insert(own, {name, {}});
      own->second.push_back(i);
    }
    double done = 0;
    std::vector<std::pair<std::size_t, std::string>> few;
    std::vector<AuditFinding> found;
    const auto examine = [&](const std::vector<std::size_t>& numbers, bool pooled) {
      AuditClass one = examine_class(model_, audit_.cases, maps, numbers, options_.explain.seed);
      if (pooled) one.name = "all classes";
      one.pooled = pooled;
      found.push_back(judge_cheating(one));
      audit_.classes.push_back(std::move(one));
    };
    for (auto& [name, numbers] : classes) {
      at("classes", done++, static_cast<double>(classes.size()));
      std::sort(numbers.begin(), numbers.end());
      if (static_cast<std::int64_t>(numbers.size()) >= kLeastMaps) {
        examine(numbers, false);
      } else {
        few.emplace_back(numbers.size(), name);
      }
    }
    // What has nothing to do with a class, such as a border, shows in all of them together.
    const bool pool =
        found.empty() && classes.size() > 1 && static_cast<std::int64_t>(all.size()) >= kLeastMaps;
    if (pool) examine(all, true);
    // What is flagged comes first.
    std::stable_sort(found.begin(), found.end(), [](const AuditFinding& a, const AuditFinding& b) {
      return a.answer == AuditAnswer::Flagged && b.answer != AuditAnswer::Flagged;
    });
    const bool alone = found.empty() || pool;
    for (auto& one : found) add(std::move(one));
    std::stable_sort(few.begin(), few.end(),
                     [](const auto& a, const auto& b) { return a.first > b.first; });
    if (!few.empty() || alone) add(too_few(few, alone));
  }

  /// Classes with how many maps they have, most first.
  static AuditFinding too_few(const std::vector<std::pair<std::size_t, std::string>>& classes,
                              bool alone) {
    AuditFinding out{.check = "cheating", .subject = alone ? "single classes" : "other classes"};
    out.advice =
        fmt::format("Give at least {} pictures in which the model sees the class.", kLeastMaps);
    if (classes.empty()) {
      out.words = "No map can be used: all are constant or not finite.";
      return out;
    }
    constexpr std::size_t kNamed = 8;
    out.words = fmt::format("Classes with fewer than {} usable maps:", kLeastMaps);
    for (std::size_t i = 0; i < std::min(classes.size(), kNamed); ++i) {
      const auto& [count, name] = classes[i];
      // ImageNet's names list synonyms.
      out.words +=
          fmt::format("{} {} ({})", i == 0 ? "" : ",", name.substr(0, name.find(',')), count);
    }
    if (classes.size() > kNamed) {
      out.words += fmt::format(" and {} more", classes.size() - kNamed);
    }
    out.words += ".";
    return out;
  }

  const Model& model_;
  const std::vector<AuditMethod>& methods_;
  const AuditOptions& options_;
  Audit audit_;
};

}  // namespace

std::string_view audit_answer_name(AuditAnswer answer) {
  switch (answer) {
    case AuditAnswer::Passed:
      return "passed";
    case AuditAnswer::Unclear:
      return "unclear";
    case AuditAnswer::Flagged:
      return "flagged";
    case AuditAnswer::NotMeasured:
      break;
  }
  return "not measured";
}

Audit run_audit(const Model& model, std::int64_t count,
                const std::function<AuditPicture(std::int64_t)>& read,
                const std::vector<AuditMethod>& methods, const AuditOptions& options) {
  if (model.is_detector()) {
    fail(ErrorCode::Unsupported,
         "an audit asks for classes of whole pictures; a detector has none");
  }
  if (model.fixed_batch() > 1) {
    fail(ErrorCode::Unsupported, "the file fixes a batch of ", model.fixed_batch(),
         "; export the model for batches of 1 or of any size");
  }
  if (methods.empty() || count < 1 || options.few < 1 || options.sanity_few < 1) {
    fail(ErrorCode::InvalidArgument,
         "an audit needs at least one picture, one method and one case for each check");
  }
  return Auditor(model, methods, options).run(count, read);
}

}  // namespace limn
