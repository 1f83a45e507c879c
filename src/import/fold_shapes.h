// Shapes that the file fixes, as constants.
#pragma once
#include "limn/graph.h"

namespace limn {

/// Replaces Shape and Size, and Gather and Slice of a Shape, by constants where every size they
/// give is fixed. See `fold_constants` for which sizes count as fixed.
void fold_shapes(Draft& draft);

}  // namespace limn
