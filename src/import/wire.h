// One protobuf message, read field by field. protozero checks wire types by assertions only, which
// vanish in a release build; here each is checked, so that any bytes give an error, never a crash.
#pragma once
#include <cstdint>
#include <protozero/pbf_reader.hpp>
#include <string>
#include <string_view>

#include "limn/error.h"

namespace limn {

/// Throws Error(BadModel) or a protozero::exception (see `in_wire`) where the bytes do not fit.
class Message {
 public:
  explicit Message(std::string_view bytes) : reader_(bytes.data(), bytes.size()) {}

  bool next() { return reader_.next(); }
  std::uint32_t field() const { return reader_.tag(); }
  void skip() { reader_.skip(); }

  std::string_view bytes() {
    expect(protozero::pbf_wire_type::length_delimited, "a string or message");
    const auto view = reader_.get_view();
    return {view.data(), view.size()};
  }
  std::string text() { return std::string(bytes()); }
  std::int64_t integer() {
    expect(protozero::pbf_wire_type::varint, "an integer");
    return reader_.get_int64();
  }
  float real() {
    expect(protozero::pbf_wire_type::fixed32, "a float");
    return reader_.get_float();
  }

  /// Calls `take` with each element of a repeated field, packed or not.
  template <typename Take>
  void each_integer(Take&& take) {
    if (reader_.wire_type() == protozero::pbf_wire_type::varint) return take(reader_.get_int64());
    expect(protozero::pbf_wire_type::length_delimited, "a list of integers");
    for (const std::int64_t value : reader_.get_packed_int64()) take(value);
  }
  template <typename Take>
  void each_float(Take&& take) {
    if (reader_.wire_type() == protozero::pbf_wire_type::fixed32) return take(reader_.get_float());
    expect(protozero::pbf_wire_type::length_delimited, "a list of floats");
    for (const float value : reader_.get_packed_float()) take(value);
  }
  template <typename Take>
  void each_double(Take&& take) {
    if (reader_.wire_type() == protozero::pbf_wire_type::fixed64) return take(reader_.get_double());
    expect(protozero::pbf_wire_type::length_delimited, "a list of doubles");
    for (const double value : reader_.get_packed_double()) take(value);
  }

 private:
  void expect(protozero::pbf_wire_type wanted, std::string_view what) const {
    if (reader_.wire_type() == wanted) return;
    fail(ErrorCode::BadModel, "not an ONNX file: field ", field(), " is not ", what);
  }
  protozero::pbf_reader reader_;
};

/// Runs `body`; protozero's exceptions become Error(BadModel).
template <typename Body>
auto in_wire(Body&& body) -> decltype(body()) {
  try {
    return body();
  } catch (const protozero::exception& error) {
    fail(ErrorCode::BadModel, "not an ONNX file, or truncated (", error.what(),
         "); export or download it again");
  }
}

}  // namespace limn
