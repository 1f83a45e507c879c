// How a method's explanations become maps that checks can use.
#pragma once
#include <functional>
#include <vector>

#include "limn/audit.h"

namespace limn {

/// Sample 0 as float64 [H, W] on the CPU; undefined where it is constant or not finite.
Tensor usable_map(const Explanation& explanation, at::IntArrayRef size);

/// Fills in the maps and gaps of these cases; all classes of one picture share a forward pass.
/// Throws what the method throws but Numerical, which makes the map of that case unusable.
void make_maps(const Model& model, const Method& method, const std::vector<AuditCase>& cases,
               const std::vector<std::size_t>& numbers, const ExplainOptions& options,
               const std::function<void(double done, double total)>& progress, AuditMaps& out);

/// `count` of `from` numbers, evenly spaced; all where there are fewer.
std::vector<std::size_t> some_of(const std::vector<std::size_t>& from, std::int64_t count);

}  // namespace limn
