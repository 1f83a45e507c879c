// See similarity.h.
#include "concepts/similarity.h"

#include <ATen/ATen.h>

#include "concepts/bundle_rules.h"
#include "limn/error.h"
#include "limn/options.h"
#include "rules/facts.h"

namespace limn {
namespace {

/// Memory for the messages of one bundle; larger bundles are no faster.
constexpr double kBundleBytes = 256.0 * (1 << 20);
constexpr std::int64_t kLargestBundle = 128;
constexpr const char* kByDepth = "gamma-by-depth";

void check_range(const char* name, std::int64_t value, std::int64_t low, std::int64_t high) {
  if (value >= low && value <= high) return;
  fail(ErrorCode::InvalidArgument, name, " is ", value, "; legal: from ", low, " to ", high);
}

PairOptions checked(const PairOptions& options) {
  check_range("cell", options.cell, 1, 65536);
  check_range("links", options.links, 1, 1'000'000);
  check_range("components", options.components, 0, std::int64_t{1} << 40);
  check_range("projections", options.projections, 0, 100'000);
  if (options.similarity != "dot" && options.similarity != "cosine") {
    fail(ErrorCode::InvalidArgument, "similarity is \"", options.similarity,
         "\"; legal: dot, cosine");
  }
  for (const double gamma : options.gammas) {
    if (!(gamma >= 0 && gamma < kInfinity)) {
      fail(ErrorCode::InvalidArgument, "gammas holds ", gamma, "; legal: finite numbers from 0 up");
    }
  }
  return options;
}

/// A detector's rows of boxes are no description of a picture, and neither is what they are read
/// from.
void refuse_rows(const Model& model) {
  const Graph& graph = model.graph();
  const ValueInfo& output = graph.value(graph.outputs().front()).info;
  if (!model.is_detector() && output.shape.size() != 3) return;
  fail(ErrorCode::InvalidArgument,
       "a model whose output is rows, as a detector's, has no embedding by default; name the value "
       "that is compared with --layer VALUE (`limn inspect` lists the values)");
}

void check_composite(const std::string& name) {
  std::vector<std::string> names = composite_names();
  names.emplace_back(kByDepth);
  if (std::find(names.begin(), names.end(), name) == names.end()) {
    fail(ErrorCode::NotFound, "no composite \"", name, "\"; there are ",
         nearest_names(name, names, names.size()));
  }
}

bool has_batch_norm(const Graph& graph) {
  return std::any_of(graph.nodes().begin(), graph.nodes().end(),
                     [](const Node& node) { return node.op == "BatchNormalization"; });
}

CompositeOptions numbers(const SimilarityModel& similarity, const Tensor& x) {
  const PairOptions& o = similarity.options;
  CompositeOptions out{.epsilon = o.epsilon,
                       .gamma = o.gamma,
                       .stabilizer = o.stabilizer,
                       .low = o.low,
                       .high = o.high};
  const Preprocessing& how = similarity.model.preprocessing();
  if (how.known && static_cast<std::int64_t>(how.mean.size()) == x.size(1)) {
    if (out.low.empty()) out.low = how.low();
    if (out.high.empty()) out.high = how.high();
  }
  return out;
}

RuleBook book_for(const SimilarityModel& similarity, ValueId layer, const Tensor& x) {
  const PairOptions& o = similarity.options;
  const CompositeOptions values = numbers(similarity, x);
  const Graph& graph = similarity.model.graph();
  RuleBook book;
  if (similarity.composite == kByDepth) {
    // Rules of the user's, gradients and batch norm that passes may leave relevance on zeros.
    const bool follows = o.rules.empty() && !o.fallback_gradient && !has_batch_norm(graph);
    book = gamma_by_depth(graph, layer,
                          {.gammas = o.gammas.empty() ? authors_gammas() : o.gammas,
                           .linear_gamma = o.linear_gamma,
                           .bounds = values,
                           .follows_values = follows});
  } else {
    book = composite(similarity.composite, values);
  }
  book.op("MaxPool", winner_rule());
  if (!o.rules.empty()) add_rules(book, o.rules, o.rules_name, values);
  return book;
}

Tape run_checked(const SimilarityModel& similarity, const Tensor& x, ValueId layer,
                 const std::string& which) {
  if (!x.defined() || x.dim() != 4 || x.size(0) != 1) {
    fail(ErrorCode::BadInput, which, " has shape ", x.defined() ? x.sizes() : at::IntArrayRef(),
         "; pairs of places need one picture, [1, C, H, W]");
  }
  Tape tape = in_context([&] { return which; }, [&] { return similarity.model.run(x); });
  const Tensor& value = tape[layer];
  if (!value.is_floating_point() || value.dim() < 1 || value.size(0) != 1 || value.numel() == 0) {
    fail(ErrorCode::Unsupported, "layer \"", similarity.layer, "\" has shape ", value.sizes(),
         " for ", which, "; an embedding is floating point and [1, ...]");
  }
  if (!at::isfinite(value).all().item<bool>()) {
    fail(ErrorCode::Numerical, "layer \"", similarity.layer, "\" holds NaN or infinity for ",
         which);
  }
  return tape;
}

/// [S, 1, C, H, W] summed over channels and cells; the last row and column of cells may be smaller.
Tensor on_grid(const Tensor& r, std::int64_t cell) {
  const Tensor map = r.sum(2).squeeze(1);
  const std::int64_t seeds = map.size(0), height = map.size(1), width = map.size(2);
  const std::int64_t rows = (height + cell - 1) / cell, columns = (width + cell - 1) / cell;
  return at::constant_pad_nd(map, {0, columns * cell - width, 0, rows * cell - height})
      .reshape({seeds, rows, cell, columns, cell})
      .sum({2, 4});
}

}  // namespace

SimilarityModel::SimilarityModel(const Model& whole, const PairOptions& asked)
    : options(checked(asked)),
      layer(asked.layer),
      composite(canonical_name(asked.composite)),
      model(whole) {
  const Model folded = whole.folded();
  // A node's name stands for its first output.
  if (!layer.empty()) layer = whole.graph().value(whole.graph().at(layer)).name;
  if (layer.empty() && !whole.labels().empty() && !whole.is_detector()) {
    layer = folded.graph().value(folded.logits()).name;
    if (options.embedding == "auto") options.embedding = "positive";
  }
  if (layer.empty()) {
    refuse_rows(whole);
    layer = default_embedding_layer(folded);
  }
  Model variant = folded;
  if (!folded.graph().find(layer)) {
    variant = whole;
    notes.push_back("batch norm stays as it is, since layer \"" + layer +
                    "\" does not exist once it is folded: relevance passes through it, and sums "
                    "drift");
  }
  const Graph& graph = variant.graph();
  if (!Facts(graph, variant.logits()).depends(graph.at(layer))) {
    fail(ErrorCode::Unsupported, "layer \"", layer,
         "\" does not depend on the input; name another (`limn inspect` lists the values)");
  }
  check_composite(composite);
  model = up_to(variant, layer);
}

SimilarityInput::SimilarityInput(const SimilarityModel& similarity, const Tensor& x,
                                 const std::string& which)
    : similarity_(similarity),
      layer_(similarity.model.graph().at(similarity.layer)),
      tape_(run_checked(similarity, x, layer_, which)),
      embedding_(similarity.options.embedding, value(), similarity.layer),
      vector_(embedding_.vector(value()).cpu()),
      book_(book_for(similarity, layer_, x)) {
  const std::int64_t count = similarity.options.projections;
  components_ = vector_;
  if (count == 0) return;
  // Row by row: of a large value the whole matrix would not fit.
  components_ = at::empty({count}, at::kDouble);
  for (std::int64_t k = 0; k < count; ++k) {
    components_[k] =
        projection_rows(similarity.options.seed, k, 1, count, dimension())[0].dot(vector_);
  }
}

std::vector<std::int64_t> SimilarityInput::grid() const {
  const Tensor& x = tape_[similarity_.model.input()];
  const std::int64_t cell = similarity_.options.cell;
  return {(x.size(2) + cell - 1) / cell, (x.size(3) + cell - 1) / cell};
}

std::int64_t SimilarityInput::bundle() const {
  const Graph& graph = similarity_.model.graph();
  std::size_t largest = 1;
  for (std::size_t v = 0; v < graph.values().size(); ++v) {
    const ValueId id{static_cast<int>(v)};
    if (tape_.has(id) && !graph.is_constant(id)) largest = std::max(largest, tape_[id].nbytes());
  }
  // A message, its quotients, what they pull, and the convolution's own copy.
  const double fit = kBundleBytes / (4.0 * static_cast<double>(largest));
  return std::clamp(static_cast<std::int64_t>(fit), std::int64_t{1}, kLargestBundle);
}

Tensor SimilarityInput::relevance(
    const std::function<Tensor(std::int64_t first, std::int64_t count)>& weights,
    std::int64_t total, const std::function<void(std::int64_t)>& done) {
  const std::vector<std::int64_t> size = grid();
  Tensor all = at::zeros({total, size[0], size[1]}, value().options());
  const ValueId input = similarity_.model.input();
  const std::int64_t most = bundle();
  for (std::int64_t first = 0; first < total; first += most) {
    const std::int64_t count = std::min(most, total - first);
    const Tensor seeds = embedding_.seeds(value(), weights(first, count));
    const WalkResult result = walk(similarity_.model, tape_, book_,
                                   {.seeds = {{layer_, seeds}},
                                    .at = {input},
                                    .fallback_gradient = similarity_.options.fallback_gradient});
    all.narrow(0, first, count)
        .copy_(on_grid(result.relevance.at(input), similarity_.options.cell));
    fallbacks_ = result.fallbacks;
    if (done) done(count);
  }
  return all;
}

double similarity_factor(const PairOptions& options, const Tensor& first, const Tensor& second) {
  if (options.similarity == "dot") return 1;
  const double norms[] = {first.norm().item<double>(), second.norm().item<double>()};
  for (const double norm : norms) {
    if (norm == 0) {
      fail(ErrorCode::Numerical, "the embedding of the ", &norm == norms ? "first" : "second",
           " input is zero and has no cosine; take similarity dot or another layer");
    }
  }
  return 1 / (norms[0] * norms[1]);
}

Tensor checked_reference(const SimilarityModel& similarity, const Tensor& reference,
                         std::int64_t count) {
  const Tensor numbers = reference.to(at::kCPU, at::kDouble).flatten();
  if (!at::isfinite(numbers).all().item<bool>()) {
    fail(ErrorCode::BadInput, "the reference embedding holds NaN or infinity");
  }
  if (numbers.numel() != count) {
    fail(ErrorCode::InvalidArgument, "the reference has ", numbers.numel(),
         " components, the embedding at layer \"", similarity.layer, "\" has ", count,
         ": it was made at another --layer, --projections or --embedding; make it again with the "
         "same, or give those it was made with (`limn explain`: --cosine-layer)");
  }
  return numbers;
}

double similarity_gap(double sum, double similarity) {
  const double missing = std::abs(sum - similarity);
  return missing == 0 ? 0 : missing / std::max(std::abs(similarity), 1e-12);
}

}  // namespace limn
