// Data sets: pictures with what is known about them, one interface, named by spec strings, listed
// in one place: `voc(VOCdevkit/VOC2007, set=test)`, `coco(instances.json)`, `shapes(n=100)`.
#pragma once
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "limn/error.h"
#include "limn/image.h"
#include "limn/options.h"
#include "limn/shapes.h"
#include "limn/spec.h"
#include "limn/tensor.h"

namespace limn {

/// One annotated object of a picture.
struct DatasetObject {
  int label = 0;      ///< index in Dataset::labels
  PixelBox box = {};  ///< in pixels of the picture; empty where the data set has no boxes
  bool difficult = false;
  bool crowd = false;  ///< COCO: a group of objects in one annotation
  Tensor mask = {};    ///< bool [H, W]; undefined where the data set has no mask of this object
};

/// What is known about one class in one picture.
struct Truth {
  Tensor boxes;    ///< bool [H, W]: the union of its boxes, difficult ones included; or undefined
  Tensor pixels;   ///< bool [H, W]: the union of its masks; or undefined
  Tensor ignored;  ///< bool [H, W]: pixels that nobody labelled; undefined where there are none
  bool object_masks = false;       ///< `pixels` are masks of objects, not of a segmentation
  bool all_difficult = false;      ///< every object of the class is marked difficult
  bool in_difficult_list = false;  ///< the pair belongs to the pointing game's DIF subset
  /// `pixels` where there are masks, else `boxes`; undefined where only the label is known.
  const Tensor& mask() const { return pixels.defined() ? pixels : boxes; }
};

/// One picture and all that is known about it.
struct DatasetItem {
  std::string id;    ///< unique in the data set, stable between runs
  std::string path;  ///< empty where the picture is generated
  Picture picture;
  std::vector<DatasetObject> objects;
  /// int64 [H, W]: a label per pixel, kBackground or kUnlabelled; undefined where there is none.
  Tensor segmentation;
  std::vector<int> labels;          ///< present classes in rising order, each once
  std::vector<int> difficult_list;  ///< those of them in the DIF subset

  static constexpr std::int64_t kBackground = -1, kUnlabelled = -2;

  /// Boxes and pixels of a class. Pixels come from the objects' masks, else from `segmentation`.
  Truth truth(int label) const;
};

/// Something wrong with one item, found without running a model.
struct DatasetProblem {
  std::string id;
  std::string what;  ///< what is wrong and where, for people
  ErrorCode code = ErrorCode::BadInput;
  bool readable = false;  ///< the item is read all the same: a box cut at the picture's edge
};

/// Items are read one at a time; safe to read from many threads.
class Dataset {
 public:
  virtual ~Dataset() = default;
  virtual const std::string& name() const = 0;
  /// The canonical spec: name and every option.
  virtual Spec spec() const = 0;
  /// Class names in label order.
  virtual const std::vector<std::string>& labels() const = 0;
  virtual std::int64_t size() const = 0;
  virtual std::string id(std::int64_t index) const = 0;
  /// Throws BadInput, NotFound or Io that name the file; the other items can still be read.
  virtual DatasetItem read(std::int64_t index) const = 0;
  /// DatasetItem::labels of an item, where possible without its picture. Throws as read does.
  virtual std::vector<int> labels_of(std::int64_t index) const { return read(index).labels; }
  /// What can be known before work starts: missing pictures, masks of another size, unknown
  /// classes.
  virtual std::vector<DatasetProblem> check() const = 0;
  /// True where the one class is "the object", whatever it is (ImageNet-Segmentation).
  virtual bool class_agnostic() const { return false; }
};

/// One entry of the list.
struct DatasetInfo {
  std::string name;     ///< `voc`
  std::string title;    ///< `PASCAL VOC`
  std::string summary;  ///< one sentence
  std::string layout;   ///< which files it expects where
  std::string source;   ///< who made it: authors, title, year
};
struct DatasetEntry {
  DatasetInfo info;
  std::function<std::vector<FieldInfo>()> options;
  std::function<std::unique_ptr<Dataset>(const Spec&)> make;
};

/// All data sets in list order.
const std::vector<DatasetEntry>& datasets();
/// By name; throws NotFound with the nearest names.
const DatasetEntry& find_dataset(std::string_view name);
/// Opens a data set from a spec string: the index is read, no picture. Throws NotFound,
/// InvalidArgument, BadInput.
std::unique_ptr<Dataset> make_dataset(std::string_view spec);

}  // namespace limn
