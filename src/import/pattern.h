// Questions that passes ask of a draft: who makes a value, who uses it, is it a constant.
#pragma once
#include <cstddef>
#include <initializer_list>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "limn/graph.h"

namespace limn {

/// An index of a draft's edges. It stays right while a node's output keeps its producer; a pass
/// that moves edges tells it so.
class Pattern {
 public:
  explicit Pattern(Draft& draft);

  Draft& draft() const { return draft_; }
  /// The node that makes this value, or null (inputs, constants).
  DraftNode* producer(const std::string& value) const;
  /// The producer if it is one of these standard operators.
  DraftNode* producer(const std::string& value, std::initializer_list<std::string_view> ops) const;
  /// The one node that uses this value, once; null where others do too or the graph returns it.
  DraftNode* only_consumer(const std::string& value) const;
  bool is_output(const std::string& value) const { return outputs_.contains(value); }
  bool is_input(const std::string& value) const { return inputs_.contains(value); }
  bool is_constant(const std::string& value) const;

  /// Undefined where the value is no constant.
  Tensor constant(const std::string& value) const;
  /// The number that a floating-point or integer constant of one element holds.
  std::optional<double> scalar(const std::string& value) const;
  /// The integers of an attribute, or of the constant at `input`; none where neither is there.
  std::optional<std::vector<std::int64_t>> integers(const DraftNode& node,
                                                    std::string_view attribute,
                                                    std::size_t input) const;
  /// Rank that the file declares for a value, or none.
  std::optional<std::int64_t> rank(const std::string& value) const;

  /// A value or node name that is still free, made from `wanted`.
  std::string fresh_name(std::string wanted);
  std::string add_constant(const std::string& wanted, Tensor value);

  /// `node` now makes `value`.
  void set_producer(const std::string& value, const DraftNode* node);
  /// `now` uses `value` where `before` did.
  void replace_consumer(const std::string& value, const DraftNode* before, const DraftNode* now);

 private:
  std::size_t index_of(const DraftNode* node) const {
    return static_cast<std::size_t>(node - draft_.nodes.data());
  }
  Draft& draft_;
  std::map<std::string, std::size_t> producer_;
  std::map<std::string, std::vector<std::size_t>> consumers_;
  std::map<std::string, std::int64_t> rank_;
  std::set<std::string> outputs_, inputs_, names_;
};

/// Input i of a node, "" where it is absent.
inline const std::string& input_of(const DraftNode& node, std::size_t i) {
  static const std::string kNone;
  return i < node.inputs.size() ? node.inputs[i] : kNone;
}

/// Whether a and b differ by less than what rounding constants to float16 leaves.
bool about(double a, double b);

/// Drops nodes and constants that no output needs. A value made twice keeps both makers, so that
/// Graph still reports it.
void remove_dead(Draft& draft);

// The parts of `fuse`, each on its own.
void remove_identities(Draft& draft);
void fuse_layer_norm(Draft& draft);
void fuse_gated(Draft& draft);  ///< Gelu, SiLU, HardSwish
void fuse_pad_pool(Draft& draft);
void fuse_pad_conv(Draft& draft);  ///< only where batch norm is folded, too

}  // namespace limn
