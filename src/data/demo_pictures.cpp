// The demo pictures: six of one seed, chosen by eye among those in which all demo models see both
// objects, so that all ten classes appear.
#include "limn/shapes.h"

namespace limn {

std::vector<ShapesPicture> demo_pictures(int size, TagRule tag) {
  ShapesOptions options{.seed = 42, .width = size, .height = size};
  options.min_shapes = options.max_shapes = 2;
  options.max_distractors = 2;
  options.tag = tag;
  options.tag_label = kDemoTagLabel;
  std::vector<ShapesPicture> pictures;
  for (int index : {36, 57, 38, 48, 4, 33}) pictures.push_back(shapes_picture(options, index));
  return pictures;
}

}  // namespace limn
