// Transformed weights (w+, w-, w^2 ...), made once per node within a memory budget.
#pragma once
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>

#include "limn/graph.h"
#include "limn/tensor.h"

namespace limn {

/// Thread-safe. Where the budget is used up, a tensor is made anew each time: slower, never wrong.
class WeightCache {
 public:
  /// Bytes kept at most: enough for w+ and w- of every convolution of common networks, not for
  /// large fully connected layers.
  explicit WeightCache(std::size_t budget = std::size_t{1} << 30) : budget_(budget) {}
  WeightCache(const WeightCache&) = delete;
  WeightCache& operator=(const WeightCache&) = delete;

  /// The tensor called `what` of a node, made by `make` if it is not there. What `make` says does
  /// not exist (undefined) is kept, too.
  Tensor get(NodeId node, std::string_view what, const std::function<Tensor()>& make);
  std::size_t bytes() const;

 private:
  const std::size_t budget_;
  mutable std::mutex mutex_;
  std::map<std::pair<int, std::string>, Tensor> kept_;
  std::size_t bytes_ = 0;
};

}  // namespace limn
