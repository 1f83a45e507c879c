// See plan.h.
#include "evaluation/plan.h"

#include <algorithm>

#include "evaluation/cases.h"
#include "limn/error.h"
#include "limn/sidecar.h"

namespace limn {
namespace {

/// Problems named in an error; the rest is counted.
constexpr std::size_t kNamed = 10;

PlannedModel plan_model(const SuiteModel& suite, const BenchOptions& options) {
  return in_context(
      [&] { return "model \"" + suite.name + "\""; },
      [&] {
        PlannedModel out{suite, file_sha256(suite.path), load_model(suite.path)};
        if (const auto sidecar = read_sidecar(suite.path)) {
          out.score = sidecar->score.value_or(ScoreKind::Logit);
        }
        if (out.model.is_detector()) {
          fail(ErrorCode::Unsupported, "it is a detector; suites measure classifiers");
        }
        if (out.model.fixed_batch() > 1) {
          fail(ErrorCode::Unsupported, "the file fixes a batch of ", out.model.fixed_batch(),
               "; export it with a batch of 1, or a dynamic one");
        }
        if (options.float64) out.model = out.model.to(at::kDouble);
        if (!options.device.is_cpu()) out.model = out.model.to(options.device);
        return out;
      });
}

PlannedData plan_data(const SuiteData& suite) {
  return in_context([&] { return "data \"" + suite.name + "\""; },
                    [&] {
                      PlannedData out;
                      out.suite = suite;
                      out.data = make_dataset(suite.spec);
                      if (!suite.classes.empty()) out.classes_sha256 = file_sha256(suite.classes);
                      out.pictures = out.data->size();
                      if (suite.limit > 0) out.pictures = std::min(out.pictures, suite.limit);
                      return out;
                    });
}

/// The data set's own check, for the pictures that the suite uses.
void check_data(PlannedData& data, bool skip_bad) {
  std::vector<DatasetProblem> all = data.data->check();
  if (data.pictures < data.data->size()) {
    std::set<std::string> used;
    for (std::int64_t i = 0; i < data.pictures; ++i) used.insert(data.data->id(i));
    std::erase_if(all, [&](const DatasetProblem& one) { return !used.contains(one.id); });
  }
  data.problems = std::move(all);
  if (skip_bad || data.problems.empty()) return;
  std::string text;
  for (std::size_t i = 0; i < std::min(kNamed, data.problems.size()); ++i) {
    text += "\n  " + data.problems[i].id + ": " + data.problems[i].what;
  }
  if (data.problems.size() > kNamed) {
    text += concat("\n  and ", data.problems.size() - kNamed, " more");
  }
  fail(ErrorCode::BadInput, "data \"", data.suite.name, "\": ", data.problems.size(), " problem",
       data.problems.size() == 1 ? "" : "s", text, "\n--skip-bad goes on without these pictures");
}

/// Whether a metric on this data set asks for labelled classes.
bool needs_labels(const std::vector<PlannedMetric>& metrics, std::size_t data) {
  return std::any_of(metrics.begin(), metrics.end(), [&](const PlannedMetric& one) {
    return one.runs_on[data] && one.suite.rule != ClassRule::Likeliest;
  });
}

/// Whether the option has this value.
bool has_option(const Spec& spec, const std::string& key, const std::string& value) {
  return std::any_of(spec.arguments.begin(), spec.arguments.end(), [&](const auto& argument) {
    return argument.key == key && argument.value.front().name == value;
  });
}

/// Whether the data set could have a list of difficult pairs and was given none.
bool has_no_difficult_list(const Dataset& data) {
  const auto options = find_dataset(data.name()).options();
  const bool known = std::any_of(options.begin(), options.end(),
                                 [](const FieldInfo& one) { return one.name == "difficult-list"; });
  return known && has_option(data.spec(), "difficult-list", "");
}

PlannedMetric plan_metric(const SuiteMetric& suite, const std::vector<PlannedData>& all) {
  PlannedMetric out{suite, make_metric(suite.spec), {}};
  const bool difficult = has_option(Spec::parse(suite.spec), "subset", "dif");
  for (const auto& data : all) {
    const auto& names = suite.data;
    const bool named =
        names.empty() || std::find(names.begin(), names.end(), data.suite.name) != names.end();
    out.runs_on.push_back(named && !(difficult && has_no_difficult_list(*data.data)));
  }
  return out;
}

/// Links the classes of each model to those of each data set that it runs on.
void link_all(Plan& plan) {
  for (std::size_t m = 0; m < plan.models.size(); ++m) {
    PlannedModel& model = plan.models[m];
    model.label_of.resize(plan.data.size());
    for (std::size_t d = 0; d < plan.data.size(); ++d) {
      if (!plan.runs(m, d)) continue;
      const PlannedData& data = plan.data[d];
      const bool needed = needs_labels(plan.metrics, d);
      const auto where = [&] {
        return concat("model \"", model.suite.name, "\" on data \"", data.suite.name, "\"");
      };
      in_context(where, [&] {
        model.label_of[d] = link_classes(model.model, *data.data, data.suite.classes, needed);
      });
      // A class map leaves out what it leaves out on purpose.
      if (!needed || !data.suite.classes.empty()) continue;
      UnknownClasses unknown = unknown_classes(*data.data, data.pictures, model.label_of[d]);
      if (unknown.classes.empty()) continue;
      unknown.model = model.suite.name;
      unknown.data = data.suite.name;
      plan.warnings.push_back(where() + ": " + unknown_words(unknown, model.model));
      plan.unknown_classes.push_back(std::move(unknown));
    }
  }
}

void warn_of_missing_lists(Plan& plan) {
  for (const auto& data : plan.data) {
    const bool asked =
        std::any_of(plan.metrics.begin(), plan.metrics.end(), [](const PlannedMetric& one) {
          return has_option(Spec::parse(one.suite.spec), "subset", "dif");
        });
    if (!asked || !has_no_difficult_list(*data.data)) continue;
    plan.warnings.push_back(concat("data \"", data.suite.name,
                                   "\" has no difficult-list=FILE: metrics with subset=dif are ",
                                   "not measured on it"));
  }
}

/// The size of a model's input where it does not depend on the picture; else {0, 0}.
std::pair<std::int64_t, std::int64_t> input_size(const Model& model) {
  const auto& size = model.preprocessing().size;
  if (size.size() == 2) return {size[0], size[1]};
  const auto shape = model.input_shape();
  return shape.size() == 3 && shape[1] > 0 && shape[2] > 0
             ? std::pair{shape[1], shape[2]}
             : std::pair<std::int64_t, std::int64_t>();
}

void check_options(const BenchOptions& options) {
  if (options.folder.empty())
    fail(ErrorCode::InvalidArgument, "no folder for the results; give -o");
  if (options.batch < 1) {
    fail(ErrorCode::InvalidArgument, "batch is ", options.batch, "; legal: from 1 up");
  }
  if (options.shards < 1 || options.shard < 1 || options.shard > options.shards) {
    fail(ErrorCode::InvalidArgument, "shard ", options.shard, " of ", options.shards,
         "; legal: 1/4 to 4/4 for four");
  }
}

}  // namespace

bool PlannedMetric::wants(std::size_t data, std::int64_t index, const BenchCase& one) const {
  return runs_on[data] && counts(one, suite.rule) && (suite.limit == 0 || index < suite.limit);
}

bool Plan::runs(std::size_t model, std::size_t index) const {
  const auto& names = models[model].suite.data;
  return names.empty() ||
         std::find(names.begin(), names.end(), data[index].suite.name) != names.end();
}

void check_protocol_side(const SuiteMetric& metric, const std::string& model, std::int64_t height,
                         std::int64_t width) {
  if (metric.protocol.empty()) return;
  const std::int64_t side = find_protocol(metric.protocol).side;
  if (side == 0 || height == 0 || (height == side && width == side)) return;
  fail(
      ErrorCode::InvalidArgument, "protocol ", metric.protocol, " is defined for inputs of ", side,
      " x ", side, ", and model \"", model, "\" takes ", height, " x ", width,
      "; use the protocol demo, which scales with the input, or a line \"metric ...\" of your own");
}

Plan make_plan(const Suite& suite, const BenchOptions& options) {
  check_options(options);
  Plan plan;
  plan.suite = suite;
  plan.options = options;
  for (const auto& spec : suite.methods) {
    auto method = make_method(spec);
    std::string canonical = method->spec().text();
    plan.methods.push_back({spec, std::move(canonical), std::move(method)});
  }
  for (const auto& data : suite.data) plan.data.push_back(plan_data(data));
  for (const auto& metric : suite.metrics) plan.metrics.push_back(plan_metric(metric, plan.data));
  warn_of_missing_lists(plan);
  for (const auto& model : suite.models) {
    plan.models.push_back(plan_model(model, options));
    const auto [height, width] = input_size(plan.models.back().model);
    const std::size_t place = plan.models.size() - 1;
    for (const auto& metric : plan.metrics) {
      bool used = false;
      for (std::size_t d = 0; d < plan.data.size(); ++d) {
        used = used || (metric.runs_on[d] && plan.runs(place, d));
      }
      if (used) check_protocol_side(metric.suite, model.name, height, width);
    }
  }
  link_all(plan);
  for (auto& data : plan.data) check_data(data, options.skip_bad);
  return plan;
}

}  // namespace limn
