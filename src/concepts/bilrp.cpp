// BiLRP: similarity explained by pairs of places, R[i, j] = sum_k pool(R1_k)[i] pool(R2_k)[j] with
// R_k the LRP relevance of component k of the embedding. The components of an input go down in
// bundles; the joint relevance is made and looked at row by row. Source: see limn/bilrp.h.
#include "limn/bilrp.h"

#include <ATen/ATen.h>

#include <chrono>
#include <numeric>

#include "concepts/similarity.h"
#include "limn/error.h"

namespace limn {
namespace {

/// Elements of the joint relevance that are made at once.
constexpr std::int64_t kBlock = std::int64_t{4} << 20;
constexpr double kMostJointBytes = 2.0 * (1 << 30);

/// The components that have a part in the similarity: all projections; of unprojected ones those
/// that are not zero throughout in either input.
std::vector<std::int64_t> shared_components(const PairOptions& options, const SimilarityInput& a,
                                            const SimilarityInput& b) {
  std::vector<std::int64_t> all(static_cast<std::size_t>(a.components().numel()));
  std::iota(all.begin(), all.end(), 0);
  if (options.projections > 0) return all;
  const Tensor both = a.present().logical_and(b.present()).cpu();
  const bool* shared = both.data_ptr<bool>();
  std::erase_if(all, [&](std::int64_t k) { return !shared[k]; });
  return all;
}

/// The strongest of them by |e_k(x1) e_k(x2)|, in their own order.
std::vector<std::int64_t> strongest_components(const PairOptions& options,
                                               std::vector<std::int64_t> all,
                                               const SimilarityInput& a, const SimilarityInput& b) {
  const auto most = static_cast<std::size_t>(options.components);
  if (options.projections > 0 || most == 0 || all.size() <= most) return all;
  const Tensor products = (a.components() * b.components()).abs().contiguous();
  const auto* product = products.data_ptr<double>();
  std::stable_sort(all.begin(), all.end(),
                   [&](std::int64_t i, std::int64_t j) { return product[i] > product[j]; });
  all.resize(most);
  std::sort(all.begin(), all.end());
  return all;
}

/// sum of e_k(x1) e_k(x2) over these components.
double part_of(const std::vector<std::int64_t>& some, const SimilarityInput& a,
               const SimilarityInput& b) {
  const Tensor index = at::tensor(some, at::kLong);
  return (a.components() * b.components()).index_select(0, index).sum().item<double>();
}

/// Weights [count, D] of components all[first ...].
Tensor weight_rows(const PairOptions& options, const std::vector<std::int64_t>& all,
                   std::int64_t dimension, std::int64_t first, std::int64_t count) {
  if (options.projections > 0) {
    return projection_rows(options.seed, first, count, options.projections, dimension);
  }
  Tensor rows = at::zeros({count, dimension}, at::kDouble);
  for (std::int64_t i = 0; i < count; ++i) {
    rows[i][all[static_cast<std::size_t>(first + i)]] = 1;
  }
  return rows;
}

/// The strongest entries of a joint relevance that is shown block by block.
class Strongest {
 public:
  explicit Strongest(std::int64_t count) : count_(count) {}

  /// `block` [rows, P2] is rows first ... of the joint relevance.
  void see(const Tensor& block, std::int64_t first) {
    const Tensor flat = block.flatten();
    const Tensor places = std::get<1>(flat.abs().topk(std::min(count_, flat.numel())));
    values_.push_back(flat.index_select(0, places).cpu().to(at::kDouble));
    places_.push_back(places.cpu() + first * block.size(1));
    if (values_.size() > 1) keep(std::min(count_, at::cat(values_).numel()));
  }

