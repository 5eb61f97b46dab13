#include "tools/onnx/model_file.h"

#include <onnx/onnx_pb.h>

#include <filesystem>
#include <limits>
#include <optional>

#include "core/base/error.h"
#include "core/base/version.h"
#include "core/io/atomic_file.h"

namespace slipway {
namespace {

constexpr int kIrVersion = 8, kOpset = 17;
// In a file of their own, weights start at multiples of this, so that a reader can map them into memory.
constexpr std::int64_t kAlignment = 4096;
constexpr std::size_t kAlwaysInline = 1024;  // bytes of a tensor that stays in the model file

onnx::TensorProto::DataType onnx_type(DType dtype) {
  switch (dtype) {
    case DType::float32:
      return onnx::TensorProto::FLOAT;
    case DType::float64:
      return onnx::TensorProto::DOUBLE;
    case DType::float16:
      return onnx::TensorProto::FLOAT16;
    case DType::bfloat16:
      return onnx::TensorProto::BFLOAT16;
    case DType::int8:
      return onnx::TensorProto::INT8;
    case DType::uint8:
      return onnx::TensorProto::UINT8;
    case DType::int32:
      return onnx::TensorProto::INT32;
    case DType::int64:
      return onnx::TensorProto::INT64;
    case DType::boolean:
      return onnx::TensorProto::BOOL;
  }
  __builtin_unreachable();
}

struct AttributeWriter {
  onnx::AttributeProto& proto;

  void operator()(std::int64_t value) const {
    proto.set_type(onnx::AttributeProto::INT);
    proto.set_i(value);
  }
  void operator()(float value) const {
    proto.set_type(onnx::AttributeProto::FLOAT);
    proto.set_f(value);
  }
  void operator()(const std::string& value) const {
    proto.set_type(onnx::AttributeProto::STRING);
    proto.set_s(value);
  }
  void operator()(const std::vector<std::int64_t>& values) const {
    proto.set_type(onnx::AttributeProto::INTS);
    for (const std::int64_t value : values) proto.add_ints(value);
  }
  void operator()(const std::vector<float>& values) const {
    proto.set_type(onnx::AttributeProto::FLOATS);
    for (const float value : values) proto.add_floats(value);
  }
};

void write_node(const OnnxNode& node, onnx::NodeProto& proto) {
  proto.set_op_type(node.op_type);
  proto.set_name(node.name);
  for (const std::string& input : node.inputs) proto.add_input(input);
  for (const std::string& output : node.outputs) proto.add_output(output);
  for (const OnnxAttribute& attribute : node.attributes) {
    onnx::AttributeProto& written = *proto.add_attribute();
    written.set_name(attribute.name);
    std::visit(AttributeWriter{written}, attribute.value);
  }
}

void write_value_info(const OnnxValueInfo& info, onnx::ValueInfoProto& proto) {
  proto.set_name(info.name);
  onnx::TypeProto::Tensor& type = *proto.mutable_type()->mutable_tensor_type();
  type.set_elem_type(onnx_type(info.dtype));
  type.mutable_shape();
  for (const OnnxValueInfo::Dimension& dimension : info.shape) {
    auto& written = *type.mutable_shape()->add_dim();
    if (const auto* size = std::get_if<std::int64_t>(&dimension))
      written.set_dim_value(*size);
    else
      written.set_dim_param(std::get<std::string>(dimension));
  }
}

/// Weights one after another in a file beside the model.
class ExternalData {
 public:
  explicit ExternalData(const std::filesystem::path& path) : name_(path.filename().string()), file_(path) {}

  void write(std::span<const std::byte> bytes, onnx::TensorProto& proto) {
    const std::vector<std::byte> gap(
        static_cast<std::size_t>((kAlignment - size_ % kAlignment) % kAlignment));
    file_.write(gap);
    size_ += static_cast<std::int64_t>(gap.size());
    file_.write(bytes);
    proto.set_data_location(onnx::TensorProto::EXTERNAL);
    const auto entry = [&](const char* key, const std::string& value) {
      auto& written = *proto.add_external_data();
      written.set_key(key);
      written.set_value(value);
    };
    entry("location", name_);
    entry("offset", std::to_string(size_));
    entry("length", std::to_string(bytes.size()));
    size_ += static_cast<std::int64_t>(bytes.size());
  }
  void commit() { file_.commit(); }

 private:
  std::string name_;
  AtomicFile file_;
  std::int64_t size_ = 0;
};

void write_initializer(const std::string& name, const Tensor& tensor, ExternalData* external,
                       onnx::TensorProto& proto) {
  proto.set_name(name);
  proto.set_data_type(onnx_type(tensor.dtype()));
  for (const std::int64_t size : tensor.shape()) proto.add_dims(size);
  require(tensor.type().is_row_major(), "ONNX export: '", name, "' is not row-major: ", tensor.type());
  const std::span<const std::byte> bytes(tensor.view().data, tensor.type().bytes());
  if (external != nullptr && bytes.size() > kAlwaysInline)
    external->write(bytes, proto);
  else
    proto.set_raw_data(bytes.data(), bytes.size());
}

}  // namespace

void write_onnx_model(const OnnxGraph& graph, const OnnxModelInfo& info, const std::string& path,
                      std::int64_t inline_weight_bytes) {
  std::int64_t weights = 0;
  for (const auto& [name, tensor] : graph.initializers)
    weights += static_cast<std::int64_t>(tensor.type().bytes());
  std::optional<ExternalData> external;
  if (weights > inline_weight_bytes) external.emplace(path + "_data");

  onnx::ModelProto model;
  model.set_ir_version(kIrVersion);
  model.set_producer_name("slipway");
  model.set_producer_version(std::string(version()));
  model.set_doc_string(info.description);
  model.add_opset_import()->set_version(kOpset);
  for (const auto& [key, value] : info.metadata) {
    auto& written = *model.add_metadata_props();
    written.set_key(key);
    written.set_value(value);
  }
  onnx::GraphProto& written = *model.mutable_graph();
  written.set_name(info.name);
  for (const OnnxNode& node : graph.nodes) write_node(node, *written.add_node());
  for (const OnnxValueInfo& input : graph.inputs) write_value_info(input, *written.add_input());
  for (const OnnxValueInfo& output : graph.outputs) write_value_info(output, *written.add_output());
  for (const auto& [name, tensor] : graph.initializers) {
    write_initializer(name, tensor, external ? &*external : nullptr, *written.add_initializer());
  }

  const std::size_t bytes = model.ByteSizeLong();
  require(bytes <= std::numeric_limits<std::int32_t>::max(), path, ": the model takes ", bytes,
          " bytes without its weights, more than the 2 GiB that protobuf can hold");
  std::string contents;
  require(model.SerializeToString(&contents), path, ": cannot serialise the model");
  if (external) external->commit();
  write_file_atomically(path, contents);
  if (!external) std::filesystem::remove(path + "_data");  // of an earlier export
}

}  // namespace slipway
