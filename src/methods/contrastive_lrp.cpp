// See contrastive_lrp.h.
#include "methods/contrastive_lrp.h"

#include "rules/excitation_book.h"
#include "rules/lrp_rules.h"
#include "rules/reference_books.h"

namespace limn {

Backbone limn_backbone(const ContrastiveOptions& options, const Call& call) {
  std::vector<double> low = options.low, high = options.high;
  if (low.empty() != high.empty()) {
    fail(ErrorCode::InvalidArgument, "give both low and high, or neither");
  }
  const Preprocessing& preprocessing = call.model.preprocessing();
  const bool fits =
      call.x.dim() == 4 && static_cast<std::int64_t>(preprocessing.mean.size()) == call.x.size(1);
  if (low.empty() && preprocessing.known && fits) {
    low = preprocessing.low();
    high = preprocessing.high();
  }
  RuleBook book = excitation_book();
  book.first_convolution(low.empty() ? picture_box_rule() : zbox_rule(low, high));
  return {std::move(book), BatchNorm::Fold};
}

Backbone wjnam_backbone(const ContrastiveOptions& options) {
  return {
      wjnam_book({.alpha = options.alpha, .division = Division::Ucag, .first_convolution = "auto"}),
      BatchNorm::Keep};
}

Field low_field(ContrastiveOptions& options) {
  return reals_field("low", options.low,
                     "lowest input values per channel for zB (limn); default: preprocessing, else "
                     "the lowest of each picture");
}

Field high_field(ContrastiveOptions& options) {
  return reals_field("high", options.high, "highest input values per channel for zB (limn)");
}

Field alpha_field(ContrastiveOptions& options) {
  return real_field("alpha", options.alpha, 1, kInfinity, "of flavor wjnam; beta = alpha - 1");
}

std::vector<Explanation> explain_start(const Pass& pass, const Call& call, const RuleBook& book,
                                       const MethodInfo& info) {
  const ValueId at = pass.model.input();
  const WalkResult result = pass.walk_from(call, book, pass.gradients(call), {at});
  auto all = pass.explanations(call, result, at, info);
  for (auto& one : all) {
    one.is_signed = true;
    one.notes.emplace_back(kNoContrastOfStart);
  }
  return all;
}

}  // namespace limn
