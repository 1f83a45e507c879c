// Runs a suite: see limn/runner.h.
#include "limn/runner.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <optional>

#include "evaluation/bench_sample.h"
#include "evaluation/cases.h"
#include "evaluation/examples.h"
#include "evaluation/plan.h"
#include "evaluation/run_folder.h"
#include "limn/error.h"
#include "limn/image.h"
#include "limn/target.h"

namespace limn {
namespace {

class Runner {
 public:
  Runner(const Suite& suite, const BenchOptions& options)
      : plan_(make_plan(suite, options)), options_(plan_.options), folder_(plan_) {}

  BenchSummary run() {
    total_ = count_pictures();
    try {
      for (std::size_t d = 0; d < plan_.data.size(); ++d) {
        for (std::size_t m = 0; m < plan_.models.size(); ++m) {
          if (plan_.runs(m, d)) run_pair(plan_.models[m], plan_.data[d], d);
        }
      }
    } catch (...) {
      save_what_is_there();
      throw;
    }
    folder_.close();
    BenchSummary summary = folder_.summary();
    summary.pictures = total_;
    summary.found_finished = found_finished_;
    summary.warnings = plan_.warnings;
    return summary;
  }

 private:
  /// Groups of pictures are dealt out to the shards in turn.
  bool is_mine(std::int64_t index) const {
    return index / options_.batch % options_.shards == options_.shard - 1;
  }

  std::int64_t count_pictures() const {
    std::int64_t count = 0;
    for (std::size_t d = 0; d < plan_.data.size(); ++d) {
      std::int64_t mine = 0, models = 0;
      for (std::int64_t i = 0; i < plan_.data[d].pictures; ++i) mine += is_mine(i) ? 1 : 0;
      for (std::size_t m = 0; m < plan_.models.size(); ++m) models += plan_.runs(m, d) ? 1 : 0;
      count += mine * models;
    }
    return count;
  }

  void run_pair(const PlannedModel& model, const PlannedData& data, std::size_t place) {
    std::set<std::string> bad;
    for (const auto& problem : data.problems) bad.insert(problem.id);
    for (std::int64_t first = 0; first < data.pictures; first += options_.batch) {
      if (!is_mine(first)) continue;
      const std::int64_t end = std::min(first + options_.batch, data.pictures);
      run_group(model, data, place, first, end, bad);
      done_ += static_cast<double>(end - first);
      report(0);
    }
  }

  void report(double more) const {
    if (options_.progress) options_.progress(done_ + more, static_cast<double>(total_));
  }

  /// A group is always explained as a whole, so that going on gives the very same numbers.
  void run_group(const PlannedModel& model, const PlannedData& data, std::size_t place,
                 std::int64_t first, std::int64_t end, const std::set<std::string>& bad) {
    std::vector<PictureLine> lines(static_cast<std::size_t>(end - first));
    std::int64_t finished = 0;
    for (std::int64_t i = first; i < end; ++i) {
      PictureLine& line = lines[static_cast<std::size_t>(i - first)];
      line.model = model.suite.name;
      line.data = data.suite.name;
      line.image = data.data->id(i);
      line.index = i;
      finished += folder_.is_finished(line) ? 1 : 0;
    }
    found_finished_ += finished;
    if (finished == end - first) return;
    std::vector<BenchSample> samples;
    for (const auto& line : lines) {
      if (bad.contains(line.image)) continue;
      if (auto sample = read_sample(model, data, place, line)) {
        samples.push_back(std::move(*sample));
      }
    }
    run_samples(model, samples);
  }

  /// Samples of one shape and the same classes share passes.
  void run_samples(const PlannedModel& model, std::vector<BenchSample>& samples) {
    std::vector<bool> taken(samples.size(), false);
    group_done_ = 0;
    for (std::size_t i = 0; i < samples.size(); ++i) {
      if (taken[i]) continue;
      std::vector<BenchSample*> bundle = {&samples[i]};
      for (std::size_t k = i + 1; k < samples.size() && model.model.fixed_batch() != 1; ++k) {
        if (taken[k] || !samples[k].shares_passes_with(samples[i])) continue;
        taken[k] = true;
        bundle.push_back(&samples[k]);
      }
      in_context(
          [&] {
            const PictureLine& line = samples[i].line;
            return concat("model \"", line.model, "\", data \"", line.data, "\", picture \"",
                          line.image, "\"");
          },
          [&] { run_bundle(model, bundle); });
      group_done_ += static_cast<double>(bundle.size());
    }
  }

