// See onnx_tensor.h. Field numbers are those of onnx.proto (TensorProto).
#include "import/onnx_tensor.h"

#include <ATen/ATen.h>

#include <charconv>
#include <cstring>
#include <utility>

#include "import/onnx_parts.h"
#include "import/wire.h"
#include "limn/error.h"

namespace limn {
namespace {

enum Type : std::int64_t {
  kFloat = 1,
  kUint8,
  kInt8,
  kUint16,
  kInt16,
  kInt32,
  kInt64,
  kString,
  kBool,
  kFloat16,
  kDouble,
  kUint32,
  kUint64,
  kComplex64,
  kComplex128,
  kBfloat16
};

constexpr std::int64_t kMostElements = std::int64_t{1} << 40;

struct Header {
  std::string name;
  std::vector<std::int64_t> dims;
  std::int64_t type = 0;
  std::string_view raw;
  bool has_raw = false, is_external = false, is_segment = false;
  std::vector<std::pair<std::string, std::string>> external;
};

Header read_header(std::string_view bytes) {
  Header header;
  Message message(bytes);
  while (message.next()) {
    switch (message.field()) {
      case 1:
        message.each_integer([&](std::int64_t dim) {
          if (header.dims.size() >= kMostDimensions) {
            fail(ErrorCode::BadModel, "a tensor has more than ", kMostDimensions, " dimensions");
          }
          header.dims.push_back(dim);
        });
        break;
      case 2:
        header.type = message.integer();
        break;
      case 3:
        header.is_segment = true;
        message.skip();
        break;
      case 8:
        header.name = message.text();
        break;
      case 9:
        header.raw = message.bytes();
        header.has_raw = true;
        break;
      case 13: {
        if (header.external.size() >= 16) fail(ErrorCode::BadModel, "too many external entries");
        header.external.push_back(read_pair(message.bytes()));
        break;
      }
      case 14:
        header.is_external = message.integer() == 1;
        break;
      default:
        message.skip();
    }
  }
  return header;
}

std::int64_t element_count(const std::vector<std::int64_t>& dims) {
  std::int64_t count = 1, extent = 1;
  for (const std::int64_t dim : dims) {
    if (dim < 0) fail(ErrorCode::BadModel, "has a negative dimension (", dim, ")");
    // `extent` counts a zero as one, so that [0, 2^60, 2^60] is refused too.
    const std::int64_t factor = std::max<std::int64_t>(dim, 1);
    if (factor > kMostElements / extent) {
      fail(ErrorCode::BadModel, "claims more than 2^40 elements");
    }
    extent *= factor;
    count *= dim;
  }
  return count;
}

std::size_t raw_size(std::int64_t type) {
  switch (type) {
    case kUint8:
    case kInt8:
    case kBool:
      return 1;
    case kUint16:
    case kInt16:
    case kFloat16:
    case kBfloat16:
      return 2;
    case kFloat:
    case kInt32:
    case kUint32:
      return 4;
    default:
      return 8;
  }
}

std::uint64_t parse_size(const std::string& key, const std::string& text) {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) {
    fail(ErrorCode::BadModel, "external data ", key, " \"", text, "\" is not a byte count");
  }
  return value;
}

/// Points `header.raw` into the external file; returns that file.
std::shared_ptr<const MappedFile> find_external(Header& header, std::uint64_t wanted,
                                                ExternalData* external) {
  std::string location;
  std::uint64_t offset = 0;
  std::optional<std::uint64_t> length;
  for (const auto& [key, value] : header.external) {
    if (key == "location") location = value;
    if (key == "offset") offset = parse_size(key, value);
    if (key == "length") length = parse_size(key, value);
  }
  if (!external) fail(ErrorCode::BadModel, "has external data, which is not allowed here");
  auto file = external->open(location);
  const std::uint64_t size = file->bytes().size();
  const std::uint64_t taken = length.value_or(wanted);
  if (offset > size || taken > size - offset) {
    fail(ErrorCode::BadModel, "external data \"", location, "\" has ", size,
         " bytes, but the tensor takes ", taken, " from byte ", offset, " on");
  }
  header.raw = file->bytes().substr(offset, taken);
  header.has_raw = true;
  return file;
}

template <typename T>
T load(const char* from) {
  T value;
  std::memcpy(&value, from, sizeof(T));
  return value;
}

std::int64_t fit_unsigned(std::uint64_t value) {
  if (!std::in_range<std::int64_t>(value)) {
    fail(ErrorCode::BadModel, "holds the unsigned number ", value, ", over 2^63 - 1");
  }
  return static_cast<std::int64_t>(value);
}

template <typename Source, typename Target, typename Convert>
Tensor convert_raw(const Header& header, at::ScalarType type, Convert convert) {
  Tensor result = at::empty(header.dims, type);
  Target* out = result.data_ptr<Target>();
  const std::int64_t count = result.numel();
  for (std::int64_t i = 0; i < count; ++i) {
    out[i] = convert(load<Source>(header.raw.data() + i * sizeof(Source)));
  }
  return result;
}

Tensor from_raw(const Header& header, at::ScalarType type,
                const std::shared_ptr<const MappedFile>& file) {
  const auto half = [](std::uint16_t bits) {
    return static_cast<float>(c10::Half(bits, c10::Half::from_bits()));
  };
  const auto brain = [](std::uint16_t bits) {
    return static_cast<float>(c10::BFloat16(bits, c10::BFloat16::from_bits()));
  };
  switch (header.type) {
    case kBool:
      return convert_raw<std::uint8_t, bool>(header, type, [](auto v) { return v != 0; });
    case kUint16:
      return convert_raw<std::uint16_t, std::int64_t>(header, type, fit_unsigned);
    case kUint32:
      return convert_raw<std::uint32_t, std::int64_t>(header, type, fit_unsigned);
    case kUint64:
      return convert_raw<std::uint64_t, std::int64_t>(header, type, fit_unsigned);
    case kFloat16:
      return convert_raw<std::uint16_t, float>(header, type, half);
    case kBfloat16:
      return convert_raw<std::uint16_t, float>(header, type, brain);
    default:
      break;
  }
  const auto address = reinterpret_cast<std::uintptr_t>(header.raw.data());
  if (file && !header.raw.empty() && address % raw_size(header.type) == 0) {
    return at::from_blob(
        const_cast<char*>(header.raw.data()), header.dims, [file](void*) {}, type);
  }
  Tensor result = at::empty(header.dims, type);
  if (!header.raw.empty()) std::memcpy(result.data_ptr(), header.raw.data(), header.raw.size());
  if (file) file->release(header.raw);
  return result;
}

/// Decodes field `field` into the tensor; `visit(message, take)` names the wire form.
template <typename T, typename Visit, typename Convert>
Tensor fill(std::string_view bytes, const Header& header, at::ScalarType type, std::uint32_t field,
            Visit visit, Convert convert) {
  Tensor result = at::empty(header.dims, type);
  T* out = result.data_ptr<T>();
  const std::int64_t count = result.numel();
  std::int64_t filled = 0;
  Message message(bytes);
  while (message.next()) {
    if (message.field() != field) {
      message.skip();
      continue;
    }
    visit(message, [&](auto value) {
      if (filled == count) fail(ErrorCode::BadModel, "holds more than its ", count, " elements");
      out[filled++] = convert(value);
    });
  }
  if (filled != count) {
    fail(ErrorCode::BadModel, "declares ", count, " elements but holds ", filled);
  }
  return result;
}

template <typename T>
Tensor fill_integers(std::string_view bytes, const Header& header, at::ScalarType type,
                     std::uint32_t field = 5) {
  return fill<T>(
      bytes, header, type, field, [](Message& m, auto take) { m.each_integer(take); },
      [](std::int64_t value) {
        if (!std::in_range<T>(value)) {
          fail(ErrorCode::BadModel, "holds ", value, ", which its element type cannot");
        }
        return static_cast<T>(value);
      });
}

Tensor from_typed(std::string_view bytes, const Header& header, at::ScalarType type) {
  const auto integers = [](Message& m, auto take) { m.each_integer(take); };
  const auto bits = [](std::int64_t value) {
    if (!std::in_range<std::uint16_t>(value)) {
      fail(ErrorCode::BadModel, "holds ", value, ", which is not a 16-bit float");
    }
    return static_cast<std::uint16_t>(value);
  };
  switch (header.type) {
    case kFloat:
      return fill<float>(
          bytes, header, type, 4, [](Message& m, auto take) { m.each_float(take); },
          [](float v) { return v; });
    case kDouble:
      return fill<double>(
          bytes, header, type, 10, [](Message& m, auto take) { m.each_double(take); },
          [](double v) { return v; });
    case kUint8:
      return fill_integers<std::uint8_t>(bytes, header, type);
    case kInt8:
      return fill_integers<std::int8_t>(bytes, header, type);
    case kInt16:
      return fill_integers<std::int16_t>(bytes, header, type);
    case kUint16:
      return fill_integers<std::int64_t>(bytes, header, type);
    case kInt32:
      return fill_integers<std::int32_t>(bytes, header, type);
    case kInt64:
      return fill_integers<std::int64_t>(bytes, header, type, 7);
    case kBool:
      return fill<bool>(bytes, header, type, 5, integers, [](std::int64_t v) { return v != 0; });
    case kFloat16:
      return fill<float>(bytes, header, type, 5, integers, [&](std::int64_t v) {
        return static_cast<float>(c10::Half(bits(v), c10::Half::from_bits()));
      });
    case kBfloat16:
      return fill<float>(bytes, header, type, 5, integers, [&](std::int64_t v) {
        return static_cast<float>(c10::BFloat16(bits(v), c10::BFloat16::from_bits()));
      });
    default:  // uint32 and uint64
      return fill<std::int64_t>(bytes, header, type, 11, integers, [](std::int64_t v) {
        return fit_unsigned(static_cast<std::uint64_t>(v));
      });
  }
}

}  // namespace

