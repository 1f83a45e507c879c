// The data set `gtsegs`: ImageNet-Segmentation, one file of pictures and masks of "the object".
// Source: Guillaumin, Kuettel, Ferrari, "ImageNet Auto-annotation with Segmentation Propagation",
// 2014; read as the evaluators of Chefer et al. read it (hila-chefer/Transformer-Explainability,
// data/Imagenet.py). MATLAB v7.3 is HDF5 with the axes reversed: /value/img[i] refers to
// uint8 [3, W, H], /value/gt[i] to one more reference, to [W, H].
#include <mutex>

#include "data/dataset_base.h"
#include "data/dataset_files.h"
#include "data/hdf5_values.h"

namespace limn {
namespace {

struct GtsegsOptions {
  std::string file;
};

DatasetInfo info() {
  return {.name = "gtsegs",
          .title = "ImageNet-Segmentation",
          .summary = "Pictures with the mask of their one object, whatever its class is.",
          .layout = "gtsegs_ijcv.mat (MATLAB v7.3): /value/img and /value/gt",
          .source =
              "Guillaumin, Kuettel, Ferrari: ImageNet Auto-annotation with Segmentation "
              "Propagation, 2014"};
}

Fields fields(GtsegsOptions& o) { return {text_field("file", o.file, "gtsegs_ijcv.mat")}; }

/// HDF5 is not thread-safe as Debian builds it: one call at a time in the whole process.
std::mutex& library() {
  static std::mutex mutex;
  return mutex;
}

/// Holds the library and keeps it from printing.
class Session {
 public:
  Session() : lock_(library()) {
    H5Eget_auto2(H5E_DEFAULT, &print_, &data_);
    H5Eset_auto2(H5E_DEFAULT, nullptr, nullptr);
  }
  ~Session() { H5Eset_auto2(H5E_DEFAULT, print_, data_); }
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

 private:
  std::lock_guard<std::mutex> lock_;
  H5E_auto2_t print_ = nullptr;
  void* data_ = nullptr;
};

using Handle = Hdf5Handle;

Handle open_file(const std::string& path) {
  if (!std::filesystem::is_regular_file(path)) {
    fail(ErrorCode::NotFound, "no file \"", path, "\"");
  }
  if (H5Fis_hdf5(path.c_str()) <= 0) {
    fail(ErrorCode::BadInput, "\"", path, "\" is no MATLAB v7.3 file (HDF5)");
  }
  return {H5Fopen(path.c_str(), H5F_ACC_RDONLY, H5P_DEFAULT), H5Fclose, "\"" + path + "\""};
}

std::vector<hobj_ref_t> references(hid_t data, const std::string& what) {
  hsize_t count = 1;
  for (const hsize_t side : hdf5_shape(data, what)) {
    if (side == 0) return {};
    if (side > 10'000'000 / count) fail(ErrorCode::BadInput, what, " has too many elements");
    count *= side;
  }
  const Handle type(H5Dget_type(data), H5Tclose, what);
  if (H5Tequal(type, H5T_STD_REF_OBJ) <= 0) {
    fail(ErrorCode::BadInput, what, " holds no references to objects");
  }
  std::vector<hobj_ref_t> out(count);
  read_hdf5(data, H5T_STD_REF_OBJ, out.data(), what);
  return out;
}

Handle follow(hid_t file, hobj_ref_t reference, const std::string& what) {
  H5O_type_t kind = H5O_TYPE_UNKNOWN;
  if (H5Rget_obj_type2(file, H5R_OBJECT, &reference, &kind) < 0 || kind != H5O_TYPE_DATASET) {
    fail(ErrorCode::BadInput, what, " refers to nothing that holds data");
  }
  return {H5Rdereference2(file, H5P_DEFAULT, H5R_OBJECT, &reference), H5Dclose, what};
}

/// Reads [axes..., W, H]; `type` is HDF5's name of the tensor's element type.
Tensor read_plane(hid_t data, std::size_t rank, hid_t type, at::ScalarType element,
                  const std::string& what) {
  const std::vector<hsize_t> shape = hdf5_shape(data, what);
  if (shape.size() != rank || (rank == 3 && shape[0] != 3)) {
    fail(ErrorCode::BadInput, what, " has other axes than ", rank == 3 ? "[3, W, H]" : "[W, H]");
  }
  const hsize_t width = shape[rank - 2], height = shape[rank - 1];
  if (width < 1 || height < 1 || width > static_cast<hsize_t>(kMaxPixels) / height) {
    fail(ErrorCode::BadInput, what, " is ", width, " x ", height, " pixels; legal: 1 to ",
         kMaxPixels);
  }
  const Handle stored(H5Dget_type(data), H5Tclose, what);
  const H5T_class_t kind = H5Tget_class(stored);
  if ((kind != H5T_INTEGER && kind != H5T_FLOAT) || H5Tget_size(stored) > 8) {
    fail(ErrorCode::BadInput, what, " holds no numbers of at most 8 bytes");
  }
  Tensor out = at::empty(std::vector<std::int64_t>(shape.begin(), shape.end()), element);
  read_hdf5(data, type, out.data_ptr(), what);
  return out;
}

class GtsegsDataset final : public ListedDataset {
 public:
  GtsegsDataset(const GtsegsOptions& o, Spec spec)
      : ListedDataset(std::move(spec), {"object"}), path_(o.file) {
    const Session session;
    const Handle file = open_file(path_);
    const auto list = [&](const char* name) {
      const std::string what = concat("\"", path_, "\", ", name);
      const Handle data(H5Dopen2(file, name, H5P_DEFAULT), H5Dclose, what);
      return references(data, what);
    };
    pictures_ = list("/value/img");
    masks_ = list("/value/gt");
    if (pictures_.empty() || pictures_.size() != masks_.size()) {
      fail(ErrorCode::BadInput, "\"", path_, "\" holds ", pictures_.size(), " pictures and ",
           masks_.size(), " masks");
    }
  }

