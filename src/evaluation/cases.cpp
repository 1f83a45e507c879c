// See cases.h.
#include "evaluation/cases.h"

#include <algorithm>

#include "limn/class_map.h"
#include "limn/error.h"
#include "limn/target.h"

namespace limn {
namespace {

/// Classes from .5 up where several may be right; where there is none, and where one is right, the
/// likeliest (as wjNam/Attribution_Equilibrium takes them).
std::vector<bool> predictions(OutputKind kind, const std::vector<double>& values,
                              std::size_t likeliest) {
  std::vector<bool> predicted(values.size(), false);
  if (kind == OutputKind::MultiLabel) {
    std::transform(values.begin(), values.end(), predicted.begin(),
                   [](double value) { return value >= 0.5; });
  }
  const bool any = std::find(predicted.begin(), predicted.end(), true) != predicted.end();
  if (!any) predicted[likeliest] = true;
  return predicted;
}

/// A name for each output, empty where it has none; nothing where the number of outputs is open.
std::vector<std::string> class_names(const Model& model) {
  if (!model.labels().empty()) return model.labels();
  const auto& shape = model.graph().value(model.logits()).info.shape;
  const std::int64_t classes = shape.size() > 1 ? std::max<std::int64_t>(shape[1], 0) : 0;
  return std::vector<std::string>(static_cast<std::size_t>(classes));
}

}  // namespace

std::vector<int> link_classes(const Model& model, const Dataset& data, const std::string& file,
                              bool needed) {
  const std::vector<std::string> names = class_names(model);
  if (data.class_agnostic()) return {};
  std::vector<int> label_of;
  try {
    const ClassMap map = file.empty() ? ClassMap::by_name(names, data.labels())
                                      : ClassMap::read(file, names, data.labels());
    for (std::size_t c = 0; c < names.size(); ++c) {
      label_of.push_back(map.label(static_cast<std::int64_t>(c)));
    }
  } catch (const Error& error) {
    // A file that says nothing usable is an error in any case.
    if (needed || !file.empty() || error.code() != ErrorCode::NotFound) throw;
  }
  return label_of;
}

bool counts(const BenchCase& one, ClassRule rule) {
  switch (rule) {
    case ClassRule::Labelled:
      return one.labelled;
    case ClassRule::Predicted:
      return one.labelled && one.predicted;
    case ClassRule::Likeliest:
      break;
  }
  return one.likeliest;
}

std::vector<BenchCase> choose_cases(const Model& model, const Dataset& data,
                                    const std::vector<int>& label_of, const DatasetItem& item,
                                    const Tensor& probabilities) {
  const Tensor row = probabilities.to(at::kCPU, at::kDouble).contiguous();
  const std::vector<double> values(row.data_ptr<double>(), row.data_ptr<double>() + row.numel());
  if (!label_of.empty() && label_of.size() != values.size()) {
    fail(ErrorCode::BadModel, "the model has ", values.size(), " outputs and ", label_of.size(),
         " class names; its .limn.json must name each output");
  }
  const auto linked = [&](std::size_t target) { return label_of.empty() ? -1 : label_of[target]; };
  const auto best =
      static_cast<std::size_t>(std::max_element(values.begin(), values.end()) - values.begin());
  const auto predicted = predictions(model.output_kind(), values, best);
  std::vector<BenchCase> cases;
  const auto add = [&](int label, std::size_t target, bool labelled) {
    BenchCase one;
    one.label = label;
    one.target = static_cast<std::int64_t>(target);
    one.label_name = label >= 0 ? data.labels().at(static_cast<std::size_t>(label))
                                : class_label(model, one.target);
    one.labelled = labelled;
    one.predicted = predicted[target];
    one.likeliest = target == best;
    cases.push_back(std::move(one));
  };
  for (const int label : item.labels) {
    std::size_t target = values.size();
    for (std::size_t c = 0; c < values.size(); ++c) {
      if (linked(c) != label && !data.class_agnostic()) continue;
      if (target == values.size() || values[c] > values[target]) target = c;
    }
    if (target < values.size()) add(label, target, true);
  }
  const bool has_best =
      std::any_of(cases.begin(), cases.end(), [](const BenchCase& one) { return one.likeliest; });
  if (!has_best) add(linked(best), best, false);
  return cases;
}

}  // namespace limn
