// BiLRP: why a network finds two inputs similar, in pairs of places. Source: Eberle, Buettner,
// Kraeutli, Mueller, Valleriani, Montavon, "Building and Interpreting Deep Similarity Models",
// 2020; oeberle/BiLRP_explain_similarity@1f4f112.
#pragma once
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "limn/model.h"
#include "limn/tensor.h"

namespace limn {

/// What is compared and how the comparison is handed back. Throws are those of `explain_pair`.
struct PairOptions {
  /// The value whose elements are compared; empty: the class scores where the model names its
  /// classes (then `auto` is `positive`), else the input of the last linear layer. A detector's has
  /// to be named.
  std::string layer = {};
  /// How a value becomes a vector. `flat`: all its elements, place by place. `mean`: of [N, C, h,
  /// w] the means over places, of [N, T, C] over tokens. `positive`: as flat, what is below 0
  /// counts as 0 (that both inputs lack a class is no likeness). `auto`: `mean` where there are
  /// four axes, else `flat`.
  std::string embedding = "auto";
  /// `dot` or `cosine`: the dot product over both norms, which are held constant.
  std::string similarity = "cosine";
  /// Components e_k = sum_d P_kd a_d / sqrt(K) with standard normal P; 0: e = a. The dot product
  /// stays the same in expectation; its relative error falls as 1 / sqrt(K).
  std::int64_t projections = 0;
  std::uint64_t seed = 0;  ///< of P, whose row k does not depend on K
  /// Without projections: components walked down, those of the largest |e_k(x1) e_k(x2)|; 0: all.
  /// `PairExplanation::covered` says what part of the similarity they make.
  std::int64_t components = 256;

  /// A composite of `lrp`, or `gamma-by-depth`: the authors', gamma that falls with depth and zB
  /// first. Epsilon-plus loses least to biases on the demo models, and its links keep to objects;
  /// `plus-even` loses nothing to them anywhere.
  std::string composite = "epsilon-plus";
  /// gamma-by-depth: gamma of layer i in the order of the graph, where convolutions, activations
  /// and pools count; 0 past the end. Empty: the authors' table for VGG-16, .5 up to layer 10, .25
  /// up to 17, .1 up to 24.
  std::vector<double> gammas = {};
  double linear_gamma = 0;                  ///< gamma-by-depth: gamma of Gemm and MatMul
  std::vector<double> low = {}, high = {};  ///< bounds of the input for zB; empty: preprocessing
  double epsilon = 1e-6, gamma = 0.25, stabilizer = 1e-6;  ///< of the composites of `lrp`
  /// Lines of a rules file that overrule the composite, and its name in messages.
  std::string rules = {}, rules_name = "rules";

  std::int64_t cell = 8;     ///< side of a place in pixels of the input; relevance is summed there
  std::int64_t links = 100;  ///< strongest pairs kept, 1 .. 1,000,000
  bool full = false;         ///< keep the whole joint relevance
  /// Nodes without a rule get the gradient, counted in `fallbacks`.
  bool fallback_gradient = false;
  /// Called with the components that went down, halves of which count for one input, of all.
  std::function<void(double done, double total)> progress = {};
};

/// The similarity of two inputs and the pairs of places it comes from.
struct PairExplanation {
  double similarity = 0;
  double covered = 0;  ///< the part of it that the components make that were walked down
  double sum = 0;      ///< of the joint relevance over all pairs
  /// |sum - similarity| / |similarity|: how much of the similarity is not explained; and
  /// |sum - covered| / |covered|: what of it the rules' biases and stabilizers took. Both 0 where
  /// the similarity is 0 and nothing is shared.
  double gap = 0, rules_gap = 0;
  double positive = 0, negative = 0;  ///< sums of the pairs of either sign
  double scale = 0;                   ///< (mean R^4)^(1/4) over all pairs, as the authors draw it
  /// [n, 5] float64, strongest first: row and column of the place in the first input's grid, in the
  /// second's, and the pair's relevance.
  Tensor links;
  Tensor marginals[2];   ///< [h, w] per input: relevance summed over the other's places
  Tensor embeddings[2];  ///< [K] float64: the components compared
  Tensor joint;          ///< [h1, w1, h2, w2] with PairOptions::full
  std::string layer, embedding, composite;  ///< as chosen
  std::int64_t components = 0;              ///< seeds that were walked down for each input
  std::int64_t shared = 0;                  ///< components that are active in both inputs
  std::vector<std::string> fallbacks, notes;
  double seconds = 0;
};

/// Explains the similarity sum_k e_k(x1) e_k(x2) by
/// R[i, j] = sum_k pool(R1_k)[i] pool(R2_k)[j],
/// where R1_k is the relevance of component k of the first input: e_k handed back by LRP. All
/// components of one input share one forward pass and go down in bundles. Each pool sums a cell of
/// the grid, so that the joint relevance sums to the similarity where the rules conserve: the
/// rules of a network without biases do up to their stabilizers (the authors average instead: their
/// numbers are these over cell^4). The joint relevance is streamed; only links, marginals and sums
/// stay. x1, x2: [1, C, H, W], of different sizes where the network and the embedding allow it.
/// Throws InvalidArgument for options out of range and embeddings of different length, NotFound
/// for an unknown value, Unsupported where the layer does not depend on the input, Numerical for
/// the cosine of a vector that is zero, BadInput.
PairExplanation explain_pair(const Model& model, const Tensor& x1, const Tensor& x2,
                             const PairOptions& options = {});

/// The similarity of one input to a vector that is held constant, and its first-order explanation.
struct SimilarityMap {
  /// As PairExplanation, of all components: the gap is the rules'.
  double similarity = 0, sum = 0, gap = 0;
  Tensor map;        ///< [h, w]: cells of the grid
  Tensor embedding;  ///< [K] float64
  std::string layer, embedding_kind, composite;
  std::vector<std::string> fallbacks, notes;
};

/// Hands sum_k e_k(x) reference_k back in one walk: cheap, but without saying what in the other
/// input a place goes with. `reference` [K] is what `embed` gives of another input. Throws as
/// `explain_pair`.
SimilarityMap explain_similarity(const Model& model, const Tensor& x, const Tensor& reference,
                                 const PairOptions& options = {});

/// An embedding that inputs are compared with, as `embed` gives it.
struct Reference {
  std::string name;  ///< becomes the label
  Tensor vector;     ///< [D]
};

/// A model whose classes are references.
struct CosineModel {
  Model model;
  std::string layer, embedding;  ///< as chosen
};

/// The model up to the value that `options` name, its answer the cosine of the embedding to each
/// reference: [N, references], so that every method explains it as it explains classes. Their
/// indices are the references' places, their labels the names. Of the options `layer` and
/// `embedding` count. The norm is a node of its own: rules hold it constant, the gradient does not.
/// x: one input as the model takes it, [1, C, H, W], which tells the embedding's length. Throws as
/// `explain_similarity`, and InvalidArgument for no reference.
CosineModel cosine_model(const Model& model, const Tensor& x,
                         const std::vector<Reference>& references, const PairOptions& options = {});

/// The vector [K] float64 that is compared.
Tensor embed(const Model& model, const Tensor& x, const PairOptions& options = {});

}  // namespace limn