  /// [n, 5]: strongest first, then in the order of places; pairs of relevance 0 are left out.
  Tensor links(const std::vector<std::int64_t>& grid1, const std::vector<std::int64_t>& grid2) {
    const Tensor values = at::cat(values_).contiguous(), places = at::cat(places_).contiguous();
    const auto* value = values.data_ptr<double>();
    const auto* place = places.data_ptr<std::int64_t>();
    std::vector<std::int64_t> order;
    for (std::int64_t i = 0; i < values.numel(); ++i) {
      if (value[i] != 0) order.push_back(i);
    }
    std::sort(order.begin(), order.end(), [&](std::int64_t i, std::int64_t j) {
      const double a = std::abs(value[i]), b = std::abs(value[j]);
      return a != b ? a > b : place[i] < place[j];
    });
    Tensor out = at::empty({static_cast<std::int64_t>(order.size()), 5}, at::kDouble);
    auto* row = out.data_ptr<double>();
    const std::int64_t others = grid2[0] * grid2[1];
    for (const std::int64_t i : order) {
      const std::int64_t one = place[i] / others, other = place[i] % others;
      for (const std::int64_t at :
           {one / grid1[1], one % grid1[1], other / grid2[1], other % grid2[1]}) {
        *row++ = static_cast<double>(at);
      }
      *row++ = value[i];
    }
    return out;
  }

 private:
  void keep(std::int64_t most) {
    const Tensor values = at::cat(values_), places = at::cat(places_);
    const Tensor best = std::get<1>(values.abs().topk(most));
    values_ = {values.index_select(0, best)};
    places_ = {places.index_select(0, best)};
  }

