#include "layers/ops/embedding.h"

#include "core/graph/onnx_sink.h"
#include "kernels/embedding.h"

namespace slipway {
namespace {

/// (dy [..., width], ids [...]) -> dtable [rows, width]
class EmbeddingGradient : public Op {
 public:
  EmbeddingGradient(std::int64_t rows, std::int64_t padding) : rows_(rows), padding_(padding) {}
  std::string_view name() const override { return "embedding_gradient"; }
  std::string attributes() const override { return text("rows=", rows_); }
  std::vector<ValueType> infer(std::span<const ValueType> inputs) const override {
    expect_inputs(*this, inputs, 2);
    return {{inputs[0].dtype, {rows_, inputs[0].shape.back()}}};
  }
  std::unique_ptr<OpState> prepare(PrepareContext& context) const override {
    const std::int64_t numbers = EmbeddingGradientArgs::scratch_numbers(rows_, context.inputs[1].elements());
    context.scratch_bytes = static_cast<std::size_t>(numbers) * sizeof(std::int64_t);
    return nullptr;
  }
  void run(OpContext& context) const override {
    const TensorView &dy = context.input(0), &ids = context.input(1);
    embedding_backward(context.stream, {.dtype = dy.dtype(),
                                        .ids_dtype = ids.dtype(),
                                        .dy = dy.data,
                                        .ids = ids.data,
                                        .dtable = context.output().data,
                                        .rows = rows_,
                                        .width = dy.shape().back(),
                                        .count = ids.elements(),
                                        .padding = padding_,
                                        .scratch = reinterpret_cast<std::int64_t*>(context.scratch)});
  }

 private:
  std::int64_t rows_;
  std::int64_t padding_;
};

}  // namespace

std::vector<ValueType> Embedding::infer(std::span<const ValueType> inputs) const {
  expect_inputs(*this, inputs, 2);
  expect_rank(*this, inputs, 0, 2);
  require(is_floating(inputs[0].dtype), name(), ": expects a floating-point table, got ", inputs[0]);
  require(inputs[1].dtype == DType::int32 || inputs[1].dtype == DType::int64, name(),
          ": expects int32 or int64 ids, got ", inputs[1]);
  const Shape& ids = inputs[1].shape;
  return {{inputs[0].dtype, ids.inserted(ids.rank(), inputs[0].shape[1])}};
}

void Embedding::run(OpContext& context) const {
  const TensorView &table = context.input(0), &ids = context.input(1);
  embedding_forward(context.stream, {.dtype = table.dtype(),
                                     .ids_dtype = ids.dtype(),
                                     .table = table.data,
                                     .ids = ids.data,
                                     .y = context.output().data,
                                     .rows = table.shape()[0],
                                     .width = table.shape()[1],
                                     .count = ids.elements()});
}

// y[i] = table[ids[i]];  dtable[r] = Σ dy[i] over ids[i] == r
std::vector<Value> Embedding::vjp(VjpContext& context) const {
  const std::int64_t rows = context.type(context.input(0)).shape[0];
  return {context.add(EmbeddingGradient(rows, padding_), {context.gradient(), context.input(1)}), {}};
}

void Embedding::to_onnx(OnnxSink& sink) const {
  sink.emit("Gather", {sink.input(0), sink.input(1)}, {sink.output(0)}, {{"axis", 0}});
}

}  // namespace slipway
