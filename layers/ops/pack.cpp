#include "layers/ops/pack.h"

#include "kernels/memory.h"

namespace slipway {

std::vector<ValueType> Pack::infer(std::span<const ValueType> inputs) const {
  expect_inputs(*this, inputs, offsets_.size());
  require(layouts_.empty() || layouts_.size() == offsets_.size(), name(), ": has ", layouts_.size(),
          " layouts for ", offsets_.size(), " inputs");
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    require(inputs[i].dtype == dtype_, name(), ": holds ", dtype_, ", input ", i, " is ", inputs[i]);
    require(offsets_[i] >= 0 && offsets_[i] + inputs[i].elements() <= end_of(i), name(), ": input ", i,
            " of type ", inputs[i], " does not fit between elements ", offsets_[i], " and ", end_of(i));
  }
  return {{dtype_, Shape{elements_}}};
}

std::unique_ptr<OpState> Pack::prepare(PrepareContext& context) const {
  for (std::size_t i = 0; i < context.inputs.size(); ++i) {
    const ValueType& type = context.inputs[i];
    require(layouts_.empty() || type.layout == layouts_[i], name(), ": input ", i, " arrived as ", type);
    require(offsets_[i] + type.layout.extent(type.shape) <= end_of(i), name(), ": the memory of input ", i,
            " of type ", type, " does not fit between elements ", offsets_[i], " and ", end_of(i));
  }
  return nullptr;
}

void Pack::run(OpContext& context) const {
  const TensorView& y = context.output();
  const std::size_t element = size_of(dtype_);
  std::size_t end = 0;  // of what has been written
  const auto zero_until = [&](std::size_t begin) {
    if (begin == end) return;
    fill(context.stream, {.dtype = DType::uint8,
                          .y = y.data + end,
                          .count = static_cast<std::int64_t>(begin - end),
                          .value = 0});
  };
  for (std::size_t i = 0; i < offsets_.size(); ++i) {
    const std::size_t begin = static_cast<std::size_t>(offsets_[i]) * element;
    const TensorView& x = context.inputs[i];
    zero_until(begin);
    end = begin + x.type.bytes();
    if (x.data == y.data + begin) continue;
    copy_bytes(context.stream, {.from = x.data, .to = y.data + begin, .bytes = x.type.bytes()});
  }
  zero_until(y.type.bytes());
}

LayoutChoice Pack::choose_layouts(const Stream&, std::span<const ValueType> inputs,
                                  std::span<const ValueType> outputs) const {
  LayoutChoice choice{.inputs = layouts_, .outputs = {outputs[0].layout}};
  if (layouts_.empty()) {
    for (const ValueType& type : inputs) choice.inputs.push_back(type.layout);
  }
  return choice;
}

std::vector<std::size_t> Pack::packing_offsets() const {
  std::vector<std::size_t> bytes;
  for (const std::int64_t offset : offsets_)
    bytes.push_back(static_cast<std::size_t>(offset) * size_of(dtype_));
  return bytes;
}

}  // namespace slipway