  std::int64_t count_;
  Tensors values_, places_;
};

/// Fills in everything that comes of the joint relevance of maps [K, P1] and [K, P2].
void join(const Tensor& first, const Tensor& second, const PairOptions& options,
          const std::vector<std::int64_t>& grid1, const std::vector<std::int64_t>& grid2,
          PairExplanation& out) {
  const std::int64_t rows = first.size(1), columns = second.size(1);
  const auto entries = static_cast<double>(rows) * static_cast<double>(columns);
  Strongest strongest(options.links);
  Tensors blocks;
  double fourth = 0;
  const std::int64_t at_once = std::max<std::int64_t>(1, kBlock / columns);
  for (std::int64_t row = 0; row < rows; row += at_once) {
    const Tensor block = first.narrow(1, row, std::min(at_once, rows - row)).t().matmul(second);
    strongest.see(block, row);
    out.positive += block.clamp_min(0).sum(at::kDouble).item<double>();
    out.negative += block.clamp_max(0).sum(at::kDouble).item<double>();
    fourth += block.to(at::kDouble).pow(4).sum().item<double>();
    if (options.full) blocks.push_back(block.cpu());
  }
  out.scale = std::pow(fourth / entries, 0.25);
  out.links = strongest.links(grid1, grid2);
  if (options.full) {
    out.joint = at::cat(blocks).reshape({grid1[0], grid1[1], grid2[0], grid2[1]});
  }
  const Tensor a = first.to(at::kDouble), b = second.to(at::kDouble);
  out.marginals[0] = b.sum(1).matmul(a).reshape(grid1).cpu();
  out.marginals[1] = a.sum(1).matmul(b).reshape(grid2).cpu();
  out.sum = a.sum(1).dot(b.sum(1)).item<double>();
}

void note_fallbacks(std::vector<std::string>& notes, const std::vector<std::string>& fallbacks) {
  if (fallbacks.empty()) return;
  notes.push_back(concat(fallbacks.size(), " nodes without a rule used the gradient, first \"",
                         fallbacks.front(), "\""));
}

/// Before anything is walked down.
void refuse_large_joint(const PairOptions& options, const std::vector<std::int64_t>& grid1,
                        const std::vector<std::int64_t>& grid2) {
  const std::int64_t first = grid1[0] * grid1[1], second = grid2[0] * grid2[1];
  const double bytes = 8.0 * static_cast<double>(first) * static_cast<double>(second);
  if (!options.full || bytes <= kMostJointBytes) return;
  fail(ErrorCode::InvalidArgument, "the full joint relevance of ", first, " x ", second,
       " places takes more than 2 GiB; take larger cells than ", options.cell, " pixels (--pool)");
}

[[noreturn]] void refuse_lengths(const SimilarityModel& similarity, std::int64_t first,
                                 std::int64_t second) {
  fail(ErrorCode::InvalidArgument, "the embeddings at layer \"", similarity.layer, "\" have ",
       first, " and ", second,
       " components and cannot be compared; bring both inputs to one size (--size), or take the "
       "means over places (--embedding mean)");
}

}  // namespace

PairExplanation explain_pair(const Model& model, const Tensor& x1, const Tensor& x2,
                             const PairOptions& options) {
  const auto start = std::chrono::steady_clock::now();
  const SimilarityModel similarity(model, options);
  SimilarityInput inputs[] = {{similarity, x1, "the first input"},
                              {similarity, x2, "the second input"}};
  SimilarityInput &a = inputs[0], &b = inputs[1];
  if (a.dimension() != b.dimension()) refuse_lengths(similarity, a.dimension(), b.dimension());
  refuse_large_joint(options, a.grid(), b.grid());
  PairExplanation out;
  out.layer = similarity.layer;
  out.composite = similarity.composite;
  out.embedding = a.embedding().kind();
  out.notes = similarity.notes;
  const double factor = similarity_factor(options, a.components(), b.components());
  out.similarity = factor * a.components().dot(b.components()).item<double>();
  const auto shared = shared_components(options, a, b);
  const auto walked_down = strongest_components(options, shared, a, b);
  out.shared = static_cast<std::int64_t>(shared.size());
  out.components = static_cast<std::int64_t>(walked_down.size());
  out.covered = factor * part_of(walked_down, a, b);
  if (shared.empty()) {
    out.notes.emplace_back(
        "the embeddings share no component that is active in both: nothing to explain; an inner "
        "layer may be shared (--layer VALUE, `limn inspect` lists the values)");
  }
  if (out.components < out.shared) {
    out.notes.push_back(concat("the ", out.components, " strongest of ", out.shared,
                               " shared components are explained, which make ", out.covered,
                               " of the similarity ", out.similarity));
  }
  const auto weights = [&](std::int64_t first, std::int64_t count) {
    return weight_rows(options, walked_down, a.dimension(), first, count);
  };
  std::int64_t walked = 0;
  const auto done = [&](std::int64_t count) {
    walked += count;
    if (options.progress) {
      options.progress(static_cast<double>(walked) / 2, static_cast<double>(out.components));
    }
  };
  Tensor maps[2];
  for (int i = 0; i < 2; ++i) {
    maps[i] = inputs[i].relevance(weights, out.components, done).flatten(1);
    out.embeddings[i] = inputs[i].components();
  }
  join(maps[0] * factor, maps[1], options, a.grid(), b.grid(), out);
  out.gap = similarity_gap(out.sum, out.similarity);
  out.rules_gap = similarity_gap(out.sum, out.covered);
  out.fallbacks = a.fallbacks();
  note_fallbacks(out.notes, out.fallbacks);
  out.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  return out;
}

SimilarityMap explain_similarity(const Model& model, const Tensor& x, const Tensor& reference,
                                 const PairOptions& options) {
  const SimilarityModel similarity(model, options);
  SimilarityInput input(similarity, x, "the input");
  const std::int64_t count = input.components().numel();
  const Tensor other = checked_reference(similarity, reference, count);
  SimilarityMap out;
  out.layer = similarity.layer;
  out.composite = similarity.composite;
  out.embedding_kind = input.embedding().kind();
  out.embedding = input.components();
  out.notes = similarity.notes;
  const double factor = similarity_factor(options, input.components(), other);
  out.similarity = factor * input.components().dot(other).item<double>();
  // The weight of each of the D numbers in the similarity.
  Tensor weight = other;
  if (options.projections > 0) {
    weight = at::zeros({input.dimension()}, at::kDouble);
    for (std::int64_t k = 0; k < count; ++k) {
      weight += other[k] * projection_rows(options.seed, k, 1, count, input.dimension())[0];
    }
  }
  const auto weights = [&](std::int64_t, std::int64_t) { return (factor * weight).unsqueeze(0); };
  out.map = input.relevance(weights, 1, {})[0].cpu();
  out.sum = out.map.sum(at::kDouble).item<double>();
  out.gap = similarity_gap(out.sum, out.similarity);
  out.fallbacks = input.fallbacks();
  note_fallbacks(out.notes, out.fallbacks);
  if (options.progress) options.progress(1, 1);
  return out;
}

Tensor embed(const Model& model, const Tensor& x, const PairOptions& options) {
  return SimilarityInput(SimilarityModel(model, options), x, "the input").components();
}

}  // namespace limn
