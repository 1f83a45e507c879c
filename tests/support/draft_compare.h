// Compares two drafts; used by the tests of the reader, the writer and the passes.
#pragma once
#include <ATen/ATen.h>

#include <string>

#include "limn/error.h"
#include "limn/graph.h"

namespace limn::testing {

inline bool same(const Tensor& a, const Tensor& b) {
  return a.scalar_type() == b.scalar_type() && a.sizes() == b.sizes() && at::equal(a, b);
}

inline bool same(const Attribute& a, const Attribute& b) {
  if (a.index() != b.index()) return false;
  if (const auto* tensor = std::get_if<Tensor>(&a)) return same(*tensor, std::get<Tensor>(b));
  return std::visit(
      [&](const auto& value) {
        using T = std::decay_t<decltype(value)>;
        if constexpr (std::is_same_v<T, Tensor>) {
          return true;
        } else {
          return value == std::get<T>(b);
        }
      },
      a);
}

inline bool same(const ValueInfo& a, const ValueInfo& b) {
  return a.name == b.name && a.dtype == b.dtype && a.has_shape == b.has_shape &&
         a.shape == b.shape && a.dim_names == b.dim_names;
}

inline std::string difference(const std::vector<ValueInfo>& a, const std::vector<ValueInfo>& b) {
  if (a.size() != b.size()) return concat(a.size(), " value infos instead of ", b.size());
  for (std::size_t i = 0; i < a.size(); ++i) {
    if (!same(a[i], b[i])) return concat("value info ", a[i].name, " and ", b[i].name);
  }
  return "";
}

inline std::string difference(const DraftNode& a, const DraftNode& b) {
  if (a.name != b.name) return concat("name ", a.name, " and ", b.name);
  if (a.op != b.op || a.domain != b.domain || a.opset != b.opset) return "operator or opset";
  if (a.inputs != b.inputs || a.outputs != b.outputs) return "inputs or outputs";
  const auto& left = a.attributes.items();
  const auto& right = b.attributes.items();
  if (left.size() != right.size()) return "number of attributes";
  for (std::size_t i = 0; i < left.size(); ++i) {
    if (left[i].first != right[i].first || !same(left[i].second, right[i].second)) {
      return concat("attribute ", left[i].first);
    }
  }
  return "";
}

/// "" where both are the same to the bit, else the first difference.
inline std::string difference(const Draft& a, const Draft& b) {
  if (a.name != b.name || a.opset != b.opset || a.metadata != b.metadata) return "name or opset";
  if (a.nodes.size() != b.nodes.size()) return "number of nodes";
  for (std::size_t i = 0; i < a.nodes.size(); ++i) {
    const std::string found = difference(a.nodes[i], b.nodes[i]);
    if (!found.empty()) return concat("node ", a.nodes[i].name, ": ", found);
  }
  if (a.constants.size() != b.constants.size()) return "number of constants";
  for (const auto& [name, value] : a.constants) {
    const auto other = b.constants.find(name);
    if (other == b.constants.end() || !same(value, other->second)) return "constant " + name;
  }
  std::string found = difference(a.inputs, b.inputs);
  if (found.empty()) found = difference(a.outputs, b.outputs);
  if (found.empty()) found = difference(a.values, b.values);
  return found;
}

}  // namespace limn::testing
