// Concepts from a data set: each class with a mask is one. Boxes are no masks. Names of data sets
// decide which source reads them.
#include "data/concept_sources.h"
#include "limn/error.h"

namespace limn {
namespace {

class DatasetConcepts final : public ConceptSource {
 public:
  explicit DatasetConcepts(std::unique_ptr<Dataset> dataset) : dataset_(std::move(dataset)) {
    for (const auto& name : dataset_->labels()) concepts_.push_back({name, "class"});
  }
  Spec spec() const override { return dataset_->spec(); }
  const std::vector<ConceptLabel>& concepts() const override { return concepts_; }
  std::int64_t size() const override { return dataset_->size(); }
  ConceptPicture read(std::int64_t index) const override {
    const DatasetItem item = dataset_->read(index);
    ConceptPicture out{item.id, item.picture.pixels, {}};
    for (const int label : item.labels) {
      const Tensor pixels = item.truth(label).pixels;
      if (pixels.defined()) out.masks.emplace_back(label, pixels);
    }
    return out;
  }

 private:
  std::unique_ptr<Dataset> dataset_;
  std::vector<ConceptLabel> concepts_;
};

}  // namespace

std::unique_ptr<ConceptSource> dataset_concepts(std::unique_ptr<Dataset> dataset) {
  return std::make_unique<DatasetConcepts>(std::move(dataset));
}

std::unique_ptr<ConceptSource> make_concept_source(std::string_view spec) {
  const Spec parsed = Spec::parse(spec);
  if (canonical_name(parsed.name) == "broden") return broden_concepts(parsed);
  auto dataset =
      in_context([] { return "concepts come from a data set with masks or from broden(FOLDER)"; },
                 [&] { return make_dataset(spec); });
  return dataset->name() == "shapes" ? shapes_concepts(std::move(dataset))
                                     : dataset_concepts(std::move(dataset));
}

}  // namespace limn
