#include "tools/onnx/export.h"

#include "tools/onnx/passes.h"

namespace slipway {
namespace {

void fold_and_write(OnnxGraph graph, const std::string& path, const OnnxModelInfo& info) {
  remove_identities(graph);
  fold_transposes(graph);
  fold_batch_normalization(graph);
  remove_unused_initializers(graph);
  write_onnx_model(graph, info, path);
}

}  // namespace

void write_onnx(const Graph& graph, const Variables& variables, const std::string& path,
                const OnnxModelInfo& info) {
  fold_and_write(translate_to_onnx(graph, variables), path, info);
}

void write_onnx(const std::function<Graph(std::int64_t batch_size)>& build, const Variables& variables,
                const std::string& path, const OnnxModelInfo& info) {
  fold_and_write(translate_to_onnx(build, variables), path, info);
}

}  // namespace slipway
