// See weight_cache.h.
#include "model/weight_cache.h"

namespace limn {

Tensor WeightCache::get(NodeId node, std::string_view what, const std::function<Tensor()>& make) {
  const std::pair<int, std::string> key{node.index, what};
  {
    const std::scoped_lock lock(mutex_);
    if (const auto found = kept_.find(key); found != kept_.end()) return found->second;
  }
  const Tensor made = make();
  const std::scoped_lock lock(mutex_);
  // A view of another tensor's memory (a transposed matrix) costs nothing.
  const bool own = made.defined() && made.storage().use_count() == 1;
  const std::size_t size = own ? made.nbytes() : 0;
  if (bytes_ + size <= budget_ && kept_.emplace(key, made).second) bytes_ += size;
  return made;
}

std::size_t WeightCache::bytes() const {
  const std::scoped_lock lock(mutex_);
  return bytes_;
}

}  // namespace limn
