// Superpixels: connected patches of a picture that hold one color each, as features for methods
// that show and hide parts.
#pragma once
#include <string>
#include <vector>

#include "methods/method_base.h"

namespace limn {

struct SuperpixelOptions {
  std::string segments = "slic";
  std::int64_t n_segments = 50;
  double compactness = 10;
};
/// segments, n-segments, compactness.
Fields superpixel_fields(SuperpixelOptions& o);

/// About n rectangles, as square as the sides allow: labels [height, width], int64, row by row.
Tensor grid_segments(std::int64_t height, std::int64_t width, std::int64_t n);

/// SLIC of one picture [C, H, W]: labels [H, W], int64 from 0 without gaps, each connected (4
/// neighbors). k-means from the grid's centers over color and place, each center within one grid
/// step, at most ten rounds; a pixel takes the center with the lowest
/// d^2 = color^2 + (compactness / S)^2 place^2, S the grid's step. Channels are compared as they
/// are in the model's space, all times one factor: the picture's range becomes 100 / sqrt(C), so
/// that black and white lie 100 apart as in Lab. Then pieces below half of S^2 join the neighbor of
/// the nearest color, as long as three are left. No random numbers; ties go to the lower label.
/// Source: Achanta, Shaji, Smith, Lucchi, Fua, Suesstrunk, "SLIC Superpixels", 2012.
Tensor slic_segments(const Tensor& picture, std::int64_t n, double compactness);

/// Labels [H, W] for each sample of x [N, C, H, W], int64 on the CPU, from 0 without gaps: the
/// call's given segments, or those that the options name. Throws InvalidArgument where the options
/// or the given segments do not fit, or only one segment results.
Tensors segments_of(const SuperpixelOptions& o, const ExplainOptions& options, const Tensor& x);

}  // namespace limn
