// Rewrites of a draft between reading and freezing. Each keeps the model's function; the names of
// graph inputs and outputs survive.
#pragma once
#include <cstdint>

#include "limn/graph.h"

namespace limn {

/// What `fold_constants` may compute at most, in elements; what is over stays in the graph. VGG-19
/// from ConstantOfShape needs 1.4e8.
inline constexpr std::int64_t kFoldBudget = std::int64_t{1} << 28;

/// Replaces nodes whose inputs are all constant by their value, and Shape, Size and picks from a
/// Shape (Gather, Slice) where the file fixes those sizes; removes nodes that no output needs.
/// Where the batch is dynamic, the first axis of inner values never counts as fixed: tools that
/// make a batch dynamic often leave the old shapes of inner values behind.
Draft fold_constants(Draft draft, std::int64_t budget = kFoldBudget);

/// One node for what exporters spell out: LayerNormalization, Gelu, SiLU (internal name, x
/// sigmoid(x)), HardSwish, AveragePool with its Pad; Identity and inference Dropout vanish. A fused
/// node keeps the name and output of the last node of its pattern.
Draft fuse(Draft draft);

/// Batch norm folded into its neighbors where that is exact: conv-BN (Conv, ConvTranspose, Gemm),
/// and, with `everywhere`, BN-conv and BN-Relu-conv; the others stay. Computed in float64. The
/// result of conv-BN keeps the name of the batch norm's output. With `everywhere` a Pad with zeros
/// before a convolution becomes its padding, so that no relevance lands on a border.
Draft fold_batch_norm(Draft draft, bool everywhere = true);

/// The draft without inputs that no node uses. Throws Unsupported where more than one remains, or
/// one that is not of floating point.
Draft single_input(Draft draft);

/// What loading a model runs: folding of constants and fusions, without batch-norm folding.
Draft import_passes(Draft draft);

}  // namespace limn
