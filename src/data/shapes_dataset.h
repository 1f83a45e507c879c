// What the data set `shapes` draws, for those who want more of it than classes and masks.
#pragma once
#include "limn/shapes.h"
#include "limn/spec.h"

namespace limn {

/// The pictures that a data set of this spec holds: item i is shapes_picture(options, i).
ShapesOptions shapes_of(const Spec& spec);

}  // namespace limn