  bool class_agnostic() const override { return true; }
  std::int64_t size() const override { return std::ssize(pictures_); }
  std::string id(std::int64_t index) const override {
    const std::string digits = std::to_string(checked(index));
    return "gtsegs-" + std::string(digits.size() < 4 ? 4 - digits.size() : 0, '0') + digits;
  }
  std::vector<int> labels_of(std::int64_t index) const override {
    checked(index);
    return {0};
  }

  DatasetItem read(std::int64_t index) const override {
    const std::size_t i = checked(index);
    const std::string what = concat("\"", path_, "\", picture ", index);
    Tensor picture, mask;
    {
      const Session session;
      const Handle file = open_file(path_);
      picture = read_plane(follow(file, pictures_[i], what), 3, H5T_NATIVE_UCHAR, at::kByte, what);
      const std::string of_mask = what + ", its mask";
      const Handle cell = follow(file, masks_[i], of_mask);
      const std::vector<hobj_ref_t> inner = references(cell, of_mask);
      if (inner.empty()) fail(ErrorCode::BadInput, of_mask, " is missing");
      mask = read_plane(follow(file, inner.front(), of_mask), 2, H5T_NATIVE_SHORT, at::kShort,
                        of_mask);
    }
    expect_size(what + ", its mask", mask.size(1), mask.size(0),
                {picture.size(2), picture.size(1)});
    DatasetItem item;
    item.id = id(index);
    item.picture.pixels = picture.permute({2, 1, 0}).contiguous();
    const Tensor plane = mask.t().contiguous().to(at::kLong);
    item.segmentation = at::full_like(plane, DatasetItem::kBackground)
                            .masked_fill_(plane > 0, 0)
                            .masked_fill_(plane < 0, DatasetItem::kUnlabelled);
    item.labels = {0};
    item.objects = {{.label = 0, .mask = plane > 0}};
    return item;
  }

  std::vector<DatasetProblem> check() const override {
    return check_each(*this, [&](std::int64_t index, std::vector<DatasetProblem>& problems) {
      const DatasetItem item = read(index);
      if (!item.objects.front().mask.any().item<bool>()) {
        problems.push_back({.id = item.id, .what = "its mask covers no pixel", .readable = true});
      }
    });
  }

 private:
  std::string path_;
  std::vector<hobj_ref_t> pictures_, masks_;
};

std::unique_ptr<Dataset> open(const GtsegsOptions& o, Spec spec) {
  if (o.file.empty()) fail(ErrorCode::InvalidArgument, "give the file: gtsegs(gtsegs_ijcv.mat)");
  return std::make_unique<GtsegsDataset>(o, std::move(spec));
}

}  // namespace

DatasetEntry dataset_gtsegs() {
  return define_dataset<GtsegsOptions>(info(), fields, open, "file");
}

}  // namespace limn
