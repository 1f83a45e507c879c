// See pattern.h.
#include "import/pattern.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>

namespace limn {

Pattern::Pattern(Draft& draft) : draft_(draft) {
  for (std::size_t i = 0; i < draft.nodes.size(); ++i) {
    const DraftNode& node = draft.nodes[i];
    names_.insert(node.name);
    for (const auto& output : node.outputs) {
      if (!output.empty()) producer_.emplace(output, i);
      names_.insert(output);
    }
    for (const auto& input : node.inputs) {
      if (!input.empty()) consumers_[input].push_back(i);
    }
  }
  for (const auto& [name, value] : draft.constants) names_.insert(name);
  for (const auto& info : draft.outputs) outputs_.insert(info.name);
  for (const auto& info : draft.inputs) inputs_.insert(info.name);
  names_.insert(inputs_.begin(), inputs_.end());
  for (const auto* list : {&draft.values, &draft.inputs}) {
    for (const auto& info : *list) {
      if (info.has_shape) rank_[info.name] = static_cast<std::int64_t>(info.shape.size());
    }
  }
}

DraftNode* Pattern::producer(const std::string& value) const {
  const auto found = producer_.find(value);
  return found == producer_.end() ? nullptr : &draft_.nodes[found->second];
}

DraftNode* Pattern::producer(const std::string& value,
                             std::initializer_list<std::string_view> ops) const {
  DraftNode* node = producer(value);
  if (!node || !node->domain.empty()) return nullptr;
  return std::find(ops.begin(), ops.end(), node->op) == ops.end() ? nullptr : node;
}

DraftNode* Pattern::only_consumer(const std::string& value) const {
  const auto found = consumers_.find(value);
  if (found == consumers_.end() || found->second.size() != 1 || is_output(value)) return nullptr;
  return &draft_.nodes[found->second.front()];
}

bool Pattern::is_constant(const std::string& value) const {
  return draft_.constants.contains(value);
}

Tensor Pattern::constant(const std::string& value) const {
  const auto found = draft_.constants.find(value);
  return found == draft_.constants.end() ? Tensor() : found->second;
}

std::optional<double> Pattern::scalar(const std::string& value) const {
  const Tensor tensor = constant(value);
  if (!tensor.defined() || tensor.numel() != 1) return std::nullopt;
  return tensor.to(at::kDouble).item<double>();
}

std::optional<std::vector<std::int64_t>> Pattern::integers(const DraftNode& node,
                                                           std::string_view attribute,
                                                           std::size_t input) const {
  if (node.attributes.has(attribute)) return node.attributes.integers(attribute);
  const Tensor tensor = constant(input_of(node, input));
  if (!tensor.defined()) return std::nullopt;
  const Tensor flat = tensor.to(at::kLong).contiguous();
  const auto* data = flat.data_ptr<std::int64_t>();
  return std::vector<std::int64_t>(data, data + flat.numel());
}

std::optional<std::int64_t> Pattern::rank(const std::string& value) const {
  const auto found = rank_.find(value);
  return found == rank_.end() ? std::nullopt : std::optional(found->second);
}

std::string Pattern::fresh_name(std::string wanted) {
  while (!names_.insert(wanted).second) wanted += "_";
  return wanted;
}

std::string Pattern::add_constant(const std::string& wanted, Tensor value) {
  const std::string name = fresh_name(wanted);
  draft_.constants.emplace(name, std::move(value));
  return name;
}

void Pattern::set_producer(const std::string& value, const DraftNode* node) {
  producer_[value] = index_of(node);
}

void Pattern::replace_consumer(const std::string& value, const DraftNode* before,
                               const DraftNode* now) {
  auto& users = consumers_[value];
  std::replace(users.begin(), users.end(), index_of(before), index_of(now));
}

bool about(double a, double b) { return std::abs(a - b) <= 6e-4 * std::abs(b); }

void remove_dead(Draft& draft) {
  std::map<std::string, std::vector<std::size_t>> producers;
  for (std::size_t i = 0; i < draft.nodes.size(); ++i) {
    for (const auto& output : draft.nodes[i].outputs) {
      if (!output.empty()) producers[output].push_back(i);
    }
  }
  std::set<std::string> live;
  std::vector<std::string> waiting;
  const auto need = [&](const std::string& value) {
    if (!value.empty() && live.insert(value).second) waiting.push_back(value);
  };
  for (const auto& info : draft.outputs) need(info.name);
  std::vector<bool> kept(draft.nodes.size(), false);
  while (!waiting.empty()) {
    const std::string value = std::move(waiting.back());
    waiting.pop_back();
    const auto found = producers.find(value);
    if (found == producers.end()) continue;
    for (const std::size_t i : found->second) {
      if (kept[i]) continue;
      kept[i] = true;
      for (const auto& input : draft.nodes[i].inputs) need(input);
    }
  }
  std::vector<DraftNode> nodes;
  for (std::size_t i = 0; i < draft.nodes.size(); ++i) {
    if (kept[i]) nodes.push_back(std::move(draft.nodes[i]));
  }
  draft.nodes = std::move(nodes);
  std::erase_if(draft.constants, [&](const auto& entry) { return !live.contains(entry.first); });
}

}  // namespace limn
