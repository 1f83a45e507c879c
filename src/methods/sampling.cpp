// See sampling.h.
#include "methods/sampling.h"

#include <algorithm>

#include "base/counter_random.h"

namespace limn {
namespace {

constexpr double kTapeBytes = 1 << 30;
constexpr std::int64_t kLargestBatch = 32;

}  // namespace

const Method& InnerMethod::get() const { return *made; }

Field method_field(std::string name, InnerMethod& value, std::string help) {
  value.made = make_method(value.spec);
  return {.name = std::move(name),
          .help = std::move(help),
          .legal = "a method and its options",
          .aliases = {},
          .set =
              [&value](const Spec& spec) {
                value.made = find_method(spec.name).make(spec);
                value.spec = value.made->spec().text();
              },
          .get = [&value] { return value.spec; }};
}

std::vector<Target> fixed_targets(const std::vector<Objective>& objectives, std::int64_t sample) {
  const auto n = static_cast<std::size_t>(sample);
  std::vector<Target> targets;
  for (const auto& objective : objectives) {
    if (!objective.detected.empty()) {
      const Detection& of = objective.detected[n];
      targets.push_back(Target::of_proposal(of.proposal, of.label));
      continue;
    }
    Target target = Target::of_class(objective.classes[n]);
    if (!objective.subtracted.empty()) {
      target.kind = Target::Kind::Margin;
      target.second = std::to_string(objective.subtracted[n]);
    }
    targets.push_back(std::move(target));
  }
  return targets;
}

void need_places(const Tensor& x, const char* what) {
  if (x.dim() == 4) return;
  fail(ErrorCode::InvalidArgument, "the input has shape ", x.sizes(), ", and ", what,
       " need [N, C, H, W]; take integrated-gradients or lrp");
}

std::int64_t inner_batch(const Model& model, const Tape& tape, const ExplainOptions& options) {
  if (model.fixed_batch() > 0) return model.fixed_batch();
  if (options.batch > 0) return options.batch;
  const auto bytes = static_cast<double>(tape.bytes(model.graph()));
  const auto samples = static_cast<double>(tape[model.input()].size(0));
  const double fit = kTapeBytes * samples / std::max(bytes, 1.0);
  return std::clamp(static_cast<std::int64_t>(fit), std::int64_t{1}, kLargestBatch);
}

void in_batches(std::int64_t total, std::int64_t batch, const ExplainOptions& options,
                const std::function<void(std::int64_t, std::int64_t)>& run) {
  in_batches_until(total, batch, options, {}, run);
}

std::int64_t in_batches_until(std::int64_t total, std::int64_t batch, const ExplainOptions& options,
                              const BatchesEnd& end,
                              const std::function<void(std::int64_t, std::int64_t)>& run) {
  const std::int64_t checkpoint = end.enough ? end.checkpoint : std::max<std::int64_t>(1, total);
  std::int64_t used = 0;
  while (used < total) {
    if (end.stopped && end.stopped(used)) break;
    if (used > 0 && used % checkpoint == 0 && end.enough()) break;
    const std::int64_t count = std::min({batch, total - used, checkpoint - used % checkpoint});
    run(used, count);
    used += count;
    if (options.progress) {
      options.progress(static_cast<double>(used) / static_cast<double>(total));
    }
  }
  return used;
}

std::function<void(double)> progress_of_sample(const ExplainOptions& options, std::int64_t n,
                                               std::int64_t samples) {
  if (!options.progress) return nullptr;
  return [&options, n, samples](double share) {
    options.progress((static_cast<double>(n) + share) / static_cast<double>(samples));
  };
}

void for_each_sample(const Call& call, const Pass& pass, std::int64_t total,
                     const std::function<void(const SampleBatch&)>& run) {
  const std::int64_t samples = call.x.size(0);
  const std::int64_t batch = inner_batch(pass.model, pass.tape, call.options);
  for (std::int64_t n = 0; n < samples; ++n) {
    const std::vector<Target> targets = fixed_targets(pass.objectives, n);
    ExplainOptions within = call.options;
    within.noise = within.baseline = within.start = within.masks = within.segments = Tensor();
    within.record.clear();
    within.trace = false;
    within.progress = nullptr;
    within.stop = nullptr;
    // A wrapper within a wrapper draws numbers of its own.
    within.seed = mix(call.options.seed + 1);
    ExplainOptions reported;
    reported.progress = progress_of_sample(call.options, n, samples);
    in_batches(total, batch, reported, [&](std::int64_t first, std::int64_t count) {
      if (call.options.start.defined()) {
        const Tensor start = call.options.start.slice(0, n, n + 1);
        std::vector<std::int64_t> sizes = start.sizes().vec();
        sizes[0] = count;
        within.start = start.expand(sizes);
      }
      run({n, first, count, targets, within});
    });
  }
}

Explanation around(const Pass& pass, std::size_t objective, Tensor relevance, bool is_signed) {
  const Objective& of = pass.objectives[objective];
  Explanation one;
  one.target = of.name;
  one.classes = of.classes;
  one.detected = of.detected;
  one.score = of.score;
  one.probability = probability_of(pass, of);
  one.at = pass.model.graph().value(pass.model.input()).name;
  one.relevance = std::move(relevance);
  one.is_signed = is_signed;
  if (one.relevance.defined()) note_degenerate(one);
  return one;
}

Tensor scores_of(const Model& model, const std::vector<std::pair<ValueId, Tensor>>& given,
                 const std::vector<Target>& targets, ScoreKind score, bool bfloat16) {
  const Tape tape = model.run_from(given, bfloat16);
  Tensors all;
  for (const auto& objective : bind_targets(model, tape, targets, score)) {
    all.push_back(objective.score);
  }
  return at::stack(all);
}

Tensor joined(const std::vector<Tensors>& parts) {
  Tensors samples;
  for (const auto& batches : parts) samples.push_back(at::cat(batches, 1));
  return at::stack(samples, 1);
}

}  // namespace limn
