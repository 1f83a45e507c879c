// Writes ONNX messages by hand, also those that no writer would make.
#pragma once
#include <initializer_list>
#include <protozero/pbf_writer.hpp>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace limn::testing {

using protozero::pbf_writer;

/// Raw little-endian bytes of some numbers.
template <typename T>
std::string bytes_of(std::initializer_list<T> values) {
  std::string bytes;
  for (const T& value : values) bytes.append(reinterpret_cast<const char*>(&value), sizeof(T));
  return bytes;
}

/// A TensorProto with a name, sizes and type; `fill` adds the data.
template <typename Fill>
std::string tensor_proto(std::string_view name, std::vector<std::int64_t> dims, int type,
                         Fill fill) {
  std::string bytes;
  pbf_writer tensor(bytes);
  tensor.add_packed_int64(1, dims.begin(), dims.end());
  tensor.add_int32(2, type);
  tensor.add_string(8, name.data(), name.size());
  fill(tensor);
  return bytes;
}

inline std::string raw_tensor(std::string_view name, std::vector<std::int64_t> dims, int type,
                              const std::string& raw) {
  return tensor_proto(name, std::move(dims), type, [&](pbf_writer& t) { t.add_bytes(9, raw); });
}

/// A TensorProto whose data lie in a file beside the model.
inline std::string external_tensor(
    std::string_view name, std::vector<std::int64_t> dims, int type,
    const std::vector<std::pair<std::string, std::string>>& entries) {
  return tensor_proto(name, std::move(dims), type, [&](pbf_writer& tensor) {
    for (const auto& [key, value] : entries) {
      pbf_writer entry(tensor, 13);
      entry.add_string(1, key);
      entry.add_string(2, value);
    }
    tensor.add_enum(14, 1);
  });
}

inline std::string node_proto(const std::string& op, const std::vector<std::string>& inputs,
                              const std::vector<std::string>& outputs,
                              const std::vector<std::string>& attributes = {},
                              const std::string& domain = "") {
  std::string bytes;
  pbf_writer node(bytes);
  for (const auto& input : inputs) node.add_string(1, input);
  for (const auto& output : outputs) node.add_string(2, output);
  node.add_string(4, op);
  for (const auto& attribute : attributes) node.add_message(5, attribute);
  if (!domain.empty()) node.add_string(7, domain);
  return bytes;
}

template <typename Fill>
std::string attribute_proto(const std::string& name, int type, Fill fill) {
  std::string bytes;
  pbf_writer attribute(bytes);
  attribute.add_string(1, name);
  fill(attribute);
  if (type > 0) attribute.add_enum(20, type);
  return bytes;
}

/// Input or output of an element type (0: no type at all).
inline std::string value_proto(const std::string& name, int type = 1) {
  std::string bytes;
  pbf_writer value(bytes);
  value.add_string(1, name);
  if (type > 0) {
    pbf_writer kind(value, 2);
    pbf_writer tensor(kind, 1);
    tensor.add_int32(1, type);
  }
  return bytes;
}

/// A model around one graph; x -> y unless said otherwise.
struct OnnxBuilder {
  std::vector<std::string> nodes = {};
  std::vector<std::string> initializers = {};
  std::vector<std::string> inputs = {value_proto("x")};
  std::vector<std::string> outputs = {value_proto("y")};
  std::vector<std::pair<int, std::string>> more_graph_fields = {};
  int opset = 13;

  std::string bytes() const {
    std::string model;
    pbf_writer out(model);
    out.add_int64(1, 8);
    {
      std::string graph;
      pbf_writer fields(graph);
      for (const auto& node : nodes) fields.add_message(1, node);
      for (const auto& tensor : initializers) fields.add_message(5, tensor);
      for (const auto& input : inputs) fields.add_message(11, input);
      for (const auto& output : outputs) fields.add_message(12, output);
      for (const auto& [field, value] : more_graph_fields) {
        fields.add_message(static_cast<std::uint32_t>(field), value);
      }
      out.add_message(7, graph);
    }
    // Behind the graph, as several exporters write it.
    pbf_writer version(out, 8);
    version.add_int64(2, opset);
    return model;
  }
};

}  // namespace limn::testing
