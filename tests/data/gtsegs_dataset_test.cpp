// The data set `gtsegs`: a small file of its layout, written with the HDF5 library as MATLAB v7.3
// does: axes reversed, cells as references.
#include <hdf5.h>
#include <zlib.h>

#include "support/dataset_folder.h"

namespace limn {
namespace {

using testing::problems_of;

/// Writes files of gtsegs_ijcv.mat's layout.
class MatFile {
 public:
  explicit MatFile(const std::string& path)
      : file_(H5Fcreate(path.c_str(), H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT)) {
    H5Gclose(H5Gcreate2(file_, "/value", H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT));
    H5Gclose(H5Gcreate2(file_, "/#refs#", H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT));
  }
  ~MatFile() { H5Fclose(file_); }

  /// How numbers are stored; by default as MATLAB does, in one chunk here.
  struct Storage {
    hid_t type = H5T_NATIVE_UCHAR;
    std::vector<hsize_t> chunk = {};
    bool shuffled = false, summed = false;
    std::string compressed = {};  ///< what the first chunk holds in place of its values
  };
  /// A uint8 tensor as a data set of its shape.
  hobj_ref_t bytes(const Tensor& tensor, const Storage& storage) {
    std::vector<hsize_t> shape(tensor.sizes().begin(), tensor.sizes().end());
    const std::vector<hsize_t>& chunk = storage.chunk.empty() ? shape : storage.chunk;
    const hid_t how = H5Pcreate(H5P_DATASET_CREATE);
    H5Pset_chunk(how, static_cast<int>(chunk.size()), chunk.data());
    if (storage.shuffled) H5Pset_shuffle(how);
    H5Pset_deflate(how, 3);
    if (storage.summed) H5Pset_fletcher32(how);
    const Tensor data = tensor.to(at::kByte).contiguous();
    const std::string name = next_name();
    write(name, shape, storage, data.data_ptr(), how);
    H5Pclose(how);
    return reference(name);
  }
  hobj_ref_t bytes(const Tensor& tensor) { return bytes(tensor, Storage()); }
  hobj_ref_t references(const std::vector<hobj_ref_t>& list, std::string name = "") {
    if (name.empty()) name = next_name();
    Storage references;
    references.type = H5T_STD_REF_OBJ;
    write(name, {list.size(), 1}, references, list.data(), H5P_DEFAULT);
    return reference(name);
  }

 private:
  std::string next_name() { return "/#refs#/" + std::to_string(++count_); }
  hobj_ref_t reference(const std::string& name) {
    hobj_ref_t out{};
    H5Rcreate(&out, file_, name.c_str(), H5R_OBJECT, -1);
    return out;
  }
  void write(const std::string& name, const std::vector<hsize_t>& shape, const Storage& storage,
             const void* data, hid_t how) {
    const hid_t space = H5Screate_simple(static_cast<int>(shape.size()), shape.data(), nullptr);
    const hid_t set =
        H5Dcreate2(file_, name.c_str(), storage.type, space, H5P_DEFAULT, how, H5P_DEFAULT);
    const hid_t given = storage.type == H5T_STD_REF_OBJ ? H5T_STD_REF_OBJ : H5T_NATIVE_UCHAR;
    H5Dwrite(set, given, H5S_ALL, H5S_ALL, H5P_DEFAULT, data);
    if (!storage.compressed.empty()) {
      const std::vector<hsize_t> first(shape.size(), 0);
      H5Dwrite_chunk(set, H5P_DEFAULT, 0, first.data(), storage.compressed.size(),
                     storage.compressed.data());
    }
    H5Dclose(set);
    H5Sclose(space);
  }
  hid_t file_;
  int count_ = 0;
};

class GtsegsDataset : public ::testing::Test {
 protected:
  /// Two pictures of 7 x 5 and 4 x 6 pixels; the second's mask as given.
  void write(const Tensor& second_mask, const MatFile::Storage& of_pictures = {},
             const MatFile::Storage& of_masks = {}) {
    MatFile file(path());
    std::vector<hobj_ref_t> pictures, masks;
    for (const auto& picture : pictures_) {
      pictures.push_back(file.bytes(picture.permute({2, 1, 0}), of_pictures));
    }
    for (const Tensor& mask : {mask_, second_mask}) {
      masks.push_back(file.references({file.bytes(mask.t(), of_masks)}));
    }
    file.references(pictures, "/value/img");
    file.references(masks, "/value/gt");
  }
  std::string path() const { return folder_ / "gtsegs_ijcv.mat"; }
  std::unique_ptr<Dataset> open() const { return make_dataset("gtsegs(\"" + path() + "\")"); }

