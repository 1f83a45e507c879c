// See shap_coalitions.h.
#include "methods/shap_coalitions.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <bit>
#include <numeric>

#include "base/counter_random.h"

namespace limn {
namespace {

constexpr double kMostListed = 256;
/// Beyond, the list of all is longer than any run.
constexpr std::int64_t kMostComplete = 24;

bool all_fit(std::int64_t segments, std::int64_t n) {
  return segments <= kMostComplete && (std::int64_t{1} << segments) <= n;
}

}  // namespace

std::int64_t ShapCoalitions::least(std::int64_t segments) {
  return all_fit(segments, 4 * segments) ? std::int64_t{1} << segments : 4 * segments;
}

ShapCoalitions::ShapCoalitions(std::int64_t segments, std::int64_t n, std::uint64_t seed)
    : segments_(segments), pairs_(n / 2), seed_(seed), complete_(all_fit(segments, n)) {
  const std::int64_t largest = segments / 2;
  if (complete_) pairs_ = (std::int64_t{1} << (segments - 1)) - 1;
  double sum = 0;
  for (std::int64_t size = 1; size <= largest; ++size) sum += mass(size);
  total_ = sum;
  const auto asked = static_cast<double>(pairs_);
  while (rest_from_ <= largest) {
    const double count = pairs_of(rest_from_);
    const bool fits = static_cast<double>(listed()) + count <= kMostListed;
    if (rest_from_ > 1 && !(fits && (complete_ || asked * mass(rest_from_) >= count))) break;
    list(rest_from_++);
  }
  rest_mass_ = 0;
  for (std::int64_t size = rest_from_; size <= largest; ++size) rest_mass_ += mass(size);
  if (rest_from_ > largest) {
    pairs_ = listed();
    complete_ = true;
  }
  if (!complete_ || rest_mass_ == 0) return;
  for (std::uint32_t code = 1; code < (1U << (segments - 1)); ++code) {
    const auto size = std::popcount(code);
    if (std::min<std::int64_t>(size, segments - size) >= rest_from_) codes_.push_back(code);
  }
  const auto place = [&](std::uint32_t code) { return draw(mix(seed_), code); };
  std::sort(codes_.begin(), codes_.end(),
            [&](std::uint32_t a, std::uint32_t b) { return place(a) < place(b); });
}

/// Pairs of a set of `size` segments and its complement.
double ShapCoalitions::pairs_of(std::int64_t size) const {
  double sets = 1;
  for (std::int64_t i = 0; i < size; ++i) {
    sets = sets * static_cast<double>(segments_ - i) / static_cast<double>(i + 1);
  }
  return 2 * size == segments_ ? sets / 2 : sets;
}

/// The kernel of all pairs of a size; the same for both of a pair.
double ShapCoalitions::mass(std::int64_t size) const {
  const double sets = 2 * size == segments_ ? 1 : 2;
  return sets / (static_cast<double>(size) * static_cast<double>(segments_ - size)) / total_;
}

/// All sets of `size` segments in lexical order; of two complements of equal size the one with
/// segment 0.
void ShapCoalitions::list(std::int64_t size) {
  std::vector<std::int64_t> members(static_cast<std::size_t>(size));
  std::iota(members.begin(), members.end(), 0);
  while (true) {
    if (2 * size == segments_ && members.front() != 0) return;
    listed_.push_back(members);
    std::int64_t i = size - 1;
    while (i >= 0 && members[static_cast<std::size_t>(i)] == segments_ - size + i) --i;
    if (i < 0) return;
    const std::int64_t next = members[static_cast<std::size_t>(i)] + 1;
    std::iota(members.begin() + i, members.end(), next);
  }
}

/// A size of the rest by its share of the kernel.
std::int64_t ShapCoalitions::drawn_size(std::uint64_t key) const {
  const double u = unit(draw(key, 0)) * rest_mass_;
  double sum = 0;
  for (std::int64_t size = rest_from_; size < segments_ / 2; ++size) {
    sum += mass(size);
    if (u < sum) return size;
  }
  return segments_ / 2;
}

Tensor ShapCoalitions::shown(std::int64_t first, std::int64_t count) const {
  Tensor out = at::zeros({count, segments_}, at::kDouble);
  auto row = out.accessor<double, 2>();
  std::vector<std::int64_t> order(static_cast<std::size_t>(segments_));
  for (std::int64_t i = 0; i < count; ++i) {
    const std::int64_t pair = first + i;
    if (pair < listed()) {
      for (const auto member : listed_[static_cast<std::size_t>(pair)]) row[i][member] = 1;
      continue;
    }
    if (complete_) {
      const std::uint32_t code = codes_[static_cast<std::size_t>(pair - listed())];
      for (std::int64_t bit = 0; bit < segments_; ++bit) row[i][bit] = (code >> bit) & 1U;
      continue;
    }
    const std::uint64_t key = mix(mix(seed_) ^ static_cast<std::uint64_t>(pair));
    std::iota(order.begin(), order.end(), 0);
    const std::int64_t size = drawn_size(key);
    for (std::int64_t j = 0; j < size; ++j) {
      const double u = unit(draw(key, static_cast<std::uint64_t>(j + 1)));
      const auto other = j + static_cast<std::int64_t>(u * static_cast<double>(segments_ - j));
      std::swap(order[static_cast<std::size_t>(j)], order[static_cast<std::size_t>(other)]);
      row[i][order[static_cast<std::size_t>(j)]] = 1;
    }
  }
  return out;
}

Tensor ShapCoalitions::weights(std::int64_t first, std::int64_t count) const {
  Tensor out = at::ones({count}, at::kDouble);
  auto weight = out.accessor<double, 1>();
  for (std::int64_t i = 0; i < count; ++i) {
    const std::int64_t pair = first + i;
    if (pair < listed()) {
      const auto& members = listed_[static_cast<std::size_t>(pair)];
      const auto size = static_cast<std::int64_t>(members.size());
      weight[i] = mass(size) / pairs_of(size);
    } else if (complete_) {
      const std::int64_t ones = std::popcount(codes_[static_cast<std::size_t>(pair - listed())]);
      const std::int64_t size = std::min(ones, segments_ - ones);
      weight[i] = mass(size) / pairs_of(size);
    }
  }
  return out;
}

}  // namespace limn
