// The elements of an HDF5 data set, from files that may be damaged.
#pragma once
#include <hdf5.h>

#include <string>
#include <utility>
#include <vector>

#include "limn/error.h"

namespace limn {

/// An open thing of HDF5.
class Hdf5Handle {
 public:
  /// Throws BadInput where the opening failed.
  Hdf5Handle(hid_t id, herr_t (*close)(hid_t), const std::string& what) : id_(id), close_(close) {
    if (id < 0) fail(ErrorCode::BadInput, what, " cannot be opened; is the file damaged?");
  }
  ~Hdf5Handle() {
    if (id_ >= 0) close_(id_);
  }
  Hdf5Handle(Hdf5Handle&& other) noexcept
      : id_(std::exchange(other.id_, -1)), close_(other.close_) {}
  Hdf5Handle& operator=(Hdf5Handle&&) = delete;
  operator hid_t() const { return id_; }

 private:
  hid_t id_;
  herr_t (*close_)(hid_t);
};

/// Sides of a data set of 1 to 4 axes; throws BadInput for others.
std::vector<hsize_t> hdf5_shape(hid_t data, const std::string& what);

/// Reads the whole data set into `out`, which takes its elements as HDF5's `type`. HDF5 1.10 reads
/// past the end of what a damaged file stores in less space than it promises, so that lengths are
/// compared before, and chunks are decompressed here. Throws BadInput where they differ, and for
/// filters other than deflate and shuffle.
void read_hdf5(hid_t data, hid_t type, void* out, const std::string& what);

}  // namespace limn
