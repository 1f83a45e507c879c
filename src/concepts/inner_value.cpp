// See inner_value.h.
#include "concepts/inner_value.h"

#include <ATen/ATen.h>

#include "concepts/embedding.h"
#include "limn/error.h"
#include "rules/basic_rules.h"
#include "rules/composites.h"
#include "rules/facts.h"
#include "rules/walk.h"

namespace limn {
namespace {

/// The value's name, also where a node's stands for it; empty: that of the class scores.
std::string chosen_name(const Model& model, const std::string& name) {
  if (!name.empty()) return model.graph().value(model.graph().at(name)).name;
  if (model.is_detector()) {
    fail(ErrorCode::Unsupported,
         "a detector answers for boxes and has no scores of the whole picture; give a unit of an "
         "inner value, VALUE:channel (`limn inspect` lists the values)");
  }
  return model.graph().value(model.logits()).name;
}

/// Batch norm folded, unless the value exists only unfolded; what it does not need cut off.
Model part_for(const Model& model, const std::string& name) {
  const ValueId whole = model.graph().at(name);
  if (!Facts(model.graph(), model.logits()).depends(whole) || whole == model.input()) {
    fail(ErrorCode::Unsupported, "value \"", name, "\" ",
         whole == model.input() ? "is the input itself" : "does not depend on the input",
         "; name another (`limn inspect` lists the values)");
  }
  const Model folded = model.folded();
  return up_to(folded.graph().find(name) ? folded : model, name);
}

/// [N, ...] with its last sample repeated, up to `count`.
Tensor filled(const Tensor& some, std::int64_t count) {
  const std::int64_t missing = count - some.size(0);
  if (missing <= 0) return some;
  std::vector<std::int64_t> more = some.sizes().vec();
  more[0] = missing;
  return at::cat({some, some.narrow(0, some.size(0) - 1, 1).expand(more)});
}

}  // namespace

InnerValue::InnerValue(const Model& model, const std::string& name)
    : name_(chosen_name(model, name)),
      model_(part_for(model, name_)),
      at_(model_.graph().at(name_)),
      book_(gradient_book()),
      open_book_(gradient_book()) {
  open_book_.op("Relu", pass_rule()).op("Clip", pass_rule());
}

std::int64_t InnerValue::batch(std::int64_t wanted) const {
  const std::int64_t fixed = model_.fixed_batch();
  return fixed > 0 ? std::min(fixed, wanted) : wanted;
}

InnerPass InnerValue::run(const Tensor& x) const {
  InnerPass pass{model_.run(filled(x, model_.fixed_batch())), {}};
  const Tensor& whole = pass.tape[at_];
  if (whole.dim() < 1 || whole.size(0) < x.size(0)) {
    fail(ErrorCode::Unsupported, "value \"", name_, "\" has shape ", whole.sizes(), " for ",
         x.size(0), " pictures: it does not keep them apart; name another");
  }
  pass.value = whole.narrow(0, 0, x.size(0));
  if (!at::isfinite(pass.value).all().item<bool>()) {
    fail(ErrorCode::Numerical, "value \"", name_, "\" holds NaN or infinity");
  }
  return pass;
}

Tensor InnerValue::gradient(const InnerPass& pass, const Tensor& seed, bool through_relus) const {
  const Tensor& whole = pass.tape[at_];
  Tensor start = seed.to(whole.options());
  if (whole.size(0) > seed.size(0)) {
    std::vector<std::int64_t> more = whole.sizes().vec();
    more[0] -= seed.size(0);
    start = at::cat({start, at::zeros(more, whole.options())});
  }
  const ValueId input = model_.input();
  const WalkResult result = walk(model_, pass.tape, through_relus ? open_book_ : book_,
                                 {.seeds = {{at_, start.unsqueeze(0)}}, .at = {input}});
  return result.relevance.at(input)[0].narrow(0, 0, seed.size(0));
}

}  // namespace limn