  std::vector<Tensor> pictures_ = {(at::rand({5, 7, 3}) * 255).to(at::kByte),
                                   (at::rand({6, 4, 3}) * 255).to(at::kByte)};
  Tensor mask_ = (at::rand({5, 7}) > .5).to(at::kByte);
  testing::TemporaryFolder folder_;
};

TEST_F(GtsegsDataset, PicturesAndMasksComeBack) {
  const Tensor second = at::ones({6, 4}, at::kByte);
  write(second);
  const auto data = open();
  ASSERT_EQ(data->size(), 2);
  EXPECT_TRUE(data->class_agnostic());
  EXPECT_EQ(data->labels(), std::vector<std::string>{"object"});
  EXPECT_EQ(problems_of(*data), "");
  const DatasetItem item = data->read(0);
  EXPECT_EQ(item.id, "gtsegs-0000");
  EXPECT_TRUE(item.picture.pixels.equal(pictures_[0])) << "rows and columns are not exchanged";
  EXPECT_TRUE(item.truth(0).mask().equal(mask_ == 1));
  EXPECT_TRUE((item.segmentation == 0).equal(mask_ == 1));
  EXPECT_EQ(data->labels_of(1), std::vector<int>{0});
  EXPECT_TRUE(data->read(1).picture.pixels.equal(pictures_[1]));
  EXPECT_TRUE(data->read(1).truth(0).mask().equal(second == 1));
  LIMN_EXPECT_ERROR("no item 2", data->read(2));
}

TEST_F(GtsegsDataset, ChunksOfAnySizeAndNumbersOfAnyTypeComeBack) {
  MatFile::Storage pieces, doubles;
  pieces.chunk = {2, 3, 2};
  doubles.chunk = {3, 2};
  doubles.shuffled = true;
  doubles.type = H5T_IEEE_F64BE;
  const Tensor second = at::ones({6, 4}, at::kByte);
  write(second, pieces, doubles);
  const auto data = open();
  for (int i = 0; i < 2; ++i) {
    const DatasetItem item = data->read(i);
    EXPECT_TRUE(item.picture.pixels.equal(pictures_[static_cast<std::size_t>(i)]));
    EXPECT_TRUE(item.truth(0).mask().equal((i == 0 ? mask_ : second) == 1));
  }
}

/// HDF5 itself reads past the end of a chunk that decompresses to less than a chunk.
TEST_F(GtsegsDataset, ChunksThatAreNotWhatTheyPromiseAreRefused) {
  const std::string few = "four";
  MatFile::Storage storage;
  storage.compressed.resize(100);
  uLongf length = storage.compressed.size();
  ASSERT_EQ(compress(reinterpret_cast<Bytef*>(storage.compressed.data()), &length,
                     reinterpret_cast<const Bytef*>(few.data()), few.size()),
            Z_OK);
  storage.compressed.resize(length);
  write(at::ones({6, 4}, at::kByte), storage);
  LIMN_EXPECT_ERROR("picture 0 has a chunk that cannot be decompressed", open()->read(0));
  storage.compressed = "no zlib";
  write(at::ones({6, 4}, at::kByte), storage);
  LIMN_EXPECT_ERROR("picture 0 has a chunk that cannot be decompressed", open()->read(0));
  MatFile::Storage summed;
  summed.summed = true;
  write(at::ones({6, 4}, at::kByte), summed);
  LIMN_EXPECT_ERROR("packed by HDF5's filter 3", open()->read(0));
}

TEST_F(GtsegsDataset, MasksOfAnotherSizeOrWithoutPixelsAreReported) {
  write(at::ones({4, 6}, at::kByte));
  EXPECT_NE(problems_of(*open()).find("gtsegs-0001: "), std::string::npos);
  LIMN_EXPECT_ERROR("picture 1, its mask is 6 x 4 pixels, the picture 4 x 6", open()->read(1));
  EXPECT_EQ(open()->read(0).picture.width(), 7);
  write(at::zeros({6, 4}, at::kByte));
  const auto problems = open()->check();
  ASSERT_EQ(problems.size(), 1U);
  EXPECT_TRUE(problems[0].readable);
  EXPECT_NE(problems[0].what.find("covers no pixel"), std::string::npos);
}

TEST_F(GtsegsDataset, OtherFilesAreRefused) {
  LIMN_EXPECT_ERROR("no file", open());
  LIMN_EXPECT_ERROR("give the file", make_dataset("gtsegs"));
  testing::write_text(path(), "MATLAB 5.0 MAT-file");
  LIMN_EXPECT_ERROR("is no MATLAB v7.3 file", open());
  { MatFile empty(path()); }
  LIMN_EXPECT_ERROR("/value/img cannot be opened", open());
  {
    MatFile other(path());
    other.references({other.bytes(mask_)}, "/value/img");
    other.references({}, "/value/gt");
  }
  LIMN_EXPECT_ERROR("1 pictures and 0 masks", open());
  {
    MatFile flat(path());
    flat.references({flat.bytes(mask_)}, "/value/img");
    flat.references({flat.bytes(mask_)}, "/value/gt");
  }
  LIMN_EXPECT_ERROR("has other axes than [3, W, H]", open()->read(0));
  {
    MatFile direct(path());
    direct.references({direct.bytes(pictures_[0].permute({2, 1, 0}))}, "/value/img");
    direct.references({direct.bytes(mask_.t())}, "/value/gt");
  }
  LIMN_EXPECT_ERROR("its mask holds no references", open()->read(0));
}

/// A file cut or changed at many places: an error that names it, or what was there before.
TEST_F(GtsegsDataset, DamagedFilesNeverCrash) {
  write(at::ones({6, 4}, at::kByte));
  const std::string bytes = testing::read_text(path());
  int refused = 0;
  const auto attempt = [&](const std::string& damaged) {
    testing::write_text(path(), damaged);
    try {
      const auto data = open();
      for (std::int64_t i = 0; i < std::min<std::int64_t>(data->size(), 3); ++i) data->read(i);
    } catch (const Error& error) {
      EXPECT_NE(std::string(error.what()).find("gtsegs_ijcv.mat"), std::string::npos)
          << error.what();
      ++refused;
    }
  };
  for (std::size_t i = 0; i < 60; ++i) attempt(bytes.substr(0, bytes.size() * i / 60));
  for (std::size_t i = 0; i < 200; ++i) {
    std::string damaged = bytes;
    for (std::size_t j = 0; j < 4; ++j) {
      damaged[(i * 7919 + j * 104729) % bytes.size()] = static_cast<char>(i * 37 + j);
    }
    attempt(damaged);
  }
  EXPECT_GT(refused, 60);
}

}  // namespace
}  // namespace limn