  std::optional<BenchSample> read_sample(const PlannedModel& model, const PlannedData& data,
                                         std::size_t place, const PictureLine& line) {
    BenchSample sample;
    sample.line = line;
    sample.place = place;
    sample.is_finished = folder_.is_finished(line);
    try {
      in_context(
          [&] { return concat("data \"", data.suite.name, "\", picture \"", line.image, "\""); },
          [&] {
            sample.item = data.data->read(line.index);
            sample.prepared = preprocess(sample.item.picture, model.model.preprocessing(),
                                         model.model.input_shape());
          });
    } catch (const Error& error) {
      if (!options_.skip_bad) {
        fail(error.code(), error.what(), "; --skip-bad goes on without it");
      }
      sample.line.problem = error.message();
      folder_.add_problem(sample.line);
      return std::nullopt;
    }
    const Tensor& x = sample.prepared.x;
    for (const auto& metric : plan_.metrics) {
      if (!metric.runs_on[place]) continue;
      check_protocol_side(metric.suite, model.suite.name, x.size(2), x.size(3));
    }
    choose(model, data, place, sample);
    return sample;
  }

  /// The classes that some metric wants, and the truth about each.
  void choose(const PlannedModel& model, const PlannedData& data, std::size_t place,
              BenchSample& sample) {
    const Model& runner = model.model;
    const Tape tape = runner.run(sample.prepared.x, std::vector<ValueId>{runner.logits()});
    sample.cases = choose_cases(runner, *data.data, model.label_of[place], sample.item,
                                probabilities(runner, tape)[0]);
    std::erase_if(sample.cases, [&](const BenchCase& one) {
      return std::none_of(
          plan_.metrics.begin(), plan_.metrics.end(),
          [&](const PlannedMetric& metric) { return metric.wants(place, sample.line.index, one); });
    });
    for (const auto& one : sample.cases) {
      sample.truths.push_back(one.labelled ? sample.item.truth(one.label) : Truth());
    }
    sample.line.cases = static_cast<std::int64_t>(sample.cases.size());
  }

  void run_bundle(const PlannedModel& model, const std::vector<BenchSample*>& bundle) {
    const auto methods = static_cast<double>(plan_.methods.size());
    for (std::size_t m = 0; m < plan_.methods.size(); ++m) {
      const auto report_method = [&](double share) {
        report(group_done_ +
               (static_cast<double>(m) + share) / methods * static_cast<double>(bundle.size()));
      };
      report_method(0);
      if (has_work(bundle, plan_.methods[m])) run_method(model, bundle, m, report_method);
      folder_.flush_if_due();
    }
    for (const BenchSample* sample : bundle) {
      if (sample->is_finished) continue;
      Json example;
      if (is_example(*sample)) {
        example = example_json(options_.folder, sample->line, sample->cases.front(), plan_.methods);
      }
      folder_.finish(sample->line, std::move(example));
    }
  }

  bool is_example(const BenchSample& sample) const {
    return sample.line.index < options_.examples && !sample.cases.empty();
  }

  ResultLine line_of(const BenchSample& sample, const BenchCase& one, const PlannedMethod& method,
                     const PlannedMetric& metric) const {
    ResultLine line;
    line.model = sample.line.model;
    line.data = sample.line.data;
    line.image = sample.line.image;
    line.label = one.label;
    line.label_name = one.label_name;
    line.target = one.target;
    line.predicted = one.predicted;
    line.method = method.spec;
    line.metric = metric.suite.spec;
    line.protocol = metric.suite.protocol;
    return line;
  }

  bool is_missing(const BenchSample& sample, const BenchCase& one, const PlannedMethod& method,
                  const PlannedMetric& metric) const {
    return !sample.is_finished && metric.wants(sample.place, sample.line.index, one) &&
           !folder_.has(line_of(sample, one, method, metric));
  }

  bool has_work(const std::vector<BenchSample*>& bundle, const PlannedMethod& method) const {
    for (const BenchSample* sample : bundle) {
      for (const auto& one : sample->cases) {
        for (const auto& metric : plan_.metrics) {
          if (is_missing(*sample, one, method, metric)) return true;
        }
      }
    }
    return false;
  }

  /// Whether a failure is written down in place of a result.
  bool is_skipped(const Error& error) const {
    if (error.code() == ErrorCode::Device || error.code() == ErrorCode::Io) return false;
    return options_.skip_bad || error.code() == ErrorCode::Unsupported;
  }

