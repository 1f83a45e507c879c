// The sources of concepts, reached through make_concept_source.
#pragma once
#include <memory>

#include "limn/concepts.h"
#include "limn/dataset.h"

namespace limn {

/// The classes of any data set with masks.
std::unique_ptr<ConceptSource> dataset_concepts(std::unique_ptr<Dataset> dataset);
/// Classes, colors, textures, sizes, the tag and distractors of the data set `shapes`.
std::unique_ptr<ConceptSource> shapes_concepts(std::unique_ptr<Dataset> dataset);
/// Broden's folder layout.
std::unique_ptr<ConceptSource> broden_concepts(const Spec& spec);

}  // namespace limn
