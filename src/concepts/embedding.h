// A value of the graph as a vector whose components explanations start from.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "limn/model.h"
#include "limn/tensor.h"

namespace limn {

/// Axes of a value that the embedding `mean` averages over.
std::vector<std::int64_t> place_axes(const Tensor& value);

/// D numbers made of a value [1, ...]: its elements, their positive parts, or means over places.
class Embedding {
 public:
  /// `kind`: auto, flat, mean or positive. Throws InvalidArgument where the value has no places to
  /// average.
  Embedding(const std::string& kind, const Tensor& value, const std::string& name);

  const std::string& kind() const { return kind_; }
  /// [D] float64.
  Tensor vector(const Tensor& value) const;
  /// [D] bool: where some element of the value behind the component is not 0.
  Tensor present(const Tensor& value) const;
  /// Relevance at the value, [S, shape of value], of S weighted sums of components, weights [S, D]:
  /// what each element adds to each sum.
  Tensor seeds(const Tensor& value, const Tensor& weights) const;

 private:
  std::string kind_;
};

/// Rows first .. first + count - 1 of the K x D standard normal matrix over sqrt(K), float64. Row k
/// depends on seed, k and D alone, but for the factor.
Tensor projection_rows(std::uint64_t seed, std::int64_t first, std::int64_t count,
                       std::int64_t components, std::int64_t dimension);

/// The model up to one of its values, which becomes the output; what the value does not need is
/// neither run nor walked.
Model up_to(const Model& model, const std::string& value);

/// The value that the last linear layer reads. Throws Unsupported where there is none.
std::string default_embedding_layer(const Model& model);

}  // namespace limn
