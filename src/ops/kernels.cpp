// See kernels.h. Packs through libtorch's own mkldnn_prepacked operators where this libtorch has
// them (built with oneDNN); elsewhere convolutions are at::convolution.
#include "ops/kernels.h"

#include <ATen/Parallel.h>
#include <ATen/core/dispatch/Dispatcher.h>

#include <map>
#include <mutex>
#include <optional>
#include <tuple>

namespace limn {
namespace {

thread_local int plain_kernels = 0;

/// Bytes of packed weights kept at most; beyond them convolutions take libtorch's own way.
constexpr std::size_t kBudget = std::size_t{1} << 30;

struct PackedOps {
  c10::optional<c10::OperatorHandle> prepack, run;
};

const PackedOps& packed_ops() {
  static const PackedOps ops{
      c10::Dispatcher::singleton().findSchema({"mkldnn_prepacked::conv2d_prepack", ""}),
      c10::Dispatcher::singleton().findSchema({"mkldnn_prepacked::conv2d_run", ""})};
  return ops;
}

/// Where at::convolution, too, takes oneDNN's kernels, so that packing changes no number.
bool can_pack(const Tensor& x, const Tensor& w) {
  return x.dim() == 4 && w.dim() == 4 && x.device().is_cpu() && x.scalar_type() == at::kFloat &&
         w.scalar_type() == at::kFloat && x.numel() > 20480 && at::get_num_threads() > 1 &&
         w.layout() == at::kStrided && plain_kernels == 0 && packed_ops().prepack &&
         packed_ops().run;
}

/// Whether a tensor's memory still lives.
class Life {
 public:
  explicit Life(const Tensor& t) {
    if (t.defined()) storage_ = t.storage().getWeakStorageImpl();
  }
  bool over() const { return storage_ && storage_->expired(); }

 private:
  std::optional<c10::weak_intrusive_ptr<c10::StorageImpl>> storage_;
};

/// What tells one convolution from another: memory and geometry.
using Key = std::tuple<const void*, const void*, Sizes>;

Key key_of(const Tensor& x, const Tensor& w, const Tensor& b, const Sizes& stride,
           const Sizes& padding, const Sizes& dilation, std::int64_t groups) {
  Sizes numbers{groups, x.suggest_memory_format() == at::MemoryFormat::ChannelsLast};
  for (at::IntArrayRef more : {x.sizes(), w.sizes(), w.strides(), at::IntArrayRef(stride),
                               at::IntArrayRef(padding), at::IntArrayRef(dilation)}) {
    numbers.insert(numbers.end(), more.begin(), more.end());
  }
  return {w.data_ptr(), b.defined() ? b.data_ptr() : nullptr, std::move(numbers)};
}

class PackedWeights {
 public:
  /// The packed weight of a convolution seen before; none on its first call.
  template <typename Pack>
  c10::IValue get(const Key& key, const Tensor& w, const Tensor& b, const Pack& pack) {
    const std::scoped_lock lock(mutex_);
    const auto found = kept_.find(key);
    if (found == kept_.end()) {
      remove_expired();
      kept_.emplace(key, Entry{Life(w), Life(b), {}, w.nbytes()});
      return {};
    }
    Entry& entry = found->second;
    if (entry.expired()) {
      remove(found);
      return {};
    }
    if (entry.packed.isNone() && bytes_ + entry.bytes <= kBudget) {
      entry.packed = pack();
      bytes_ += entry.bytes;
    }
    return entry.packed;
  }

 private:
  struct Entry {
    Life weight, bias;
    c10::IValue packed;
    std::size_t bytes;
    bool expired() const { return weight.over() || bias.over(); }
  };
  using Entries = std::map<Key, Entry>;

  Entries::iterator remove(Entries::iterator entry) {
    if (!entry->second.packed.isNone()) bytes_ -= entry->second.bytes;
    return kept_.erase(entry);
  }

  void remove_expired() {
    for (auto entry = kept_.begin(); entry != kept_.end();) {
      entry = entry->second.expired() ? remove(entry) : std::next(entry);
    }
  }

  std::mutex mutex_;
  Entries kept_;
  std::size_t bytes_ = 0;
};

PackedWeights& packed_weights() {
  static PackedWeights weights;
  return weights;
}

}  // namespace

Tensor convolve(const Tensor& x, const Tensor& w, const Tensor& b, const Sizes& stride,
                const Sizes& padding, const Sizes& dilation, std::int64_t groups) {
  const auto plain = [&] {
    return at::convolution(x, w, b, stride, padding, dilation, false, Sizes(stride.size(), 0),
                           groups);
  };
  if (!can_pack(x, w)) return plain();
  const auto pack = [&] {
    // A 1x1 weight looks contiguous in both layouts; its strides must name the input's.
    Tensor laid_out = at::empty(w.sizes(), w.options(), x.suggest_memory_format());
    laid_out.copy_(w);
    const auto bias = b.defined() ? c10::IValue(b) : c10::IValue();
    torch::jit::Stack stack{laid_out, bias,   stride,          padding,
                            dilation, groups, x.sizes().vec(), std::string("none")};
    packed_ops().prepack->callBoxed(stack);
    return stack.front();
  };
  const c10::IValue packed =
      packed_weights().get(key_of(x, w, b, stride, padding, dilation, groups), w, b, pack);
  if (packed.isNone()) return plain();
  torch::jit::Stack stack{x, packed};
  packed_ops().run->callBoxed(stack);
  return stack.front().toTensor();
}

Tensor matrix_product(const Tensor& a, const Tensor& b) {
  const bool row = a.size(0) == 1 && a.is_floating_point() && a.device().is_cpu();
  return row && plain_kernels == 0 ? at::mv(b.t(), a[0]).unsqueeze(0) : at::mm(a, b);
}

PlainKernels::PlainKernels() { ++plain_kernels; }
PlainKernels::~PlainKernels() { --plain_kernels; }

}  // namespace limn
