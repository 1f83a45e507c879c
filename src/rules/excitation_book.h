// Rule books of excitation backprop and of methods built on it.
#pragma once
#include "rules/rule_book.h"

namespace limn {

/// Excitation backprop on any graph: linear layers and pools by `excitation_rule`, activations and
/// normalization pass, a sum shares by the positive parts of its summands (equally where none is
/// positive), maxima give to the winner, products of activations by their positive products, a gate
/// receives nothing.
RuleBook excitation_book();

/// facebookresearch/TorchRay@6a198ee (attribution/excitation_backprop.py): inputs as they are,
/// epsilon 1e-20, a sum shares x_i / sum x, ReLU gates by its gradient, batch norm passes.
RuleBook torchray_book();

/// JindongGu/Contrastive-LRP@751c263 (clrp_lib.py): epsilon 1e-9, zB with -2.1179 and 2.64 in every
/// channel of the first convolution, tied maxima share equally. What its VGG-16 does not have
/// (sums, average pools, batch norm) goes as in Zennit's composites.
RuleBook gu_book();

}  // namespace limn
