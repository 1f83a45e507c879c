// NumPy's .npy format: magic, version, header length, a Python dict literal, raw elements.
// Source: numpy/lib/format.py.
#include "limn/npy.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <bit>
#include <cstring>
#include <filesystem>
#include <map>
#include <tuple>

#include "image/file.h"
#include "limn/error.h"

namespace limn {
namespace {

constexpr std::string_view kMagic("\x93NUMPY", 6);

struct Header {
  char order = '<';
  char kind = 'f';
  std::size_t bytes = 4;
  std::vector<std::int64_t> shape;
};

/// Reads the few forms of dict that numpy writes; anything else is refused.
class HeaderParser {
 public:
  HeaderParser(std::string_view text, const std::string& name) : text_(text), name_(name) {}

  Header read() {
    Header header;
    bool descr = false, order = false, shape = false;
    expect('{');
    while (peek() != '}') {
      const std::string key = quoted();
      expect(':');
      if (key == "descr") {
        const std::string type = quoted();
        if (type.size() < 3) bad("an element type such as '<f4'");
        header.order = type[0];
        header.kind = type[1];
        header.bytes = 0;
        for (const char c : type.substr(2)) {
          if (c < '0' || c > '9' || header.bytes > 16) bad("an element type such as '<f4'");
          header.bytes = header.bytes * 10 + static_cast<std::size_t>(c - '0');
        }
        descr = true;
      } else if (key == "fortran_order") {
        if (word() != "False") {
          fail(ErrorCode::BadInput, name_,
               ": Fortran order; save with numpy.ascontiguousarray(array)");
        }
        order = true;
      } else if (key == "shape") {
        header.shape = tuple();
        shape = true;
      } else {
        bad("descr, fortran_order or shape");
      }
      if (peek() == ',') ++at_;
    }
    if (!descr || !order || !shape) bad("descr, fortran_order and shape");
    return header;
  }

 private:
  [[noreturn]] void bad(const std::string& expected) const {
    fail(ErrorCode::BadInput, name_, ": not a readable .npy header; expected ", expected);
  }
  char peek() {
    while (at_ < text_.size() && (text_[at_] == ' ' || text_[at_] == '\n')) ++at_;
    if (at_ >= text_.size()) bad("more text");
    return text_[at_];
  }
  void expect(char c) {
    if (peek() != c) bad(std::string("'") + c + "'");
    ++at_;
  }
  std::string quoted() {
    const char quote = peek();
    if (quote != '\'' && quote != '"') bad("a quoted word");
    const std::size_t end = text_.find(quote, ++at_);
    if (end == std::string_view::npos) bad("a closing quote");
    std::string out(text_.substr(at_, end - at_));
    at_ = end + 1;
    return out;
  }
  std::string word() {
    peek();
    std::string out;
    while (at_ < text_.size() && std::isalpha(static_cast<unsigned char>(text_[at_]))) {
      out += text_[at_++];
    }
    return out;
  }
  std::vector<std::int64_t> tuple() {
    std::vector<std::int64_t> out;
    expect('(');
    while (peek() != ')') {
      std::int64_t value = 0;
      const std::size_t start = at_;
      while (at_ < text_.size() && text_[at_] >= '0' && text_[at_] <= '9') {
        value = value * 10 + (text_[at_++] - '0');
        if (value > (std::int64_t{1} << 40)) bad("smaller dimensions");
      }
      if (at_ == start || out.size() > 16) bad("a shape such as (1, 3, 224, 224)");
      out.push_back(value);
      if (peek() == ',') ++at_;
    }
    ++at_;
    return out;
  }