std::optional<at::ScalarType> scalar_type_of(std::int64_t onnx_type) {
  switch (onnx_type) {
    case kFloat:
    case kFloat16:
    case kBfloat16:
      return at::kFloat;
    case kDouble:
      return at::kDouble;
    case kUint8:
      return at::kByte;
    case kInt8:
      return at::kChar;
    case kInt16:
      return at::kShort;
    case kInt32:
      return at::kInt;
    case kInt64:
    case kUint16:
    case kUint32:
    case kUint64:
      return at::kLong;
    case kBool:
      return at::kBool;
    default:
      return std::nullopt;
  }
}

std::string onnx_type_name(std::int64_t onnx_type) {
  constexpr const char* names[] = {"undefined",  "float32", "uint8",  "int8",   "uint16",
                                   "int16",      "int32",   "int64",  "string", "bool",
                                   "float16",    "float64", "uint32", "uint64", "complex64",
                                   "complex128", "bfloat16"};
  if (onnx_type >= 0 && onnx_type <= 16) return names[onnx_type];
  return concat("type ", onnx_type);
}

NamedTensor decode_tensor(std::string_view bytes, const TensorSource& source) {
  Header header = read_header(bytes);
  NamedTensor result;
  result.name = header.name;
  const auto where = [&] { return concat("tensor \"", header.name, "\""); };
  in_context(where, [&] {
    const auto type = scalar_type_of(header.type);
    if (!type) {
      result.unreadable = onnx_type_name(header.type) + " tensor";
      return;
    }
    if (header.is_segment) fail(ErrorCode::BadModel, "is stored in segments, which limn lacks");
    const auto count = static_cast<std::uint64_t>(element_count(header.dims));
    const std::uint64_t wanted = count * raw_size(header.type);
    auto file = source.file;
    if (header.is_external) file = find_external(header, wanted, source.external);
    if (header.has_raw) {
      if (header.raw.size() != wanted) {
        fail(ErrorCode::BadModel, "declares ", count, " elements of ", onnx_type_name(header.type),
             " (", wanted, " bytes) but holds ", header.raw.size(), " bytes");
      }
      result.value = from_raw(header, *type, file);
      return;
    }
    // Every element takes at least one byte, so a lie about the size is found before allocating.
    if (count > bytes.size()) {
      fail(ErrorCode::BadModel, "declares ", count, " elements but holds fewer");
    }
    result.value = from_typed(bytes, header, *type);
  });
  return result;
}

std::string onnx_type_name(at::ScalarType type) {
  switch (type) {
    case at::kBool:
      return "bool";
    case at::kByte:
      return "uint8";
    case at::kChar:
      return "int8";
    case at::kShort:
      return "int16";
    case at::kInt:
      return "int32";
    case at::kLong:
      return "int64";
    default:
      return at::toString(type);
  }
}

}  // namespace limn
