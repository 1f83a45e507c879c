// The explicit list of methods, spec strings, and what all explanations share.
#include "limn/error.h"
#include "limn/method.h"

namespace limn {

#define LIMN_METHOD(name) MethodEntry method_##name();
#include "methods/method_list.inc"
#undef LIMN_METHOD

std::string gap_kind_name(GapKind kind) {
  switch (kind) {
    case GapKind::Score:
      return "score";
    case GapKind::ScoreMinusBaseline:
      return "score-minus-baseline";
    case GapKind::Terms:
      return "terms";
    case GapKind::Mass:
      return "mass";
    case GapKind::None:
      break;
  }
  return "";
}

const std::vector<MethodEntry>& methods() {
  static const std::vector<MethodEntry> all = {
#define LIMN_METHOD(name) method_##name(),
#include "methods/method_list.inc"
#undef LIMN_METHOD
  };
  return all;
}

const MethodEntry& find_method(std::string_view name) {
  const std::string wanted = canonical_name(name);
  std::vector<std::string> names;
  for (const auto& entry : methods()) {
    if (entry.info.name == wanted) return entry;
    names.push_back(entry.info.name);
    for (const auto& alias : entry.info.aliases) {
      if (canonical_name(alias) == wanted) return entry;
    }
  }
  fail(ErrorCode::NotFound, "no method \"", name, "\"; did you mean ", nearest_names(name, names),
       "? (`limn list methods`)");
}

std::unique_ptr<Method> make_method(std::string_view spec) {
  const Spec parsed = Spec::parse(spec);
  if (parsed.is_list) {
    fail(ErrorCode::InvalidArgument, "spec \"", spec, "\" is a list; name one method");
  }
  return find_method(parsed.name).make(parsed);
}

Explanation Method::explain(const Model& model, const Tensor& x, const Target& target,
                            const ExplainOptions& options) const {
  return std::move(explain(model, x, std::vector<Target>{target}, options).front());
}

Tensor Explanation::map() const {
  if (!relevance.defined() || relevance.dim() != 4) {
    fail(ErrorCode::Unsupported, "relevance of shape ",
         relevance.defined() ? concat(relevance.sizes()) : std::string("none"), " at \"", at,
         "\" is no picture: a map needs [N, C, h, w]");
  }
  if (reduction == "max-abs") return relevance.abs().amax(1);
  return relevance.sum(1);
}

}  // namespace limn