  std::string_view text_;
  const std::string& name_;
  std::size_t at_ = 0;
};

/// The libtorch type whose elements lie in the file, and the one they are widened to.
std::pair<at::ScalarType, at::ScalarType> types_of(const Header& header, const std::string& name) {
  const std::string type = header.kind + std::to_string(header.bytes);
  static const std::map<std::string, std::pair<at::ScalarType, at::ScalarType>> known = {
      {"f2", {at::kHalf, at::kHalf}},     {"f4", {at::kFloat, at::kFloat}},
      {"f8", {at::kDouble, at::kDouble}}, {"i1", {at::kChar, at::kChar}},
      {"i2", {at::kShort, at::kShort}},   {"i4", {at::kInt, at::kInt}},
      {"i8", {at::kLong, at::kLong}},     {"u1", {at::kByte, at::kByte}},
      {"u2", {at::kShort, at::kInt}},     {"u4", {at::kInt, at::kLong}},
      {"b1", {at::kBool, at::kBool}}};
  const auto found = known.find(type);
  if (found == known.end()) {
    fail(ErrorCode::BadInput, name, ": elements of type \"", header.order, type,
         "\" are not read; save as float32: array.astype(\"float32\")");
  }
  return found->second;
}

std::string type_text(at::ScalarType type) {
  switch (type) {
    case at::kHalf:
      return "<f2";
    case at::kFloat:
      return "<f4";
    case at::kDouble:
      return "<f8";
    case at::kChar:
      return "|i1";
    case at::kShort:
      return "<i2";
    case at::kInt:
      return "<i4";
    case at::kLong:
      return "<i8";
    case at::kByte:
      return "|u1";
    case at::kBool:
      return "|b1";
    default:
      fail(ErrorCode::InvalidArgument, "no .npy form for elements of type ", toString(type));
  }
}

/// Where the elements of a file lie.
struct Layout {
  Header header;
  at::ScalarType stored = at::kFloat, wanted = at::kFloat;
  std::size_t start = 0, count = 0;
};

/// From the beginning of a file of `file_size` bytes.
Layout layout_of(std::string_view bytes, std::size_t file_size, const std::string& name) {
  if (bytes.size() < 10 || bytes.substr(0, 6) != kMagic) {
    fail(ErrorCode::BadInput, name, ": not a .npy file; save it with numpy.save");
  }
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(bytes[i]); };
  const bool wide = byte(6) >= 2;
  if (byte(6) < 1 || byte(6) > 3 || (wide && bytes.size() < 12)) {
    fail(ErrorCode::BadInput, name, ": .npy format version ", int{byte(6)}, " is not known");
  }
  std::size_t length = byte(8) | (std::size_t{byte(9)} << 8);
  if (wide) length |= (std::size_t{byte(10)} << 16) | (std::size_t{byte(11)} << 24);
  const std::size_t start = wide ? 12 : 10;
  if (length > bytes.size() - start) fail(ErrorCode::BadInput, name, ": truncated in its header");
  Layout layout;
  layout.header = HeaderParser(bytes.substr(start, length), name).read();
  const Header& header = layout.header;
  std::tie(layout.stored, layout.wanted) = types_of(header, name);
  layout.start = start + length;

  const std::size_t available = file_size - layout.start;
  const bool empty = std::find(header.shape.begin(), header.shape.end(), 0) != header.shape.end();
  std::size_t count = empty ? 0 : 1;
  for (const std::int64_t size : header.shape) {
    // Anything beyond the file's own length is refused, so this cannot overflow.
    if (!empty && count > available / static_cast<std::size_t>(size)) count = available + 1;
    count *= static_cast<std::size_t>(size);
    if (count > available) break;
  }
  if (count > available || count * header.bytes != available) {
    fail(ErrorCode::BadInput, name, ": its header promises ", at::IntArrayRef(header.shape), " x ",
         header.bytes, " bytes but ", available, " bytes follow; the file is truncated or damaged");
  }
  layout.count = count;
  return layout;
}

}  // namespace

Tensor decode_npy(std::string_view bytes, const std::string& name) {
  const auto [header, stored, wanted, start, count] = layout_of(bytes, bytes.size(), name);
  Tensor out = at::empty(header.shape, at::TensorOptions().dtype(stored));
  if (count > 0) std::memcpy(out.data_ptr(), bytes.data() + start, bytes.size() - start);
  if (header.order == '>' && header.bytes > 1) {
    auto* raw = static_cast<char*>(out.data_ptr());
    for (std::size_t i = 0; i < count; ++i) {
      std::reverse(raw + i * header.bytes, raw + (i + 1) * header.bytes);
    }
  }
  if (wanted == stored) return out;
  out = out.to(wanted);
  return at::bitwise_and(out, header.bytes == 2 ? std::int64_t{0xffff} : std::int64_t{0xffffffff});
}

Tensor read_npy(const std::string& path) { return decode_npy(read_file(path), path); }

std::vector<std::int64_t> read_npy_shape(const std::string& path) {
  // All of any header that can be read: its length has 16 bits, but for lists of fields.
  const std::string head = read_file(path, 12 + 65535);
  const auto size = static_cast<std::size_t>(std::filesystem::file_size(path));
  return layout_of(head, std::max(size, head.size()), path).header.shape;
}

std::string encode_npy(const Tensor& tensor) {
  static_assert(std::endian::native == std::endian::little, "files are written as memory lies");
  const Tensor data = tensor.detach().to(at::kCPU).contiguous();
  std::string header =
      "{'descr': '" + type_text(data.scalar_type()) + "', 'fortran_order': False, 'shape': (";
  for (const std::int64_t size : data.sizes()) header += std::to_string(size) + ", ";
  if (data.dim() > 1) header.resize(header.size() - 2);
  if (data.dim() == 1) header.resize(header.size() - 1);
  header += "), }";
  // The elements start at a multiple of 64 bytes.
  header.append(63 - (10 + header.size()) % 64, ' ');
  header += '\n';
  std::string out(kMagic);
  out += '\x01';
  out += '\x00';
  out += static_cast<char>(header.size() & 0xff);
  out += static_cast<char>(header.size() >> 8);
  out += header;
  out.append(static_cast<const char*>(data.data_ptr()), data.nbytes());
  return out;
}

void write_npy(const std::string& path, const Tensor& tensor) {
  write_file(path, encode_npy(tensor));
}

}  // namespace limn
