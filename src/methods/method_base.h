// What every method file shares: how to define a method, and one forward pass with its targets.
#pragma once
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "limn/error.h"
#include "limn/method.h"
#include "rules/walk.h"

namespace limn {

/// What a method is called with.
struct Call {
  const Model& model;
  const Tensor& x;
  const std::vector<Target>& targets;
  const ExplainOptions& options;
};

namespace detail {

template <typename Options>
class DefinedMethod final : public Method {
 public:
  using FieldsOf = Fields (*)(Options&);
  using Explain = std::vector<Explanation> (*)(const Options&, const Call&);

  DefinedMethod(std::shared_ptr<const MethodInfo> info, FieldsOf fields, Explain explain,
                const Spec& spec, const std::string& positional)
      : info_(std::move(info)), explain_(explain) {
    const Fields list = fields(options_);
    set_fields(list, spec, positional);
    spec_ = fields_spec(info_->name, list);
  }
  const MethodInfo& info() const override { return *info_; }
  Spec spec() const override { return spec_; }
  std::vector<Explanation> explain(const Model& model, const Tensor& x,
                                   const std::vector<Target>& targets,
                                   const ExplainOptions& options) const override {
    return in_context([&] { return info_->name; },
                      [&] {
                        auto all = explain_(options_, {model, x, targets, options});
                        for (auto& one : all) one.method = spec_.text();
                        return all;
                      });
  }
  using Method::explain;

 private:
  std::shared_ptr<const MethodInfo> info_;
  Explain explain_;
  Options options_;
  Spec spec_;
};

}  // namespace detail

/// A method from its info, its options' field list and its function. `positional` names the option
/// that takes a first argument without a name.
template <typename Options>
MethodEntry define_method(MethodInfo info, Fields (*fields)(Options&),
                          std::vector<Explanation> (*explain)(const Options&, const Call&),
                          std::string positional = "") {
  if (info.gap == GapKind::None && info.conserves) info.gap = GapKind::Score;
  if (info.gap == GapKind::None && info.complete) info.gap = GapKind::ScoreMinusBaseline;
  auto shared = std::make_shared<const MethodInfo>(info);
  return {.info = std::move(info),
          .options =
              [fields] {
                Options defaults;
                return describe(fields(defaults));
              },
          .make =
              [shared, fields, explain, positional](const Spec& spec) {
                return std::make_unique<detail::DefinedMethod<Options>>(shared, fields, explain,
                                                                        spec, positional);
              }};
}

/// How a method wants its batch norm. `Free`: its result does not depend on it, so it is folded for
/// speed unless a named value exists only unfolded.
enum class BatchNorm { Free, Fold, FoldConvolutions, Keep };

/// One forward pass with its targets bound; all maps of a call come from it.
struct Pass {
  Model model;  ///< the variant that ran
  Tape tape;
  std::vector<Objective> objectives;

  /// `needed`: names that must exist in the variant that runs.
  Pass(const Call& call, BatchNorm batch_norm, const std::vector<std::string>& needed = {});

  /// [S, logits] stacked from each objective; `start` of the call replaces them, one for all or
  /// one for each.
  Tensor gradients(const Call& call) const;
  Tensor relevances(const Call& call) const;
  /// Ids of the named values.
  std::vector<ValueId> values(const std::vector<std::string>& names) const;
  /// Where relevance that the caller asked for by name is read: a convolution that was folded into
  /// its batch norm is read behind the norm, which passes relevance unchanged.
  ValueId recorded(const Call& call, const std::string& name) const;
  /// The walk from `seeds` at the logits to `at` and to the call's recorded values.
  WalkResult walk_from(const Call& call, const RuleBook& book, const Tensor& seeds,
                       std::vector<ValueId> at) const;
  /// One explanation per objective with its evidence; `relevance` is [S, ...] at value `at`.
  std::vector<Explanation> explanations(const Call& call, const WalkResult& result, ValueId at,
                                        const MethodInfo& info) const;
};

/// The probability [N] of an objective's class.
Tensor probability_of(const Pass& pass, const Objective& objective);
/// "12.5 %", three digits.
std::string percent(double share);
/// Throws Unsupported on a detector, whose output has no classes of the whole picture.
void refuse_detector(const Model& model);
/// Fills `gap` from relevance and score, for methods that conserve.
void measure_gap(Explanation& explanation);
/// Says how many nodes had no rule and used the gradient.
void note_fallbacks(Explanation& explanation, const WalkResult& result);
/// Where a score is not above zero, what the map then `shows` and what to explain instead.
void note_unpredicted(Explanation& explanation, std::string_view shows);
/// Says in words what a map that is constant or has one sign only cannot show.
void note_degenerate(Explanation& explanation);

/// The last value with spatial extent that a convolution block ends in: after its batch norm,
/// residual add and activation, before any pooling or flatten. On a detector, whose last
/// convolutions see some of the boxes only, the last that all of them depend on. Throws Unsupported
/// where the model has no convolution with spatial extent.
ValueId default_cam_layer(const Model& model, const Tape& tape);
/// Such a value for each spatial size at which a convolution keeps the size, in order of depth:
/// the five stages of VGG, the four of ResNet.
std::vector<ValueId> block_ends(const Graph& graph, const Tape& tape);

/// Bilinear resize of [N, C, h, w] with half-pixel centers or aligned corners.
Tensor resize_bilinear(const Tensor& maps, std::int64_t height, std::int64_t width,
                       bool align_corners = false);
/// What a filter sees beyond the border: the nearest pixel, or zeros.
enum class Border { Replicate, Zero };
/// Gaussian of `sigma` pixels, half width ceil(4 sigma) (facebookresearch/TorchRay@6a198ee,
/// imsmooth).
Tensor smooth_gaussian(const Tensor& maps, double sigma, Border border = Border::Replicate);

}  // namespace limn
