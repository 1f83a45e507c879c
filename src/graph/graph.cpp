// Builds and checks the immutable graph.
#include "limn/graph.h"

#include <algorithm>
#include <queue>
#include <set>

#include "graph/operator_lookup.h"
#include "limn/error.h"

namespace limn {
namespace {

[[noreturn]] void wrong_type(std::string_view name, std::string_view wanted) {
  fail(ErrorCode::BadModel, "attribute \"", name, "\" is not ", wanted);
}

}  // namespace

const Attribute* Attributes::find(std::string_view name) const {
  for (const auto& [key, value] : items_) {
    if (key == name) return &value;
  }
  return nullptr;
}

std::int64_t Attributes::integer(std::string_view name, std::int64_t otherwise) const {
  const Attribute* found = find(name);
  if (!found) return otherwise;
  if (const auto* value = std::get_if<std::int64_t>(found)) return *value;
  wrong_type(name, "an integer");
}

double Attributes::real(std::string_view name, double otherwise) const {
  const Attribute* found = find(name);
  if (!found) return otherwise;
  if (const auto* value = std::get_if<double>(found)) return *value;
  wrong_type(name, "a number");
}

std::string Attributes::text(std::string_view name, std::string otherwise) const {
  const Attribute* found = find(name);
  if (!found) return otherwise;
  if (const auto* value = std::get_if<std::string>(found)) return *value;
  wrong_type(name, "a string");
}

std::vector<std::int64_t> Attributes::integers(std::string_view name,
                                               std::vector<std::int64_t> otherwise) const {
  const Attribute* found = find(name);
  if (!found) return otherwise;
  if (const auto* value = std::get_if<std::vector<std::int64_t>>(found)) return *value;
  wrong_type(name, "a list of integers");
}

std::vector<double> Attributes::reals(std::string_view name, std::vector<double> otherwise) const {
  const Attribute* found = find(name);
  if (!found) return otherwise;
  if (const auto* value = std::get_if<std::vector<double>>(found)) return *value;
  wrong_type(name, "a list of numbers");
}

Tensor Attributes::tensor(std::string_view name) const {
  const Attribute* found = find(name);
  if (!found) return {};
  if (const auto* value = std::get_if<Tensor>(found)) return *value;
  wrong_type(name, "a tensor");
}

void Attributes::set(std::string name, Attribute value) {
  for (auto& [key, old] : items_) {
    if (key == name) {
      old = std::move(value);
      return;
    }
  }
  items_.emplace_back(std::move(name), std::move(value));
}

void Attributes::erase(std::string_view name) {
  std::erase_if(items_, [&](const auto& item) { return item.first == name; });
}

namespace {

/// Kahn's algorithm, first in file order; throws BadModel where nodes depend on each other.
std::vector<std::size_t> topological_order(const Draft& draft,
                                           const std::map<std::string, std::size_t>& producer) {
  const std::size_t count = draft.nodes.size();
  std::vector<std::vector<std::size_t>> after(count);
  std::vector<std::size_t> waiting(count, 0);
  for (std::size_t i = 0; i < count; ++i) {
    for (const auto& input : draft.nodes[i].inputs) {
      const auto found = producer.find(input);
      if (input.empty() || found == producer.end()) continue;
      after[found->second].push_back(i);
      ++waiting[i];
    }
  }
  std::priority_queue<std::size_t, std::vector<std::size_t>, std::greater<>> ready;
  for (std::size_t i = 0; i < count; ++i) {
    if (waiting[i] == 0) ready.push(i);
  }
  std::vector<std::size_t> order;
  while (!ready.empty()) {
    const std::size_t i = ready.top();
    ready.pop();
    order.push_back(i);
    for (std::size_t next : after[i]) {
      if (--waiting[next] == 0) ready.push(next);
    }
  }
  if (order.size() < count) {
    const auto stuck = static_cast<std::size_t>(
        std::find_if(waiting.begin(), waiting.end(), [](auto n) { return n > 0; }) -
        waiting.begin());
    fail(ErrorCode::BadModel, "the graph has a cycle through or before node \"",
         draft.nodes[stuck].name, "\" (", draft.nodes[stuck].op, ")");
  }
  return order;
}

void check_operators(const Draft& draft) {
  struct Missing {
    std::string first;
    int count = 0;
  };
  std::map<std::string, Missing> missing;
  for (const auto& node : draft.nodes) {
    if (node.domain.empty() && find_operator(node.op)) continue;
    auto& entry = missing[concat(node.domain.empty() ? "" : node.domain + ".", node.op, ", opset ",
                                 node.opset)];
    entry.first += (entry.count > 0 ? ", \"" : "\"") + node.name + "\"";
    ++entry.count;
  }
  if (missing.empty()) return;
  std::string text;
  for (const auto& [op, entry] : missing) {
    text += concat("\n  ", op, ": ", entry.count,
                   entry.count == 1 ? " node: " : " nodes: ", entry.first);
  }
  fail(ErrorCode::Unsupported, "unsupported operators:", text,
       "\nexport the model without them (`limn list operators` shows what limn can run)");
}

}  // namespace

Graph::Graph(const Draft& draft)
    : name_(draft.name), opset_(draft.opset), metadata_(draft.metadata) {
  check_operators(draft);
  std::map<std::string, std::size_t> producer;
  for (std::size_t i = 0; i < draft.nodes.size(); ++i) {
    for (const auto& output : draft.nodes[i].outputs) {
      if (output.empty()) continue;
      if (!producer.emplace(output, i).second || draft.constants.contains(output)) {
        fail(ErrorCode::BadModel, "value \"", output, "\" is produced more than once");
      }
    }
  }
  const auto add_value = [&](const std::string& name) {
    const auto [entry, added] =
        by_name_.try_emplace(name, ValueId{static_cast<int>(values_.size())});
    if (added)
      values_.push_back(
          {.name = name, .constant = {}, .producer = {}, .consumers = {}, .info = {}});
    return entry->second;
  };
  for (const auto& info : draft.inputs) {
    if (producer.contains(info.name) || by_name_.contains(info.name)) {
      fail(ErrorCode::BadModel, "input \"", info.name, "\" is produced more than once");
    }
    inputs_.push_back(add_value(info.name));
    values_.back().info = info;
  }
  for (std::size_t index : topological_order(draft, producer)) {
    const DraftNode& source = draft.nodes[index];
    Node node{.name = source.name,
              .op = source.op,
              .opset = source.opset,
              .attributes = source.attributes,
              .inputs = {},
              .outputs = {},
              .spec = find_operator(source.op)};
    const NodeId id{static_cast<int>(nodes_.size())};
    for (const auto& input : source.inputs) {
      if (input.empty()) {
        node.inputs.push_back({});
        continue;
      }
      const bool known = by_name_.contains(input);
      const auto constant = draft.constants.find(input);
      if (!known && constant == draft.constants.end()) {
        fail(ErrorCode::BadModel, "node \"", source.name, "\" (", source.op, "): input \"", input,
             "\" is neither an input, an initializer nor the output of a node");
      }
      const ValueId value = add_value(input);
      if (!known) values_.back().constant = constant->second;
      values_[static_cast<std::size_t>(value.index)].consumers.push_back(id);
      node.inputs.push_back(value);
    }
    for (const auto& output : source.outputs) {
      if (output.empty()) {
        node.outputs.push_back({});
        continue;
      }
      node.outputs.push_back(add_value(output));
      values_.back().producer = id;
    }
    in_context(
        [&] {
          return concat("node \"", source.name, "\" (", source.op, ", opset ", source.opset, ")");
        },
        [&] { check_node(node); });
    nodes_.push_back(std::move(node));
  }
  for (const auto& info : draft.outputs) {
    const auto constant = draft.constants.find(info.name);
    if (!by_name_.contains(info.name) && constant == draft.constants.end()) {
      fail(ErrorCode::BadModel, "output \"", info.name, "\" is produced by no node");
    }
    const bool known = by_name_.contains(info.name);
    const ValueId value = add_value(info.name);
    if (!known) values_.back().constant = constant->second;
    if (!values_[static_cast<std::size_t>(value.index)].info.has_shape) {
      values_[static_cast<std::size_t>(value.index)].info = info;
    }
    outputs_.push_back(value);
  }
  if (inputs_.empty()) fail(ErrorCode::BadModel, "the graph has no input");
  if (outputs_.empty()) fail(ErrorCode::BadModel, "the graph has no output");
}

ValueId Graph::find(std::string_view value_name) const {
  const auto found = by_name_.find(value_name);
  return found == by_name_.end() ? ValueId{} : found->second;
}

ValueId Graph::at(std::string_view value_name) const {
  if (const ValueId id = find(value_name)) return id;
  // A node's name stands for its first output.
  for (const auto& node : nodes_) {
    if (node.name == value_name && !node.outputs.empty()) return node.outputs.front();
  }
  std::vector<std::string> names;
  for (const auto& value : values_) {
    if (!value.constant.defined()) names.push_back(value.name);
  }
  fail(ErrorCode::NotFound, "no value \"", value_name,
       "\" in the graph; nearest: ", nearest_names(value_name, names),
       " (`limn inspect` lists all)");
}

Draft Graph::draft() const {
  Draft out;
  out.name = name_;
  out.opset = opset_;
  out.metadata = metadata_;
  const auto name_of = [&](ValueId id) { return id ? value(id).name : std::string(); };
  for (const auto& value : values_) {
    if (value.constant.defined()) out.constants.emplace(value.name, value.constant);
  }
  for (const auto& node : nodes_) {
    DraftNode copy{.name = node.name,
                   .op = node.op,
                   .domain = "",
                   .opset = node.opset,
                   .attributes = node.attributes,
                   .inputs = {},
                   .outputs = {}};
    for (ValueId id : node.inputs) copy.inputs.push_back(name_of(id));
    for (ValueId id : node.outputs) copy.outputs.push_back(name_of(id));
    out.nodes.push_back(std::move(copy));
  }
  for (ValueId id : inputs_) out.inputs.push_back(value(id).info);
  for (ValueId id : outputs_) {
    ValueInfo info = value(id).info;
    info.name = value(id).name;
    out.outputs.push_back(std::move(info));
  }
  return out;
}

}  // namespace limn
