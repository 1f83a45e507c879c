// One input on its way through a similarity model: the value compared, and relevance of components
// of its embedding on a grid of places.
#pragma once
#include <functional>
#include <string>
#include <vector>

#include "concepts/embedding.h"
#include "limn/bilrp.h"
#include "rules/walk.h"

namespace limn {

/// The model cut off at the layer that is compared, and the rules in words.
struct SimilarityModel {
  /// Checks the options. Throws as `explain_pair`.
  SimilarityModel(const Model& model, const PairOptions& options);

  PairOptions options;
  std::string layer, composite;
  std::vector<std::string> notes;
  Model model;
};

/// One input's forward pass and its walks.
class SimilarityInput {
 public:
  /// `which` names the input in messages: "the first input". Throws BadInput, Numerical.
  SimilarityInput(const SimilarityModel& similarity, const Tensor& x, const std::string& which);

  const Embedding& embedding() const { return embedding_; }
  const Tensor& value() const { return tape_[layer_]; }  ///< that is compared
  /// [K] float64: all components, projected where asked.
  const Tensor& components() const { return components_; }
  /// The dimension D before projection.
  std::int64_t dimension() const { return vector_.numel(); }
  /// [D] bool: Embedding::present.
  Tensor present() const { return embedding_.present(value()); }
  std::vector<std::int64_t> grid() const;  ///< {rows, columns}
  /// Relevance of weighted sums of the D numbers, weights [S, D] float64, summed over channels and
  /// cells: [S, rows, columns]. Goes down in bundles that fit memory; `done` is told how many went.
  Tensor relevance(const std::function<Tensor(std::int64_t first, std::int64_t count)>& weights,
                   std::int64_t total, const std::function<void(std::int64_t)>& done);
  const std::vector<std::string>& fallbacks() const { return fallbacks_; }

 private:
  std::int64_t bundle() const;

  const SimilarityModel& similarity_;
  ValueId layer_;
  Tape tape_;
  Embedding embedding_;
  Tensor vector_, components_;
  RuleBook book_;
  std::vector<std::string> fallbacks_;
};

/// 1, or for the cosine 1 over both norms; throws Numerical where one is 0.
double similarity_factor(const PairOptions& options, const Tensor& first, const Tensor& second);
/// The reference as `count` numbers, float64; throws BadInput, and InvalidArgument for other
/// lengths.
Tensor checked_reference(const SimilarityModel& similarity, const Tensor& reference,
                         std::int64_t count);
/// |sum - similarity| / |similarity|; 0 where both are 0.
double similarity_gap(double sum, double similarity);

}  // namespace limn
