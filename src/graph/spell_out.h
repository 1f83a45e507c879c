// What limn holds as one node but standard ONNX of an opset has not: written as several nodes.
#pragma once
#include "limn/graph.h"

namespace limn {

/// The draft with SiLU (never standard), Gelu below opset 20, LayerNormalization below 17 and
/// HardSwish below 14 replaced by standard nodes of the draft's own opset. Raising the opset
/// instead would change the meaning of the other nodes. The import passes fuse them again.
/// Throws InvalidArgument where LayerNormalization counts its axis from the front, which cannot be
/// spelled out without knowing the rank.
Draft spell_out(const Draft& draft);

}  // namespace limn
