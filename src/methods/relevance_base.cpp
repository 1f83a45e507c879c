// See relevance_base.h.
#include "methods/relevance_base.h"

#include <algorithm>

#include "rules/basic_rules.h"
#include "rules/composites.h"
#include "rules/lrp_rules.h"
#include "rules/reference_books.h"

namespace limn {
namespace {

/// Keeps dead windows from swallowing relevance (the authors' value).
constexpr double kTiny = 1e-9;

}  // namespace

Rule box_rule(const Call& call) {
  const Preprocessing& known = call.model.preprocessing();
  if (known.known && call.x.dim() == 4 &&
      static_cast<std::int64_t>(known.mean.size()) == call.x.size(1)) {
    return zbox_rule(known.low(), known.high());
  }
  return image_box_rule(0);
}

Rule lifted_pool_rule() {
  return {"x/z", [](const Step& step, const Tensors& r_out) {
            const std::size_t i = step.data();
            const auto view = step.view();
            const Tensor x = step.in(i).clamp_min(0) + kTiny;
            const Tensor z = view->apply(x, view->weight(), {});
            return only(step, x * pull(*view, safe_divide(r_out.front(), z), view->weight()));
          }};
}

Rule clamped_join_rule() {
  return {"x+/z", [](const Step& step, const Tensors& r_out) {
            const std::size_t count = step.node.inputs.size();
            Tensors parts(count);
            Tensor z;
            for (std::size_t i = 0; i < count; ++i) {
              if (!step.node.inputs[i]) continue;
              const Tensor part = step.node.op == "Sub" && i == 1 ? (-step.in(i)).clamp_min(0)
                                                                  : step.in(i).clamp_min(0);
              parts[i] = part + kTiny;
              z = z.defined() ? z + parts[i] : parts[i];
            }
            const Tensor s = safe_divide(r_out.front(), z);
            Tensors result(count);
            for (std::size_t i = 0; i < count; ++i) {
              if (step.wanted[i]) result[i] = sum_to_shape(parts[i] * s, step.in(i).sizes());
            }
            return result;
          }};
}

Tensor gradient_activation(const Pass& pass, const Call& call, ValueId layer,
                           const Tensor& gradients) {
  const Tensor& a = pass.tape[layer];
  if (a.dim() != 4) {
    fail(ErrorCode::InvalidArgument, "layer \"", pass.model.graph().value(layer).name,
         "\" has shape ", a.sizes(), "; a gradient-activation map needs [N, C, h, w]");
  }
  const WalkResult result = walk(pass.model, pass.tape, gradient_book(),
                                 {.seeds = {{pass.model.logits(), gradients}},
                                  .at = {layer},
                                  .fallback_gradient = call.options.fallback_gradient});
  return result.relevance.at(layer).mean({3, 4}, true) * a;
}

ValueId stage_layer(const Pass& pass, const std::string& name) {
  return name.empty() ? default_cam_layer(pass.model, pass.tape) : pass.model.graph().at(name);
}

WalkResult walk_down(const Pass& pass, const Call& call, const RuleBook& book, ValueId layer,
                     const Tensor& relevance) {
  std::vector<ValueId> at = {pass.model.input()};
  for (const auto& name : call.options.record) at.push_back(pass.recorded(call, name));
  return walk(pass.model, pass.tape, book,
              {.seeds = {{layer, relevance}},
               .at = std::move(at),
               .fallback_gradient = call.options.fallback_gradient,
               .trace = call.options.trace});
}

std::string no_evidence_at(const std::string& layer) {
  return concat("nothing at layer \"", layer,
                "\" speaks for the target; explain a class that is predicted, or use lrp");
}

void LostMass::see(const Node& at, const Tensor& missing, const Tensor& mass) {
  const Tensor worst = safe_divide(missing.abs(), mass).amax(1).cpu();
  shares_.resize(std::max(shares_.size(), static_cast<std::size_t>(worst.size(0))));
  for (std::size_t s = 0; s < shares_.size(); ++s) {
    const double here = worst[static_cast<std::int64_t>(s)].item<double>();
    if (here > shares_[s].share) shares_[s] = {here, at.name};
  }
}

LostMass::Share LostMass::of(std::size_t target) const {
  return target < shares_.size() ? shares_[target] : Share{};
}

}  // namespace limn
