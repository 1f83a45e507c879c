// How far a detector still finds an object: the similarity of D-RISE.
#pragma once
#include "limn/tensor.h"

namespace limn {

/// [M, T, n] of proposals boxes [M, n, 4], objectness [M, n], classes [M, n, C] with T targets:
/// IoU * o_t o_j * cos(classes_t, classes_j). Source: Petsiuk et al., "Black-box Explanation of
/// Object Detectors via Saliency Maps", 2021.
Tensor detection_similarity(const Tensor& target_boxes, const Tensor& target_objectness,
                            const Tensor& target_classes, const Tensor& boxes,
                            const Tensor& objectness, const Tensor& classes);

}  // namespace limn
