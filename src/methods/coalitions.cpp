// See coalitions.h.
#include "methods/coalitions.h"

#include "methods/baseline.h"
#include "methods/sampling.h"

namespace limn {
namespace {

bool is_segment_mean(const CoalitionOptions& o, const Call& call) {
  return !call.options.baseline.defined() && canonical_name(o.baseline) == "segment-mean";
}

/// Each segment filled with the mean of what it holds, [1, C, H, W].
Tensor segment_means(const Tensor& x, const Tensor& labels) {
  const Tensor wide = x.to(at::kCPU, at::kDouble).flatten(1), flat = labels.flatten();
  const std::int64_t count = flat.max().item<std::int64_t>() + 1;
  const Tensor areas = at::bincount(flat, {}, count).to(at::kDouble);
  const Tensor sums = at::zeros({x.size(0), count}, at::kDouble).index_add(1, flat, wide);
  return (sums / areas).index_select(1, flat).view(x.sizes()).to(x.options()).unsqueeze(0);
}

/// Values [T, M] as maps [T, H, W].
Tensor spread_out(const CoalitionOptions& o, const Tensor& values, const Tensor& labels) {
  const Tensor flat = labels.flatten();
  Tensor each = values;
  if (o.spread == "share") each = each / at::bincount(flat, {}, values.size(1));
  return each.index_select(1, flat).view({-1, labels.size(0), labels.size(1)});
}

}  // namespace

Fields coalition_fields(CoalitionOptions& o) {
  Fields all = {integer_field("n", o.n, 1, 100'000'000, "coalitions; with a budget, at most")
                    .also({"n-samples", "num-samples", "nsamples"})};
  for (auto& field : superpixel_fields(o.superpixels)) all.push_back(std::move(field));
  all.push_back(text_field("baseline", o.baseline,
                           "what hides a segment: zero|black|gray|white|mean|blur, segment-mean "
                           "(its own mean color), or a number in the model's input space")
                    .also({"baselines", "hide-color"}));
  all.push_back(choice_field("spread", o.spread, {"copy", "share"},
                             "each pixel gets its segment's value, or its share of it"));
  return all;
}

Coalitions::Coalitions(const Call& call, const Pass& pass, std::int64_t sample,
                       const Tensor& labels, const Tensor& baseline)
    : call_(call),
      pass_(pass),
      sample_(sample),
      segments_(labels.max().item<std::int64_t>() + 1),
      batch_(inner_batch(pass.model, pass.tape, call.options)),
      targets_(fixed_targets(pass.objectives, sample)),
      x_(pass.tape[pass.model.input()].slice(0, sample, sample + 1)),
      baseline_(baseline) {
  labels_ = labels.flatten().to(x_.device());
  Tensors scores;
  for (const auto& objective : pass.objectives) {
    scores.push_back(objective.score[sample].to(at::kCPU, at::kDouble));
  }
  all_ = at::stack(scores);
  none_ = scores_of_inputs(baseline_).select(1, 0);
}

Tensor Coalitions::scores_of_inputs(const Tensor& inputs) const {
  return scores_of(pass_.model, {{pass_.model.input(), inputs}}, targets_, call_.options.score)
      .to(at::kCPU, at::kDouble);
}

Tensor Coalitions::scores(const Tensor& shown) const {
  Tensors parts;
  for (std::int64_t first = 0; first < shown.size(0); first += batch_) {
    const Tensor some = shown.slice(0, first, first + batch_);
    const Tensor visible = some.to(x_.device(), at::kBool)
                               .index_select(1, labels_)
                               .view({some.size(0), 1, x_.size(2), x_.size(3)});
    parts.push_back(scores_of_inputs(at::where(visible, x_, baseline_)));
  }
  return at::cat(parts, 1);
}

std::int64_t Coalitions::run(std::int64_t total, std::int64_t least, std::int64_t each,
                             const std::function<void(std::int64_t, std::int64_t)>& add) const {
  ExplainOptions reported;
  reported.progress = progress_of_sample(call_.options, sample_, call_.x.size(0));
  BatchesEnd end;
  end.stopped = [&](std::int64_t used) {
    if (!call_.options.stop || !call_.options.stop()) return false;
    if (used < least) {
      fail(ErrorCode::InvalidArgument, "the time was over after ", each * used, " coalitions, and ",
           segments_, " segments need ", each * least,
           "; give a longer --budget, or fewer n-segments");
    }
    return true;
  };
  return in_batches_until(total, std::max<std::int64_t>(1, batch_ / each), reported, end, add);
}

namespace {

void put_notes(Explanation& one, const std::vector<SegmentEstimate>& estimates, std::size_t t,
               const Describe& describe) {
  const SegmentEstimate* worst = &estimates.front();
  for (const auto& estimate : estimates) {
    if (!(estimate.quality[t] >= worst->quality[t])) worst = &estimate;
    if (estimate.used == estimate.asked || one.partial) continue;
    one.partial = true;
    one.notes.push_back(concat("stopped after ", estimate.used, " coalitions, before the ",
                               estimate.asked, " asked"));
  }
  one.notes.push_back(describe(*worst, t));
  note_degenerate(one);
}

}  // namespace

std::vector<Explanation> explain_segments(const CoalitionOptions& o, const Call& call,
                                          const Estimate& estimate, const Describe& describe) {
  need_places(call.x, "segments");
  const Pass pass(call, BatchNorm::Free);
  const Tensor& x = pass.tape[pass.model.input()];
  const Tensors labels = segments_of(o.superpixels, call.options, x);
  const bool own_means = is_segment_mean(o, call);
  const Tensor baseline = own_means ? Tensor() : baseline_of(o.baseline, call, x);
  std::vector<SegmentEstimate> estimates;
  Tensors maps, errors;
  for (std::int64_t n = 0; n < x.size(0); ++n) {
    const Tensor& own = labels[static_cast<std::size_t>(n)];
    const Tensor hidden = own_means ? segment_means(x[n], own) : baseline.slice(0, n, n + 1);
    estimates.push_back(estimate(Coalitions(call, pass, n, own, hidden)));
    maps.push_back(spread_out(o, estimates.back().values, own));
    errors.push_back(spread_out(o, estimates.back().errors, own));
  }
  const Tensor segments = at::stack(labels).unsqueeze(1);
  std::vector<Explanation> all;
  for (std::size_t t = 0; t < pass.objectives.size(); ++t) {
    Explanation one = around(pass, t, Tensor(), true);
    const auto of_target = [&](const Tensors& each) {
      return at::stack(each, 1)[static_cast<std::int64_t>(t)].unsqueeze(1).to(x.options());
    };
    one.relevance = of_target(maps).contiguous();
    one.inner["standard-error"] = of_target(errors).contiguous();
    one.inner["segments"] = segments;
    if (estimates.front().change.defined() && o.spread == "share") {
      Tensors changes;
      for (const auto& of : estimates) changes.push_back(of.change[static_cast<std::int64_t>(t)]);
      const Tensor change = at::stack(changes);
      const Tensor sum = one.relevance.to(at::kCPU, at::kDouble).flatten(1).sum(1);
      one.gap = (sum - change).abs() / change.abs().clamp_min(1e-12);
    }
    put_notes(one, estimates, t, describe);
    all.push_back(std::move(one));
  }
  return all;
}

}  // namespace limn
