// Identity and Dropout (in inference) hand their input on: users read the input directly. A graph
// output keeps its name: then the node before takes that name.
#include <ATen/ATen.h>

#include "import/pattern.h"
#include "limn/error.h"

namespace limn {
namespace {

bool hands_on(const Pattern& pattern, const DraftNode& node,
              const std::map<std::string, int>& uses) {
  if (!node.domain.empty() || node.inputs.empty() || node.outputs.empty()) return false;
  if (node.inputs[0].empty() || node.outputs[0].empty()) return false;
  if (node.op == "Identity") return true;
  if (node.op != "Dropout") return false;
  for (std::size_t i = 1; i < node.outputs.size(); ++i) {
    if (uses.contains(node.outputs[i])) return false;  // the mask is wanted
  }
  if (input_of(node, 2).empty()) return true;
  return pattern.scalar(node.inputs[2]).value_or(1) == 0;
}

class Aliases {
 public:
  void add(const std::string& name, const std::string& source) { source_.emplace(name, source); }
  const std::string& resolve(const std::string& name) {
    std::vector<std::string> passed;
    const std::string* at = &name;
    for (auto found = source_.find(*at); found != source_.end(); found = source_.find(*at)) {
      if (passed.size() > source_.size()) {
        fail(ErrorCode::BadModel, "the graph has a cycle through value \"", name, "\"");
      }
      passed.push_back(found->first);
      at = &found->second;
    }
    // Shortened for whoever asks next, so that long chains stay cheap. `at` may point into an
    // entry that is about to change.
    const std::string end = *at;
    for (const auto& step : passed) source_[step] = end;
    return passed.empty() ? name : source_[passed.front()];
  }

 private:
  std::map<std::string, std::string> source_;
};

}  // namespace

void remove_identities(Draft& draft) {
  Pattern pattern(draft);
  std::map<std::string, int> uses;
  for (const auto& node : draft.nodes) {
    for (const auto& input : node.inputs) ++uses[input];
  }
  for (const auto& info : draft.outputs) ++uses[info.name];
  Aliases aliases;
  std::vector<bool> removed(draft.nodes.size(), false);
  for (std::size_t i = 0; i < draft.nodes.size(); ++i) {
    const DraftNode& node = draft.nodes[i];
    if (!hands_on(pattern, node, uses) || pattern.is_output(node.outputs[0])) continue;
    if (pattern.producer(node.outputs[0]) != &node) continue;  // made twice: Graph reports it
    if (pattern.is_constant(node.outputs[0]) || pattern.is_input(node.outputs[0])) continue;
    aliases.add(node.outputs[0], node.inputs[0]);
    removed[i] = true;
  }
  for (auto& node : draft.nodes) {
    for (auto& input : node.inputs) {
      if (!input.empty()) input = aliases.resolve(input);
    }
  }
  // What is left ends in a graph output.
  std::map<std::string, std::string> renamed;
  for (std::size_t i = 0; i < draft.nodes.size(); ++i) {
    const DraftNode& node = draft.nodes[i];
    if (removed[i] || !hands_on(pattern, node, uses)) continue;
    const std::string& from = node.inputs[0];
    const std::string& to = node.outputs[0];
    if (pattern.is_constant(from) && !pattern.is_constant(to) && !pattern.is_input(to)) {
      draft.constants.emplace(to, pattern.constant(from));
      removed[i] = true;
    } else if (DraftNode* before = pattern.producer(from);
               before && before != &node && !pattern.is_output(from) && !renamed.contains(from)) {
      renamed.emplace(from, to);
      removed[i] = true;
    }
  }
  std::vector<DraftNode> nodes;
  for (std::size_t i = 0; i < draft.nodes.size(); ++i) {
    if (removed[i]) continue;
    DraftNode& node = draft.nodes[i];
    for (auto* names : {&node.inputs, &node.outputs}) {
      for (auto& name : *names) {
        if (const auto found = renamed.find(name); found != renamed.end()) name = found->second;
      }
    }
    nodes.push_back(std::move(node));
  }
  draft.nodes = std::move(nodes);
}

}  // namespace limn
