// What methods share that explain through many inputs made from one: an inner method as an option,
// targets bound to each sample, batches that fit in memory, running sums.
#pragma once
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "methods/method_base.h"

namespace limn {

/// An option that is a method itself; made from `spec` until a call names another.
struct InnerMethod {
  std::string spec = "gradient";
  std::shared_ptr<const Method> made;

  const Method& get() const;
};
Field method_field(std::string name, InnerMethod& value, std::string help);

/// The targets of a bound call for sample n alone, as classes and margins: what `top1` meant on the
/// given input stays what is explained on inputs made from it.
std::vector<Target> fixed_targets(const std::vector<Objective>& objectives, std::int64_t sample);

/// Throws InvalidArgument for an input without places; `what` needs them: masks, windows, segments.
void need_places(const Tensor& x, const char* what);

/// How many inputs go through the model at once: what its file fixes, else the call's batch, else
/// what keeps the tape of a pass under a gigabyte, at most 32.
std::int64_t inner_batch(const Model& model, const Tape& tape, const ExplainOptions& options);

/// Calls `run(first, count)` for batches of `total` inputs and reports progress.
void in_batches(std::int64_t total, std::int64_t batch, const ExplainOptions& options,
                const std::function<void(std::int64_t, std::int64_t)>& run);
/// What ends batches before their total; empty functions never do.
struct BatchesEnd {
  /// The time is over; asked before each batch with the number of inputs that ran.
  std::function<bool(std::int64_t)> stopped;
  /// The result is good enough; asked after every `checkpoint` inputs, so that where a run ends
  /// does not depend on the batch.
  std::function<bool()> enough;
  std::int64_t checkpoint = 256;
};
/// The same until `end` says so. Returns how many ran.
std::int64_t in_batches_until(std::int64_t total, std::int64_t batch, const ExplainOptions& options,
                              const BatchesEnd& end,
                              const std::function<void(std::int64_t, std::int64_t)>& run);
/// What a call reports while it works on sample n of `samples`, from that sample's share; empty
/// where nobody listens.
std::function<void(double)> progress_of_sample(const ExplainOptions& options, std::int64_t n,
                                               std::int64_t samples);

/// Inputs first .. first + count - 1 of those made from one sample.
struct SampleBatch {
  std::int64_t sample, first, count;
  const std::vector<Target>& targets;  ///< fixed for that sample
  const ExplainOptions& options;       ///< for explaining these inputs
};
/// Runs each sample's `total` inputs in batches of its own and reports progress over all.
void for_each_sample(const Call& call, const Pass& pass, std::int64_t total,
                     const std::function<void(const SampleBatch&)>& run);

/// The explanation of one objective around ready maps [N, C, h, w] (or maps still to come), with
/// its evidence.
Explanation around(const Pass& pass, std::size_t objective, Tensor relevance, bool is_signed);

/// The targets' scores [S, M] of M inputs, or of given values inside the graph: forward passes
/// alone. `bfloat16` as in Model::run_from; not for differences of scores that hardly differ.
Tensor scores_of(const Model& model, const std::vector<std::pair<ValueId, Tensor>>& given,
                 const std::vector<Target>& targets, ScoreKind score, bool bfloat16 = false);

/// Scores [S, N, M] from each sample's batches of [S, some].
Tensor joined(const std::vector<Tensors>& parts);

}  // namespace limn
