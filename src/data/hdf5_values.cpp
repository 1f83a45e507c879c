// See hdf5_values.h.
#include "data/hdf5_values.h"

#include <ATen/ATen.h>
#include <zlib.h>

#include <algorithm>
#include <cstring>

#include "limn/tensor.h"

namespace limn {
namespace {

using Bytes = std::vector<unsigned char>;

constexpr hsize_t kMostChunks = 1'000'000;
constexpr hsize_t kMostBytes = hsize_t{1} << 30;

/// The product of `factors`; throws where it is zero or more than `most`.
hsize_t product(const std::vector<hsize_t>& factors, hsize_t most, const std::string& what) {
  hsize_t all = 1;
  for (const hsize_t one : factors) {
    if (one < 1 || one > most / all) {
      fail(ErrorCode::BadInput, what, " has sizes that cannot be right; is the file damaged?");
    }
    all *= one;
  }
  return all;
}

std::vector<std::int64_t> signed_sizes(const std::vector<hsize_t>& sizes) {
  return {sizes.begin(), sizes.end()};
}

Bytes inflated(const Bytes& stored, std::size_t bytes, const std::string& what) {
  Bytes out(bytes);
  uLongf length = bytes;
  if (uncompress(out.data(), &length, stored.data(), stored.size()) != Z_OK || length != bytes) {
    fail(ErrorCode::BadInput, what,
         " has a chunk that cannot be decompressed; is the file damaged?");
  }
  return out;
}

/// First bytes of all elements, then second bytes and so on, put back together.
Bytes unshuffled(const Bytes& stored, std::size_t element) {
  Bytes out(stored.size());
  const std::size_t count = stored.size() / element;
  for (std::size_t i = 0; i < count; ++i) {
    for (std::size_t b = 0; b < element; ++b) out[i * element + b] = stored[b * count + i];
  }
  std::copy(stored.begin() + static_cast<std::ptrdiff_t>(count * element), stored.end(),
            out.begin() + static_cast<std::ptrdiff_t>(count * element));
  return out;
}

/// A data set that is stored in chunks.
class Chunks {
 public:
  Chunks(hid_t data, hid_t list, std::vector<hsize_t> shape, std::size_t element, std::string what)
      : data_(data), shape_(std::move(shape)), element_(element), what_(std::move(what)) {
    side_.resize(shape_.size());
    if (H5Pget_chunk(list, static_cast<int>(side_.size()), side_.data()) !=
        static_cast<int>(side_.size())) {
      fail(ErrorCode::BadInput, what_, " has chunks of other axes; is the file damaged?");
    }
    std::vector<hsize_t> sizes = side_;
    sizes.push_back(element_);
    bytes_ = product(sizes, kMostBytes, what_);
    std::vector<hsize_t> counts;
    for (std::size_t d = 0; d < side_.size(); ++d) {
      counts.push_back((shape_[d] - 1) / side_[d] + 1);
    }
    product(counts, kMostChunks, what_);
    for (int i = 0; i < H5Pget_nfilters(list); ++i) filters_.push_back(filter(list, i));
  }

  /// uint8 [shape..., bytes of an element].
  Tensor read() const {
    std::vector<std::int64_t> sizes = signed_sizes(shape_);
    sizes.push_back(static_cast<std::int64_t>(element_));
    Tensor out = at::zeros(sizes, at::kByte);
    std::vector<hsize_t> offset(shape_.size(), 0);
    do {
      copy(offset, out);
    } while (next(offset));
    return out;
  }

 private:
  H5Z_filter_t filter(hid_t list, int place) const {
    unsigned flags = 0, config = 0;
    std::size_t values = 0;
    const H5Z_filter_t one = H5Pget_filter2(list, static_cast<unsigned>(place), &flags, &values,
                                            nullptr, 0, nullptr, &config);
    if (one != H5Z_FILTER_DEFLATE && one != H5Z_FILTER_SHUFFLE) {
      fail(ErrorCode::BadInput, what_, " is packed by HDF5's filter ", one,
           "; limn reads deflate and shuffle, as MATLAB writes them");
    }
    return one;
  }

  [[noreturn]] void refuse() const {
    fail(ErrorCode::BadInput, what_, " cannot be read; is the file damaged?");
  }

  /// To the next chunk; false past the last.
  bool next(std::vector<hsize_t>& offset) const {
    for (std::size_t d = offset.size(); d-- > 0;) {
      offset[d] += side_[d];
      if (offset[d] < shape_[d]) return true;
      offset[d] = 0;
    }
    return false;
  }

