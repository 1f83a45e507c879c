// The maps of a data set, by its labels: each class that a picture holds and the model knows is
// explained; where the data set knows none of the model's classes, the likeliest one.
#include <algorithm>
#include <filesystem>

#include "cli/outbox.h"
#include "cli/progress.h"
#include "cli/spray_collector.h"
#include "evaluation/cases.h"
#include "limn/error.h"

namespace limn::cli {
namespace {

/// Which of a picture's classes are explained.
enum class Asked {
  Labels,     ///< no -t: those it holds
  Likeliest,  ///< -t top1
  One,        ///< -t class:X: that one, in pictures that hold it
};

class DataMaps {
 public:
  DataMaps(const LoadedModel& loaded, const Dataset& data, const ExplainSettings& settings,
           const SprayChoice& choice)
      : loaded_(loaded),
        data_(data),
        choice_(choice),
        explaining_(explain_options(loaded, settings)),
        methods_(make_methods(settings)),
        collector_(choice) {
    const auto targets = make_targets(settings, false);
    if (methods_.size() != 1 || targets.size() != 1) {
      fail(ErrorCode::InvalidArgument, "maps of one method and one target are compared; give -m ",
           "and -t once each");
    }
    if (loaded.model.is_detector()) {
      fail(ErrorCode::Unsupported, "the model is a detector; give its pictures in place of a data ",
           "set, and what to explain as -t");
    }
    target_ = targets[0].target;
    const bool top1 = target_.kind == Target::Kind::Top && target_.rank == 0;
    if (!top1 && target_.kind != Target::Kind::Class) {
      fail(ErrorCode::InvalidArgument, "-t is \"", target_.text(),
           "\"; with a data set give top1, class:X, or nothing: each class that it holds");
    }
    asked_ = !top1 ? Asked::One : choice.target_given ? Asked::Likeliest : Asked::Labels;
    label_of_ = link_classes(loaded.model, data, choice.classes, false);
  }

  SprayInput run() {
    const std::int64_t size =
        choice_.limit > 0 ? std::min(choice_.limit, data_.size()) : data_.size();
    Progress progress("pictures", static_cast<double>(size));
    for (std::int64_t index = 0; index < size; ++index) {
      check_interrupt();
      in_context([&] { return "picture \"" + data_.id(index) + "\""; }, [&] { add(index); });
      progress.at(static_cast<double>(index + 1));
    }
    progress.clear();
    return collector_.take();
  }

 private:
  /// Whether the data set says which of the model's classes a picture holds.
  bool labelled() const {
    return std::any_of(label_of_.begin(), label_of_.end(), [](int label) { return label >= 0; });
  }

  std::vector<BenchCase> cases_of(const DatasetItem& item, const Tensor& row) {
    auto cases = choose_cases(loaded_.model, data_, label_of_, item, row);
    std::erase_if(cases, [&](const BenchCase& one) {
      return asked_ == Asked::Labels && labelled() ? !one.labelled : !one.likeliest;
    });
    return cases;
  }

  /// The class of -t where the picture holds it, or where nobody knows what it holds.
  std::vector<BenchCase> case_of_target(const DatasetItem& item, const Tensor& row) {
    const std::int64_t target = class_index(loaded_.model, target_.first, row.numel());
    auto cases = choose_cases(loaded_.model, data_, label_of_, item, row);
    std::erase_if(cases, [&](const BenchCase& one) {
      return one.target != target || (labelled() && !one.labelled);
    });
    if (labelled() || !cases.empty()) return cases;
    BenchCase one;
    one.target = target;
    one.predicted =
        loaded_.model.output_kind() == OutputKind::MultiLabel && row[target].item<double>() >= 0.5;
    return {one};
  }

  /// False where the picture cannot be read and --skip-bad is given.
  bool read(std::int64_t index, DatasetItem& item, PreparedInput& prepared) {
    try {
      item = data_.read(index);
      prepared =
          preprocess(item.picture, loaded_.model.preprocessing(), loaded_.model.input_shape());
    } catch (const Error& error) {
      if (!choice_.skip_bad) {
        fail(error.code(), error.what(), "; give --skip-bad to leave such pictures out");
      }
      collector_.leave_out(data_.id(index), "cannot be read");
      return false;
    }
    return true;
  }

  void add(std::int64_t index) {
    const Model& model = loaded_.model;
    DatasetItem item;
    PreparedInput prepared;
    if (!read(index, item, prepared)) return;
    const Tape tape = model.run(prepared.x, std::vector<ValueId>{model.logits()});
    const Tensor row = probabilities(model, tape)[0].to(at::kCPU, at::kDouble);
    auto cases = asked_ == Asked::One ? case_of_target(item, row) : cases_of(item, row);
    if (cases.empty()) {
      return collector_.leave_out(item.id, asked_ == Asked::One
                                               ? "does not hold the class"
                                               : "holds no class that the model knows");
    }
    if (choice_.predicted)
      std::erase_if(cases, [](const BenchCase& one) { return !one.predicted; });
    if (cases.empty()) return collector_.leave_out(item.id, "the class is not predicted");
    std::vector<Target> targets;
    for (const auto& one : cases) targets.push_back(Target::of_class(one.target));
    const auto maps = in_context(
        [&] { return "method \"" + methods_[0].asked + "\""; },
        [&] { return methods_[0].method->explain(model, prepared.x, targets, explaining_); });
    for (std::size_t c = 0; c < cases.size(); ++c) {
      SprayMap about;
      about.name = item.id;
      about.geometry = prepared.geometry;
      about.item = index;
      collector_.add(name_of(cases[c]), maps[c].map().to(at::kCPU, at::kFloat)[0].contiguous(),
                     std::move(about));
    }
  }

  /// Of labelled classes the data set's: several of the model's may mean one of them.
  std::string name_of(const BenchCase& one) const {
    if (one.labelled && !data_.class_agnostic()) return one.label_name;
    return concat("class:", one.target, " (", class_label(loaded_.model, one.target), ")");
  }

  const LoadedModel& loaded_;
  const Dataset& data_;
  const SprayChoice& choice_;
  ExplainOptions explaining_;
  std::vector<MethodChoice> methods_;
  SprayCollector collector_;
  Target target_;
  Asked asked_ = Asked::Labels;
  std::vector<int> label_of_;
};

}  // namespace

SprayInput make_spray_maps(const LoadedModel& loaded, const Dataset& data,
                           const ExplainSettings& settings, const SprayChoice& choice) {
  SprayInput input = DataMaps(loaded, data, settings, choice).run();
  if (input.classes.empty()) {
    fail(ErrorCode::NotFound, "no picture of ", data.spec().text(), " gives a map",
         input.left_out.empty() ? std::string() : ": " + input.left_out.front().why,
         "; give another data set, another -t, or no --predicted");
  }
  return input;
}

}  // namespace limn::cli
