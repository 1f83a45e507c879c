// See audit_maps.h.
#include "evaluation/audit_maps.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>

#include "limn/error.h"
#include "limn/heatmap.h"
#include "limn/target.h"

namespace limn {
namespace {

void explain(const Model& model, const Method& method, const Tensor& x,
             const std::vector<std::size_t>& own, const std::vector<Target>& targets,
             const ExplainOptions& options, AuditMaps& out) {
  std::vector<Explanation> all;
  try {
    all = method.explain(model, x, targets, options);
  } catch (const Error& error) {
    if (error.code() != ErrorCode::Numerical) throw;
    if (own.size() == 1) {
      ++out.unusable;
      return;
    }
    // One class that overflows must not take the others with it.
    for (std::size_t k = 0; k < own.size(); ++k) {
      explain(model, method, x, {own[k]}, {targets[k]}, options, out);
    }
    return;
  }
  for (std::size_t k = 0; k < own.size(); ++k) {
    Tensor map = usable_map(all[k], {x.size(2), x.size(3)});
    if (!map.defined()) ++out.unusable;
    out.maps[own[k]] = std::move(map);
    if (!all[k].gap.defined()) continue;
    const auto gap = all[k].gap.flatten()[0].to(at::kDouble).item<double>();
    if (std::isfinite(gap)) out.gaps.push_back(gap);
  }
}

}  // namespace

Tensor usable_map(const Explanation& explanation, at::IntArrayRef size) {
  const Tensor own = explanation.map().narrow(0, 0, 1).to(at::kCPU, at::kFloat);
  const Tensor map = resize_maps(own, size[0], size[1])[0].to(at::kDouble);
  const bool says_something = map.isfinite().all().item<bool>() && !map.min().equal(map.max());
  return says_something ? map.contiguous() : Tensor();
}

void make_maps(const Model& model, const Method& method, const std::vector<AuditCase>& cases,
               const std::vector<std::size_t>& numbers, const ExplainOptions& options,
               const std::function<void(double done, double total)>& progress, AuditMaps& out) {
  for (std::size_t i = 0; i < numbers.size();) {
    progress(static_cast<double>(i), static_cast<double>(numbers.size()));
    const AuditCase& first = cases[numbers[i]];
    std::vector<std::size_t> own;
    std::vector<Target> targets;
    for (; i < numbers.size() && cases[numbers[i]].x.is_same(first.x); ++i) {
      own.push_back(numbers[i]);
      targets.push_back(Target::of_class(cases[numbers[i]].target));
    }
    ExplainOptions again = options;
    again.beside = first.beside;
    in_context([&] { return "picture \"" + first.picture + "\""; },
               [&] { explain(model, method, first.x, own, targets, again, out); });
  }
}

std::vector<std::size_t> some_of(const std::vector<std::size_t>& from, std::int64_t count) {
  const std::size_t take = std::min(from.size(), static_cast<std::size_t>(count));
  std::vector<std::size_t> out;
  for (std::size_t i = 0; i < take; ++i) out.push_back(from[i * from.size() / take]);
  return out;
}

}  // namespace limn
