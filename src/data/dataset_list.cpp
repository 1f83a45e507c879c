// The explicit list of data sets, and the truth of one class in one picture.
#include <algorithm>

#include "limn/dataset.h"
#include "limn/error.h"

namespace limn {

#define LIMN_DATASET(name) DatasetEntry dataset_##name();
#include "data/dataset_list.inc"
#undef LIMN_DATASET

const std::vector<DatasetEntry>& datasets() {
  static const std::vector<DatasetEntry> all = {
#define LIMN_DATASET(name) dataset_##name(),
#include "data/dataset_list.inc"
#undef LIMN_DATASET
  };
  return all;
}

const DatasetEntry& find_dataset(std::string_view name) {
  const std::string wanted = canonical_name(name);
  std::vector<std::string> names;
  for (const auto& entry : datasets()) {
    if (entry.info.name == wanted) return entry;
    names.push_back(entry.info.name);
  }
  fail(ErrorCode::NotFound, "no data set \"", name, "\"; did you mean ", nearest_names(name, names),
       "? (`limn list datasets`)");
}

std::unique_ptr<Dataset> make_dataset(std::string_view spec) {
  const Spec parsed = Spec::parse(spec);
  if (parsed.is_list) {
    fail(ErrorCode::InvalidArgument, "spec \"", spec, "\" is a list; name one data set");
  }
  return find_dataset(parsed.name).make(parsed);
}

Truth DatasetItem::truth(int label) const {
  Truth truth;
  const auto grow = [&](Tensor& mask) {
    if (!mask.defined()) mask = at::zeros({picture.height(), picture.width()}, at::kBool);
    return mask;
  };
  bool any = false, all_difficult = true;
  for (const auto& object : objects) {
    if (object.label != label) continue;
    any = true;
    all_difficult = all_difficult && object.difficult;
    const PixelBox& box = object.box;
    if (box.width() > 0 && box.height() > 0) {
      grow(truth.boxes).slice(0, box.top, box.bottom).slice(1, box.left, box.right).fill_(true);
    }
    if (object.mask.defined()) {
      grow(truth.pixels).logical_or_(object.mask);
      truth.object_masks = true;
    }
  }
  truth.all_difficult = any && all_difficult;
  if (segmentation.defined()) {
    if (!truth.pixels.defined()) truth.pixels = segmentation == label;
    const Tensor ignored = segmentation == kUnlabelled;
    if (ignored.any().item<bool>()) truth.ignored = ignored;
  }
  truth.in_difficult_list =
      std::find(difficult_list.begin(), difficult_list.end(), label) != difficult_list.end();
  return truth;
}

}  // namespace limn