  /// Empty where the file leaves the chunk out: it is zeros.
  Bytes chunk(const std::vector<hsize_t>& offset) const {
    hsize_t length = 0;
    if (H5Dget_chunk_storage_size(data_, offset.data(), &length) < 0) refuse();
    if (length == 0) return {};
    // Deflate makes nothing longer than this.
    if (length > bytes_ + bytes_ / 8 + 1024) refuse();
    Bytes bytes(static_cast<std::size_t>(length));
    std::uint32_t skipped = 0;
    if (H5Dread_chunk(data_, H5P_DEFAULT, offset.data(), &skipped, bytes.data()) < 0) refuse();
    for (std::size_t i = filters_.size(); i-- > 0;) {
      if ((skipped >> i & 1U) != 0) continue;
      bytes = filters_[i] == H5Z_FILTER_DEFLATE
                  ? inflated(bytes, static_cast<std::size_t>(bytes_), what_)
                  : unshuffled(bytes, element_);
    }
    if (bytes.size() != bytes_) {
      fail(ErrorCode::BadInput, what_, " has a chunk of ", bytes.size(), " bytes, not ", bytes_,
           "; is the file damaged?");
    }
    return bytes;
  }

  void copy(const std::vector<hsize_t>& offset, const Tensor& out) const {
    Bytes bytes = chunk(offset);
    if (bytes.empty()) return;
    std::vector<std::int64_t> sizes = signed_sizes(side_);
    sizes.push_back(static_cast<std::int64_t>(element_));
    Tensor from = at::from_blob(bytes.data(), sizes, at::kByte), to = out;
    for (std::size_t d = 0; d < offset.size(); ++d) {
      const auto axis = static_cast<std::int64_t>(d);
      const auto length = static_cast<std::int64_t>(std::min(side_[d], shape_[d] - offset[d]));
      from = from.narrow(axis, 0, length);
      to = to.narrow(axis, static_cast<std::int64_t>(offset[d]), length);
    }
    to.copy_(from);
  }

  hid_t data_;
  std::vector<hsize_t> shape_, side_;
  std::size_t element_;
  std::string what_;
  hsize_t bytes_ = 0;  ///< of a chunk
  std::vector<H5Z_filter_t> filters_;
};

}  // namespace

std::vector<hsize_t> hdf5_shape(hid_t data, const std::string& what) {
  const Hdf5Handle space(H5Dget_space(data), H5Sclose, what);
  const int rank = H5Sget_simple_extent_ndims(space);
  if (rank < 1 || rank > 4) fail(ErrorCode::BadInput, what, " has ", rank, " axes");
  std::vector<hsize_t> shape(static_cast<std::size_t>(rank));
  H5Sget_simple_extent_dims(space, shape.data(), nullptr);
  return shape;
}

void read_hdf5(hid_t data, hid_t type, void* out, const std::string& what) {
  const Hdf5Handle stored(H5Dget_type(data), H5Tclose, what);
  const Hdf5Handle list(H5Dget_create_plist(data), H5Pclose, what);
  const std::vector<hsize_t> shape = hdf5_shape(data, what);
  const std::size_t element = H5Tget_size(stored), wanted = H5Tget_size(type);
  std::vector<hsize_t> sizes = shape;
  sizes.push_back(std::max(element, wanted));
  const hsize_t bytes = product(sizes, kMostBytes, what);
  const hsize_t count = bytes / sizes.back();
  if (H5Pget_layout(list) != H5D_CHUNKED) {
    const hsize_t promised = count * element;
    if (H5Dget_storage_size(data) < promised) {
      fail(ErrorCode::BadInput, what, " stores ", H5Dget_storage_size(data), " bytes of ", promised,
           "; is the file damaged?");
    }
    if (H5Dread(data, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, out) < 0) {
      fail(ErrorCode::BadInput, what, " cannot be read; is the file damaged?");
    }
    return;
  }
  const Tensor raw = Chunks(data, list, shape, element, what).read();
  Bytes buffer(static_cast<std::size_t>(bytes));
  std::memcpy(buffer.data(), raw.data_ptr(), raw.nbytes());
  if (H5Tequal(stored, type) <= 0 && H5Tconvert(stored, type, static_cast<std::size_t>(count),
                                                buffer.data(), nullptr, H5P_DEFAULT) < 0) {
    fail(ErrorCode::BadInput, what, " holds elements of a type that cannot be converted");
  }
  std::memcpy(out, buffer.data(), static_cast<std::size_t>(count) * wanted);
}

}  // namespace limn
