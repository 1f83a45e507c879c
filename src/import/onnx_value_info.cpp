// Reads ValueInfoProto (name, element type, shape) and StringStringEntryProto.
#include "import/onnx_parts.h"
#include "import/wire.h"
#include "limn/error.h"

namespace limn {
namespace {

void read_shape(std::string_view bytes, ValueInfo& info) {
  Message message(bytes);
  while (message.next()) {
    if (message.field() != 1) {
      message.skip();
      continue;
    }
    if (info.shape.size() == kMostDimensions) {
      fail(ErrorCode::BadModel, "has more than ", kMostDimensions, " dimensions");
    }
    std::int64_t size = -1;
    std::string name;
    Message dim(message.bytes());
    while (dim.next()) {
      if (dim.field() == 1) {
        size = dim.integer();
        if (size < -1 || size > (std::int64_t{1} << 40)) {
          fail(ErrorCode::BadModel, "has the dimension ", size);
        }
        // Several exporters write 0 or -1 for "any".
        if (size == 0) size = -1;
      } else if (dim.field() == 2) {
        name = dim.text();
      } else {
        dim.skip();
      }
    }
    info.shape.push_back(size);
    info.dim_names.push_back(size >= 0 ? std::string() : std::move(name));
  }
}

void read_tensor_type(std::string_view bytes, ValueInfo& info, bool is_input) {
  Message message(bytes);
  while (message.next()) {
    if (message.field() == 1) {
      const std::int64_t type = message.integer();
      const auto known = scalar_type_of(type);
      if (!known && is_input) {
        fail(ErrorCode::Unsupported, "is an input of ", onnx_type_name(type),
             ", which limn does not read");
      }
      info.dtype = known.value_or(at::kFloat);
    } else if (message.field() == 2) {
      info.has_shape = true;
      read_shape(message.bytes(), info);
    } else {
      message.skip();
    }
  }
}

}  // namespace

ValueInfo read_value_info(std::string_view bytes, bool is_input) {
  ValueInfo info;
  std::string_view type;
  Message message(bytes);
  while (message.next()) {
    switch (message.field()) {
      case 1:
        info.name = message.text();
        break;
      case 2:
        type = message.bytes();
        break;
      default:
        message.skip();
    }
  }
  return in_context([&] { return concat("value \"", info.name, "\""); },
                    [&] {
                      Message kinds(type);
                      while (kinds.next()) {
                        if (kinds.field() == 1) {
                          read_tensor_type(kinds.bytes(), info, is_input);
                        } else if (is_input && kinds.field() != 6) {
                          fail(ErrorCode::Unsupported, "is an input that is no tensor");
                        } else {
                          kinds.skip();
                        }
                      }
                      return info;
                    });
}

std::pair<std::string, std::string> read_pair(std::string_view bytes) {
  std::pair<std::string, std::string> entry;
  Message message(bytes);
  while (message.next()) {
    switch (message.field()) {
      case 1:
        entry.first = message.text();
        break;
      case 2:
        entry.second = message.text();
        break;
      default:
        message.skip();
    }
  }
  return entry;
}

}  // namespace limn
