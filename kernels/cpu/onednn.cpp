#include "kernels/cpu/onednn.h"

#include <omp.h>

#include "core/base/error.h"

namespace slipway::onednn {
namespace {

/// One engine for the process: it holds no state that a caller could change.
const dnnl::engine& cpu_engine() {
  static const dnnl::engine engine(dnnl::engine::kind::cpu, 0);
  return engine;
}

void check(dnnl_status_t status, const char* what) {
  if (status != dnnl_success) throw Error(text("oneDNN: ", what, " failed with status ", int(status)));
}

dnnl::memory::dims to_dims(const Dims& dims) { return {dims.begin(), dims.end()}; }

/// [groups * out, in, h, w] -> [groups, out, in, h, w]
dnnl::memory::dims split_groups(const Shape& shape, std::int64_t groups) {
  dnnl::memory::dims dims{groups, shape[0] / groups};
  for (int axis = 1; axis < shape.rank(); ++axis) dims.push_back(shape[axis]);
  return dims;
}

dnnl::memory::desc blocked_descriptor(const dnnl::memory::dims& dims, const Dims& strides,
                                      const Layout& layout, int first_block_axis) {
  const int rank = static_cast<int>(dims.size());
  dnnl::memory::desc desc(dims, dnnl::memory::data_type::f32, dnnl::memory::dims{});
  auto& blocking = desc.data.format_desc.blocking;
  std::copy(strides.begin(), strides.end(), blocking.strides);
  blocking.inner_nblks = layout.blocks();
  for (int i = 0; i < layout.blocks(); ++i) {
    blocking.inner_blks[i] = layout.block(i).size;
    blocking.inner_idxs[i] = layout.block(i).axis + first_block_axis;
  }
  for (int axis = 0; axis < rank; ++axis) {
    const std::int64_t block = axis < first_block_axis ? 1 : layout.block_size(axis - first_block_axis);
    desc.data.padded_dims[axis] = (dims[static_cast<std::size_t>(axis)] + block - 1) / block * block;
  }
  return desc;
}

dnnl::primitive_attr user_scratchpad() {
  dnnl::primitive_attr attr;
  attr.set_scratchpad_mode(dnnl::scratchpad_mode::user);
  return attr;
}

enum class Sum { none, into_output };

dnnl::primitive_attr epilogue(Sum sum, bool relu) {
  dnnl::primitive_attr attr = user_scratchpad();
  dnnl::post_ops post;
  if (sum == Sum::into_output) post.append_sum();
  if (relu) post.append_eltwise(1.0f, dnnl::algorithm::eltwise_relu, 0.0f, 0.0f);
  attr.set_post_ops(post);
  return attr;
}

dnnl::algorithm algorithm(const Convolution& convolution) {
  return convolution.algorithm == Convolution::Algorithm::winograd ? dnnl::algorithm::convolution_winograd
                                                                   : dnnl::algorithm::convolution_direct;
}

dnnl::convolution_forward::primitive_desc forward_hint(const Convolution& c) {
  const dnnl::convolution_forward::desc desc(dnnl::prop_kind::forward_training, algorithm(c), c.x, c.weight,
                                             c.bias, c.y, c.stride, c.dilation, c.padding_begin,
                                             c.padding_end);
  return {desc, epilogue(c.add_to_output ? Sum::into_output : Sum::none, c.relu), cpu_engine(), true};
}

dnnl::convolution_forward::primitive_desc plain_forward_hint(Convolution c) {
  c.add_to_output = c.relu = false;
  c.bias = {};
  return forward_hint(c);
}

dnnl::inner_product_forward::primitive_desc inner_product_hint(const InnerProduct& p) {
  const dnnl::inner_product_forward::desc desc(dnnl::prop_kind::forward_training, p.x, p.weight, p.bias, p.y);
  return {desc, epilogue(Sum::none, p.relu), cpu_engine(), true};
}

}  // namespace

ThreadCount::ThreadCount(int threads) : previous_(omp_get_max_threads()) {
  if (previous_ != threads) omp_set_num_threads(threads);
}
ThreadCount::~ThreadCount() {
  if (omp_get_max_threads() != previous_) omp_set_num_threads(previous_);
}

dnnl::memory::desc descriptor(const ValueType& type) {
  require(type.dtype == DType::float32, "oneDNN: expects float32, got ", type);
  return blocked_descriptor(to_dims(type.shape), type.layout.strides(), type.layout, 0);
}

std::optional<dnnl::memory::desc> grouped_descriptor(const ValueType& type, std::int64_t groups) {
  if (groups == 1) return descriptor(type);
  const Layout& layout = type.layout;
  const dnnl::memory::dims dims = split_groups(type.shape, groups);
  const std::int64_t block = layout.block_size(0);
  Dims strides{0, 0};
  for (int axis = 1; axis < type.shape.rank(); ++axis) strides.push_back(layout.strides()[axis]);
  const std::int64_t inputs = (dims[2] + layout.block_size(1) - 1) / layout.block_size(1);
  if (dims[1] == 1) {  // depthwise: the block, if any, is one of groups
    if (layout.blocks() > 1 || (layout.blocks() == 1 && layout.block(0).axis != 0)) return std::nullopt;
    strides[0] = layout.strides()[0];
    strides[1] = layout.strides()[1] * inputs;
    return blocked_descriptor(dims, strides, layout, 0);
  }
  if (dims[1] % block != 0) return std::nullopt;
  strides[1] = layout.strides()[0];
  strides[0] = strides[1] * (dims[1] / block);
  return blocked_descriptor(dims, strides, layout, 1);
}

dnnl::memory::desc any_layout(const Shape& shape) {
  return {to_dims(shape), dnnl::memory::data_type::f32, dnnl::memory::format_tag::any};
}

dnnl::memory::desc any_grouped_layout(const Shape& shape, std::int64_t groups) {
  if (groups == 1) return any_layout(shape);
  return {split_groups(shape, groups), dnnl::memory::data_type::f32, dnnl::memory::format_tag::any};
}

std::optional<Layout> layout_of(const dnnl::memory::desc& desc) {
  const auto& data = desc.data;
  if (data.format_kind != dnnl_blocked || data.offset0 != 0 || data.extra.flags != 0) return std::nullopt;
  const auto& blocking = data.format_desc.blocking;
  if (blocking.inner_nblks > Layout::kMaxBlocks) return std::nullopt;
  std::array<Layout::Block, Layout::kMaxBlocks> blocks{};
  for (int i = 0; i < blocking.inner_nblks; ++i) {
    blocks[static_cast<std::size_t>(i)] = {static_cast<std::int8_t>(blocking.inner_idxs[i]),
                                           static_cast<std::int16_t>(blocking.inner_blks[i])};
  }
  const Dims strides(std::span<const std::int64_t>(blocking.strides, static_cast<std::size_t>(data.ndims)));
  return Layout::with_blocks(strides, blocks.data(), blocking.inner_nblks);
}

std::optional<Layout> grouped_layout_of(const dnnl::memory::desc& desc, const Shape& shape) {
  const std::optional<Layout> split = layout_of(desc);
  if (!split || split->strides().rank() == shape.rank()) return split;
  const bool depthwise = desc.data.dims[1] == 1;
  std::array<Layout::Block, Layout::kMaxBlocks> blocks{};
  for (int i = 0; i < split->blocks(); ++i) {
    Layout::Block block = split->block(i);
    if (!depthwise) --block.axis;
    if (block.axis < 0) return std::nullopt;
    blocks[static_cast<std::size_t>(i)] = block;
  }
  Dims strides{split->strides()[depthwise ? 0 : 1]};
  for (int axis = 2; axis < split->strides().rank(); ++axis) strides.push_back(split->strides()[axis]);
  const Layout joined = Layout::with_blocks(strides, blocks.data(), split->blocks());
  const auto back = grouped_descriptor({DType::float32, shape, joined}, desc.data.dims[0]);
  if (!back || *back != desc) return std::nullopt;
  return joined;
}

std::optional<Implementation> convolution_forward(const Convolution& convolution) {
  const auto found = forward_hint(convolution);
  if (!found) return std::nullopt;
  return Implementation{found, found.impl_info_str(), found.src_desc(), found.weights_desc(),
                        found.dst_desc()};
}

std::optional<Implementation> convolution_backward_data(const Convolution& c) {
  const auto forward = plain_forward_hint(c);
  if (!forward) return std::nullopt;
  const dnnl::convolution_backward_data::desc desc(algorithm(c), c.x, c.weight, c.y, c.stride, c.dilation,
                                                   c.padding_begin, c.padding_end);
  const dnnl::convolution_backward_data::primitive_desc found(desc, user_scratchpad(), cpu_engine(), forward,
                                                              true);
  if (!found) return std::nullopt;
  return Implementation{found, found.impl_info_str(), found.diff_src_desc(), found.weights_desc(),
                        found.diff_dst_desc()};
}

std::optional<Implementation> convolution_backward_weights(const Convolution& c) {
  const auto forward = plain_forward_hint(c);
  if (!forward) return std::nullopt;
  const dnnl::convolution_backward_weights::desc desc(algorithm(c), c.x, c.weight, c.bias, c.y, c.stride,
                                                      c.dilation, c.padding_begin, c.padding_end);
  const dnnl::convolution_backward_weights::primitive_desc found(desc, user_scratchpad(), cpu_engine(),
                                                                 forward, true);
  if (!found) return std::nullopt;
  return Implementation{found, found.impl_info_str(), found.src_desc(), found.diff_weights_desc(),
                        found.diff_dst_desc()};
}

std::optional<Implementation> inner_product_forward(const InnerProduct& p) {
  const dnnl::inner_product_forward::primitive_desc found = inner_product_hint(p);
  if (!found) return std::nullopt;
  return Implementation{found, found.impl_info_str(), found.src_desc(), found.weights_desc(),
                        found.dst_desc()};
}

std::optional<Implementation> inner_product_backward_data(const InnerProduct& p) {
  const auto forward = inner_product_hint({.x = p.x, .weight = p.weight, .y = p.y, .bias = {}});
  if (!forward) return std::nullopt;
  const dnnl::inner_product_backward_data::primitive_desc found({p.x, p.weight, p.y}, user_scratchpad(),
                                                                cpu_engine(), forward, true);
  if (!found) return std::nullopt;
  return Implementation{found, found.impl_info_str(), found.diff_src_desc(), found.weights_desc(),
                        found.diff_dst_desc()};
}

std::optional<Implementation> inner_product_backward_weights(const InnerProduct& p) {
  const auto forward = inner_product_hint({.x = p.x, .weight = p.weight, .y = p.y, .bias = {}});
  if (!forward) return std::nullopt;
  const dnnl::inner_product_backward_weights::primitive_desc found(
      {p.x, p.weight, p.bias, p.y}, user_scratchpad(), cpu_engine(), forward, true);
  if (!found) return std::nullopt;
  return Implementation{found, found.impl_info_str(), found.src_desc(), found.diff_weights_desc(),
                        found.diff_dst_desc()};
}

std::optional<Implementation> matrix_product(const dnnl::memory::desc& a, const dnnl::memory::desc& b,
                                             const dnnl::memory::desc& y) {
  const dnnl::matmul::primitive_desc found({a, b, y}, user_scratchpad(), cpu_engine(), true);
  if (!found) return std::nullopt;
  return Implementation{found, found.impl_info_str(), a, b, y};
}

std::optional<Implementation> reorder(const dnnl::memory::desc& from, const dnnl::memory::desc& to) {
  const dnnl::reorder::primitive_desc found(cpu_engine(), from, cpu_engine(), to, user_scratchpad(), true);
  if (!found) return std::nullopt;
  return Implementation{found, found.impl_info_str(), from, {}, to};
}

Primitive::Primitive(const Implementation& implementation, std::vector<Argument> arguments)
    : primitive_(implementation.primitive.get()), stream_(cpu_engine()) {
  const dnnl::memory::desc scratch = implementation.primitive.scratchpad_desc();
  scratch_bytes_ = scratch.get_size();
  if (scratch_bytes_ > 0) arguments.push_back({DNNL_ARG_SCRATCHPAD, scratch});
  for (const Argument& argument : arguments) {
    memories_.emplace_back(argument.desc, cpu_engine(), nullptr);
    arguments_.push_back({argument.id, memories_.back().get()});
  }
}

void Primitive::run(std::span<const void* const> pointers, std::byte* scratch) {
  std::size_t i = 0;
  for (const void* pointer : pointers) {
    check(dnnl_memory_set_data_handle(arguments_[i++].memory, const_cast<void*>(pointer)),
          "binding an argument");
  }
  if (scratch_bytes_ > 0)
    check(dnnl_memory_set_data_handle(arguments_[i++].memory, scratch), "binding scratch");
  require(i == arguments_.size(), "oneDNN: a primitive of ", arguments_.size(), " arguments got ", i);
  check(dnnl_primitive_execute(primitive_.get(), stream_.get(), static_cast<int>(i), arguments_.data()),
        "running a primitive");
}

}  // namespace slipway::onednn
