// Sets of pixels as words of bits, picture by picture. Counting is what the formula search does all
// the time: one popcount instruction a word where the processor has it.
#include <ATen/ATen.h>

#include <algorithm>
#include <bit>

#include "limn/concepts.h"
#include "limn/error.h"

namespace limn {
namespace {

constexpr std::size_t kWordBits = 64;

[[gnu::always_inline]] inline std::int64_t common_bits(const std::uint64_t* a,
                                                       const std::uint64_t* b, std::size_t count) {
  std::int64_t sum = 0;
  for (std::size_t i = 0; i < count; ++i) sum += std::popcount(a[i] & b[i]);
  return sum;
}

std::int64_t count_portable(const std::uint64_t* a, const std::uint64_t* b, std::size_t count) {
  return common_bits(a, b, count);
}

#ifdef __x86_64__
// Without the instruction std::popcount is a table look-up, many times slower.
[[gnu::target("popcnt")]] std::int64_t count_native(const std::uint64_t* a, const std::uint64_t* b,
                                                    std::size_t count) {
  std::int64_t sum = 0;
  for (std::size_t i = 0; i < count; ++i) sum += __builtin_popcountll(a[i] & b[i]);
  return sum;
}
#endif

std::int64_t count_words(const std::uint64_t* a, const std::uint64_t* b, std::size_t count) {
#ifdef __x86_64__
  static const auto chosen = __builtin_cpu_supports("popcnt") ? count_native : count_portable;
#else
  static const auto chosen = count_portable;
#endif
  return chosen(a, b, count);
}

void check_sizes(const PixelSet& a, const PixelSet& b) {
  if (a.pixels() == b.pixels()) return;
  fail(ErrorCode::InvalidArgument, "sets over pictures of ", a.pixels(), " and ", b.pixels(),
       " pixels cannot be joined");
}

}  // namespace

PixelSet::PixelSet(std::int64_t pixels) : pixels_(pixels) {
  if (pixels < 1) fail(ErrorCode::InvalidArgument, "a picture of ", pixels, " pixels");
  words_ = (static_cast<std::size_t>(pixels) + kWordBits - 1) / kWordBits;
}

template <typename Word>
void PixelSet::append(std::int64_t picture, Word&& word) {
  const std::size_t start = bits_.size();
  bits_.resize(start + words_);
  std::uint64_t any = 0;
  for (std::size_t i = 0; i < words_; ++i) any |= bits_[start + i] = word(i);
  if (any == 0) {
    bits_.resize(start);
    return;
  }
  pictures_.push_back(picture);
  count_ += count_words(bits_.data() + start, bits_.data() + start, words_);
}

void PixelSet::add(std::int64_t picture, const Tensor& mask) {
  if (mask.numel() != pixels_ || mask.scalar_type() != at::kBool) {
    fail(ErrorCode::InvalidArgument, "a mask of ", mask.numel(), " values (", mask.scalar_type(),
         "); the set takes ", pixels_, " (Bool)");
  }
  if (picture < 0 || (!pictures_.empty() && picture <= pictures_.back())) {
    fail(ErrorCode::InvalidArgument, "picture ", picture, " comes out of order");
  }
  const Tensor whole = mask.to(at::kCPU).contiguous();
  const auto* value = whole.data_ptr<bool>();
  const auto pixels = static_cast<std::size_t>(pixels_);
  append(picture, [&](std::size_t i) {
    const std::size_t first = i * kWordBits, last = std::min(first + kWordBits, pixels);
    std::uint64_t word = 0;
    for (std::size_t k = first; k < last; ++k) {
      word |= static_cast<std::uint64_t>(value[k]) << (k - first);
    }
    return word;
  });
}

Tensor PixelSet::mask(std::int64_t picture) const {
  Tensor out = at::zeros({pixels_}, at::kBool);
  const auto at = std::lower_bound(pictures_.begin(), pictures_.end(), picture);
  if (at == pictures_.end() || *at != picture) return out;
  const std::uint64_t* bits = words(static_cast<std::size_t>(at - pictures_.begin()));
  auto* value = out.data_ptr<bool>();
  for (std::size_t i = 0; i < static_cast<std::size_t>(pixels_); ++i) {
    value[i] = (bits[i / kWordBits] >> (i % kWordBits) & 1) != 0;
  }
  return out;
}

template <typename Take>
void PixelSet::merge(const PixelSet& a, const PixelSet& b, Take&& take) {
  check_sizes(a, b);
  std::size_t i = 0, j = 0;
  while (i < a.pictures_.size() || j < b.pictures_.size()) {
    const bool from_a =
        j == b.pictures_.size() || (i < a.pictures_.size() && a.pictures_[i] <= b.pictures_[j]);
    const std::int64_t picture = from_a ? a.pictures_[i] : b.pictures_[j];
    const bool from_b = j < b.pictures_.size() && b.pictures_[j] == picture;
    take(picture, from_a ? a.words(i) : nullptr, from_b ? b.words(j) : nullptr);
    i += from_a ? 1 : 0;
    j += from_b ? 1 : 0;
  }
}

PixelSet PixelSet::complement(std::int64_t pictures) const {
  PixelSet out(pixels_);
  const std::size_t rest = static_cast<std::size_t>(pixels_) % kWordBits;
  const std::uint64_t last = rest == 0 ? ~std::uint64_t{0} : (std::uint64_t{1} << rest) - 1;
  std::size_t place = 0;
  for (std::int64_t picture = 0; picture < pictures; ++picture) {
    const bool here = place < pictures_.size() && pictures_[place] == picture;
    const std::uint64_t* bits = here ? words(place++) : nullptr;
    out.append(picture, [&](std::size_t i) {
      const std::uint64_t full = i + 1 == words_ ? last : ~std::uint64_t{0};
      return bits ? ~bits[i] & full : full;
    });
  }
  return out;
}

PixelSet operator&(const PixelSet& a, const PixelSet& b) {
  PixelSet out(a.pixels_);
  PixelSet::merge(a, b, [&](std::int64_t picture, const std::uint64_t* x, const std::uint64_t* y) {
    if (x && y) out.append(picture, [&](std::size_t i) { return x[i] & y[i]; });
  });
  return out;
}

PixelSet operator|(const PixelSet& a, const PixelSet& b) {
  PixelSet out(a.pixels_);
  PixelSet::merge(a, b, [&](std::int64_t picture, const std::uint64_t* x, const std::uint64_t* y) {
    out.append(picture, [&](std::size_t i) { return (x ? x[i] : 0) | (y ? y[i] : 0); });
  });
  return out;
}

PixelSet operator-(const PixelSet& a, const PixelSet& b) {
  PixelSet out(a.pixels_);
  PixelSet::merge(a, b, [&](std::int64_t picture, const std::uint64_t* x, const std::uint64_t* y) {
    if (x) out.append(picture, [&](std::size_t i) { return x[i] & ~(y ? y[i] : 0); });
  });
  return out;
}

std::int64_t count_common(const PixelSet& a, const PixelSet& b) {
  check_sizes(a, b);
  std::int64_t sum = 0;
  std::size_t i = 0, j = 0;
  while (i < a.pictures_.size() && j < b.pictures_.size()) {
    if (a.pictures_[i] < b.pictures_[j]) {
      ++i;
    } else if (b.pictures_[j] < a.pictures_[i]) {
      ++j;
    } else {
      sum += count_words(a.words(i++), b.words(j++), a.words_);
    }
  }
  return sum;
}

}  // namespace limn