  void run_method(const PlannedModel& model, const std::vector<BenchSample*>& bundle,
                  std::size_t number, const std::function<void(double)>& progress) {
    const PlannedMethod& method = plan_.methods[number];
    Tensors rows;
    for (const BenchSample* sample : bundle) rows.push_back(sample->prepared.x);
    std::vector<Target> targets;
    for (const auto& one : bundle[0]->cases) targets.push_back(Target::of_class(one.target));
    ExplainOptions options;
    options.score = model.score;
    options.seed = plan_.suite.seed;
    options.bfloat16 = options_.bfloat16;
    options.progress = progress;
    std::vector<Explanation> all;
    std::string failure;
    const double start = clock_seconds();
    try {
      all = in_context(
          [&] { return "method " + method.spec; },
          [&] { return method.method->explain(model.model, at::cat(rows), targets, options); });
    } catch (const Error& error) {
      if (!is_skipped(error)) throw;
      if (error.code() == ErrorCode::Numerical && bundle.size() > 1) {
        // One picture that overflows must not take the others with it.
        const auto parts = static_cast<double>(bundle.size());
        for (std::size_t k = 0; k < bundle.size(); ++k) {
          if (!has_work({bundle[k]}, method)) continue;
          run_method(model, {bundle[k]}, number,
                     [&](double share) { progress((static_cast<double>(k) + share) / parts); });
        }
        return;
      }
      failure = "the method fails: " + error.message();
    }
    const auto count = static_cast<std::int64_t>(bundle.size());
    const double seconds =
        (clock_seconds() - start) / static_cast<double>(bundle.size() * targets.size());
    std::vector<BenchMap> maps;
    for (std::int64_t i = 0; i < count; ++i) {
      BenchSample& sample = *bundle[static_cast<std::size_t>(i)];
      sample.line.seconds[method.spec] = seconds;
      if (all.empty()) {
        for (const auto& one : sample.cases) skip(sample, one, method, failure);
        continue;
      }
      add_maps(sample, model.model, all, options, i, count, maps);
      show_example(maps[maps.size() - sample.cases.size()], number);
    }
    for (const auto& metric : plan_.metrics) measure(model, maps, method, metric);
  }

  void skip(const BenchSample& sample, const BenchCase& one, const PlannedMethod& method,
            const std::string& failure) {
    for (const auto& metric : plan_.metrics) {
      if (!is_missing(sample, one, method, metric)) continue;
      ResultLine line = line_of(sample, one, method, metric);
      line.measurement.skipped = failure;
      folder_.add(std::move(line));
    }
  }

  void show_example(const BenchMap& map, std::size_t number) const {
    const BenchSample& sample = map.sample();
    if (!is_example(sample)) return;
    write_example(options_.folder, sample.line, plan_.methods[number], number,
                  sample.item.picture.pixels, map.original().cpu(), map.is_signed());
  }

  using Measurements = std::vector<Measurement>;

  /// Empty where one of the cases fails, so that each has to be measured on its own.
  Measurements measured(const PlannedMethod& method, const PlannedMetric& metric,
                        const std::vector<MetricCase>& cases) const {
    try {
      return in_context([&] { return "the map of " + method.spec; },
                        [&] { return metric.metric->measure_all(cases); });
    } catch (const Error& error) {
      if (!is_skipped(error)) throw;
      if (cases.size() > 1) return {};
      return {Measurement{.skipped = "the metric fails: " + error.message()}};
    }
  }

  /// Measures what is missing. A metric that takes batches sees every map that it wants, so that
  /// the numbers of a run that goes on do not depend on where it stopped.
  void measure(const PlannedModel& model, const std::vector<BenchMap>& maps,
               const PlannedMethod& method, const PlannedMetric& metric) {
    const auto missing = [&](const BenchMap& map) {
      return is_missing(map.sample(), map.given(), method, metric);
    };
    if (std::none_of(maps.begin(), maps.end(), missing)) return;
    std::vector<const BenchMap*> wanted;
    std::vector<MetricCase> cases;
    for (const BenchMap& map : maps) {
      const BenchSample& sample = map.sample();
      if (!metric.wants(sample.place, sample.line.index, map.given())) continue;
      wanted.push_back(&map);
      cases.push_back(map.metric_case(model.model, *method.method));
    }
    const double begin = clock_seconds();
    Measurements together;
    if (metric.metric->is_batched()) together = measured(method, metric, cases);
    const double share = (clock_seconds() - begin) / static_cast<double>(cases.size());
    for (std::size_t i = 0; i < wanted.size(); ++i) {
      if (!missing(*wanted[i])) continue;
      ResultLine line = line_of(wanted[i]->sample(), wanted[i]->given(), method, metric);
      const double start = clock_seconds();
      line.measurement =
          together.empty() ? measured(method, metric, {cases[i]}).front() : std::move(together[i]);
      line.seconds = together.empty() ? clock_seconds() - start : share;
      folder_.add(std::move(line));
    }
  }

  /// On the way out of a failed or interrupted run.
  void save_what_is_there() noexcept {
    try {
      folder_.flush();
    } catch (...) {
      // The failure that ends the run is what is reported; the next run does this work again.
    }
  }

  Plan plan_;
  const BenchOptions& options_;
  RunFolder folder_;
  std::int64_t total_ = 0, found_finished_ = 0;
  double done_ = 0, group_done_ = 0;
};

}  // namespace

BenchSummary run_suite(const Suite& suite, const BenchOptions& options) {
  return Runner(suite, options).run();
}

}  // namespace limn
