// Two pictures side by side and the links between their places, as BiLRP draws them.
#pragma once
#include <string>
#include <vector>

#include "limn/tensor.h"

namespace limn::render {

/// A link between two places, in pixels of the pictures.
struct PairLink {
  double y1 = 0, x1 = 0, y2 = 0, x2 = 0;
  double value = 0;
};

/// Strength in [-1, 1] of a link of relevance `value`: |value| / scale, at most 13, less a quarter
/// (a soft threshold), over 12.75; the sign is the value's. 0: not drawn. As plotting.py of
/// oeberle/BiLRP_explain_similarity@1f4f112.
double link_strength(double value, double scale);

/// uint8 [h, w, 3]: both pictures (uint8 [H, W, 3]) at one height, pale, with an arc for every link
/// that passes the threshold, red where it speaks for the similarity, blue where against; the
/// stronger the wider; its opacity is the square of its strength, so that many links over one
/// another stay readable. `caption` stands below. `scale`: mean-fourth-power size
/// of all pairs, also of those that are not among `links`.
Tensor pair_figure(const Tensor& first, const Tensor& second, const std::vector<PairLink>& links,
                   double scale, const std::string& caption);

}  // namespace limn::render
