// Writes a draft as standard ONNX: IR version 8, the draft's opset, weights as raw little-endian
// bytes. Field numbers are those of onnx.proto.
#include <ATen/ATen.h>
#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <protozero/pbf_writer.hpp>

#include "graph/spell_out.h"
#include "limn/error.h"
#include "limn/graph.h"

namespace limn {
namespace {

using protozero::pbf_writer;

constexpr std::int64_t kIrVersion = 8;
/// Protocol buffers end at 2 GiB.
constexpr std::uint64_t kMostBytes = 0x7fffffff;

std::int32_t onnx_type(at::ScalarType type) {
  switch (type) {
    case at::kFloat:
      return 1;
    case at::kByte:
      return 2;
    case at::kChar:
      return 3;
    case at::kShort:
      return 5;
    case at::kInt:
      return 6;
    case at::kLong:
      return 7;
    case at::kBool:
      return 9;
    case at::kHalf:
      return 10;
    case at::kDouble:
      return 11;
    case at::kBFloat16:
      return 16;
    default:
      fail(ErrorCode::InvalidArgument, "ONNX has no element type ", c10::toString(type));
  }
}

void write_tensor(pbf_writer tensor, const std::string& name, const Tensor& value) {
  if (!value.defined()) fail(ErrorCode::InvalidArgument, "tensor \"", name, "\" is undefined");
  const Tensor data = value.detach().to(at::kCPU).contiguous();
  tensor.add_packed_int64(1, data.sizes().begin(), data.sizes().end());
  tensor.add_int32(2, onnx_type(data.scalar_type()));
  tensor.add_string(8, name);
  tensor.add_bytes(9, static_cast<const char*>(data.numel() ? data.data_ptr() : ""), data.nbytes());
}

struct AttributeWriter {
  pbf_writer out;
  void type(std::int32_t kind) { out.add_enum(20, kind); }
  void operator()(std::int64_t value) {
    out.add_int64(3, value);
    type(2);
  }
  void operator()(double value) {
    out.add_float(2, static_cast<float>(value));
    type(1);
  }
  void operator()(const std::string& value) {
    out.add_bytes(4, value);
    type(3);
  }
  void operator()(const Tensor& value) {
    write_tensor(pbf_writer(out, 5), "", value);
    type(4);
  }
  void operator()(const std::vector<std::int64_t>& values) {
    for (const std::int64_t value : values) out.add_int64(8, value);
    type(7);
  }
  void operator()(const std::vector<double>& values) {
    for (const double value : values) out.add_float(7, static_cast<float>(value));
    type(6);
  }
  void operator()(const std::vector<std::string>& values) {
    for (const auto& value : values) out.add_bytes(9, value);
    type(8);
  }
};

void write_node(pbf_writer out, const DraftNode& node) {
  for (const auto& input : node.inputs) out.add_string(1, input);
  for (const auto& output : node.outputs) out.add_string(2, output);
  out.add_string(3, node.name);
  out.add_string(4, node.op);
  for (const auto& [name, value] : node.attributes.items()) {
    AttributeWriter attribute{pbf_writer(out, 5)};
    attribute.out.add_string(1, name);
    std::visit(attribute, value);
  }
  if (!node.domain.empty()) out.add_string(7, node.domain);
}

void write_value_info(pbf_writer out, const ValueInfo& info) {
  out.add_string(1, info.name);
  pbf_writer type(out, 2);
  pbf_writer tensor(type, 1);
  tensor.add_int32(1, onnx_type(info.dtype));
  if (!info.has_shape) return;
  // As strings: protozero drops nested messages that stay empty, but an empty dimension is one of
  // unknown size, and an empty shape is a scalar's.
  std::string shape;
  for (std::size_t i = 0; i < info.shape.size(); ++i) {
    std::string dim;
    if (info.shape[i] >= 0) {
      pbf_writer(dim).add_int64(1, info.shape[i]);
    } else if (i < info.dim_names.size() && !info.dim_names[i].empty()) {
      pbf_writer(dim).add_string(2, info.dim_names[i]);
    }
    pbf_writer(shape).add_message(1, dim);
  }
  tensor.add_message(2, shape);
}

void write_graph(pbf_writer out, const Draft& draft) {
  for (const auto& node : draft.nodes) write_node(pbf_writer(out, 1), node);
  out.add_string(2, draft.name);
  for (const auto& [name, value] : draft.constants) {
    write_tensor(pbf_writer(out, 5), name, value);
  }
  for (const auto& info : draft.inputs) write_value_info(pbf_writer(out, 11), info);
  for (const auto& info : draft.outputs) write_value_info(pbf_writer(out, 12), info);
  for (const auto& info : draft.values) write_value_info(pbf_writer(out, 13), info);
}

void write_opset(pbf_writer out, const std::string& domain, int version) {
  if (!domain.empty()) out.add_string(1, domain);
  out.add_int64(2, version);
}

[[noreturn]] void write_failed(const std::string& path, const std::string& partial, int error) {
  ::unlink(partial.c_str());
  fail(ErrorCode::Io, "cannot write \"", path, "\": ", std::strerror(error));
}

}  // namespace

std::string write_onnx_bytes(const Draft& draft) {
  const Draft standard = spell_out(draft);
  std::uint64_t size = 0;
  for (const auto& [name, value] : standard.constants) size += value.defined() ? value.nbytes() : 0;
  if (size > kMostBytes - (1u << 24)) {
    fail(ErrorCode::Io, "the model has ", size, " bytes of weights; one ONNX file holds 2 GiB");
  }
  std::string bytes;
  bytes.reserve(size + 4096);
  pbf_writer model(bytes);
  model.add_int64(1, kIrVersion);
  model.add_string(2, "limn");
  write_graph(pbf_writer(model, 7), standard);
  write_opset(pbf_writer(model, 8), "", standard.opset);
  std::map<std::string, int> domains;
  for (const auto& node : standard.nodes) {
    if (!node.domain.empty()) domains[node.domain] = node.opset;
  }
  for (const auto& [domain, version] : domains) write_opset(pbf_writer(model, 8), domain, version);
  for (const auto& [key, value] : standard.metadata) {
    pbf_writer entry(model, 14);
    entry.add_string(1, key);
    entry.add_string(2, value);
  }
  return bytes;
}

void write_onnx(const Draft& draft, const std::string& path) {
  const std::string bytes = write_onnx_bytes(draft);
  // Beside the target, so that the rename cannot cross file systems.
  const std::string partial = concat(path, ".partial-", ::getpid());
  const int file = ::open(partial.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
  if (file < 0) {
    fail(ErrorCode::Io, "cannot write \"", path, "\": ", std::strerror(errno));
  }
  for (std::size_t done = 0; done < bytes.size();) {
    const ssize_t count = ::write(file, bytes.data() + done, bytes.size() - done);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) {
      const int error = errno;
      ::close(file);
      write_failed(path, partial, error);
    }
    done += static_cast<std::size_t>(count);
  }
  if (::close(file) != 0 || std::rename(partial.c_str(), path.c_str()) != 0) {
    write_failed(path, partial, errno);
  }
}

}  // namespace limn
