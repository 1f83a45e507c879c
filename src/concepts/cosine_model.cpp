// The cosine of an embedding to stored ones as a model's answer: the graph up to the embedding,
// LpNormalization, and one product with the references at norm 1.
#include <ATen/ATen.h>

#include "concepts/similarity.h"
#include "import/pattern.h"
#include "limn/error.h"

namespace limn {
namespace {

/// Appends nodes to a draft, each reading what the last one made.
class Chain {
 public:
  Chain(Draft& draft, std::string from) : draft_(draft), at_(std::move(from)) {}

  Attributes& add(const std::string& op, const std::string& second = "") {
    const std::string name = Pattern(draft_).fresh_name("cosine." + op);
    std::vector<std::string> inputs = {at_};
    if (!second.empty()) inputs.push_back(second);
    draft_.nodes.push_back({.name = name,
                            .op = op,
                            .domain = "",
                            .opset = 13,
                            .attributes = {},
                            .inputs = inputs,
                            .outputs = {name}});
    at_ = name;
    return draft_.nodes.back().attributes;
  }
  const std::string& end() const { return at_; }

 private:
  Draft& draft_;
  std::string at_;
};

/// [D, references], each column of norm 1.
Tensor directions(const SimilarityModel& similarity, const std::vector<Reference>& references,
                  std::int64_t dimension) {
  Tensors columns;
  for (const auto& one : references) {
    in_context([&] { return "reference \"" + one.name + "\""; },
               [&] {
                 const Tensor numbers = checked_reference(similarity, one.vector, dimension);
                 const Tensor norm = numbers.norm();
                 if (norm.item<double>() == 0) {
                   fail(ErrorCode::Numerical, "the embedding is zero and has no cosine");
                 }
                 columns.push_back(numbers / norm);
               });
  }
  return at::stack(columns, 1);
}

}  // namespace

CosineModel cosine_model(const Model& model, const Tensor& x,
                         const std::vector<Reference>& references, const PairOptions& options) {
  if (references.empty()) {
    fail(ErrorCode::InvalidArgument, "no reference embedding is given; `embed` makes one");
  }
  PairOptions compared;
  compared.layer = options.layer;
  compared.embedding = options.embedding;
  const SimilarityModel similarity(model, compared);
  const SimilarityInput input(similarity, x, "the input");
  const std::string kind = input.embedding().kind();

  // Methods fold batch norm themselves where they want to.
  const bool whole = static_cast<bool>(model.graph().find(similarity.layer));
  const Model cut = whole ? up_to(model, similarity.layer) : similarity.model;
  Draft draft = cut.graph().draft();
  const std::string weights = Pattern(draft).add_constant(
      "cosine.references",
      directions(similarity, references, input.dimension()).to(cut.device(), cut.dtype()));
  Chain chain(draft, similarity.layer);
  if (kind == "positive") chain.add("Relu");
  if (kind == "mean") chain.add("ReduceMean").set("axes", place_axes(input.value()));
  chain.add("Flatten");
  chain.add("LpNormalization").set("axis", std::int64_t{1});
  chain.add("MatMul", weights);
  draft.outputs.front().name = chain.end();

  std::vector<std::string> labels;
  for (const auto& one : references) labels.push_back(one.name);
  const Model made = cut.with_detector({}).with_graph(Graph(draft));
  return {made.with_labels(labels).with_output(OutputKind::MultiLabel), similarity.layer, kind};
}

}  // namespace limn
