#pragma once

#include <oneapi/dnnl/dnnl.hpp>
#include <optional>
#include <string>
#include <vector>

#include "core/tensor/tensor.h"

/// The part of oneDNN that the CPU kernels use. Everything that differs between its versions stays in here
/// and in onednn.cpp.
namespace slipway::onednn {

/// The calling thread's OpenMP thread count, which oneDNN reads when a primitive is made and when it runs.
class ThreadCount {
 public:
  explicit ThreadCount(int threads);
  ~ThreadCount();
  ThreadCount(const ThreadCount&) = delete;
  ThreadCount& operator=(const ThreadCount&) = delete;

 private:
  int previous_;
};

/// Where a float32 value lies, as oneDNN describes it.
dnnl::memory::desc descriptor(const ValueType& type);
/// The same for grouped convolution weights [groups * out, in, height, width] -> [groups, out, in, ...];
/// none if the layout cannot be split so.
std::optional<dnnl::memory::desc> grouped_descriptor(const ValueType& type, std::int64_t groups);
/// A value of that shape whose layout oneDNN chooses.
dnnl::memory::desc any_layout(const Shape& shape);
dnnl::memory::desc any_grouped_layout(const Shape& shape, std::int64_t groups);
/// The inverse of descriptor(); none if a Layout cannot express it.
std::optional<Layout> layout_of(const dnnl::memory::desc& desc);
/// The inverse of grouped_descriptor().
std::optional<Layout> grouped_layout_of(const dnnl::memory::desc& desc, const Shape& shape);

/// One convolution, for the three primitives that belong to it. Descriptors may be any_layout.
struct Convolution {
  enum class Algorithm { direct, winograd };
  Algorithm algorithm = Algorithm::direct;
  dnnl::memory::desc x, weight, y;
  dnnl::memory::desc bias;  // zero: none
  dnnl::memory::dims stride, dilation, padding_begin, padding_end;
  bool add_to_output = false;  // y += ..., before relu
  bool relu = false;
};

/// An implementation that oneDNN offers, not yet compiled.
struct Implementation {
  dnnl::primitive_desc_base primitive;
  std::string name;                 // "jit:avx512_core", "ref:any"
  dnnl::memory::desc x, weight, y;  // gradients stand in their place
  /// A loop nest without vectorisation, which any code of ours beats.
  bool is_reference() const { return name.find("ref") != std::string::npos; }
};
/// None if oneDNN has no implementation.
std::optional<Implementation> convolution_forward(const Convolution& convolution);
std::optional<Implementation> convolution_backward_data(const Convolution& convolution);
std::optional<Implementation> convolution_backward_weights(const Convolution& convolution);

/// y = x weightᵀ + bias for x [rows, in], weight [out, in], bias [out].
struct InnerProduct {
  dnnl::memory::desc x, weight, y;
  dnnl::memory::desc bias;  // zero: none
  bool relu = false;
};
std::optional<Implementation> inner_product_forward(const InnerProduct& product);
std::optional<Implementation> inner_product_backward_data(const InnerProduct& product);
std::optional<Implementation> inner_product_backward_weights(const InnerProduct& product);

/// y = a b, perhaps for several matrices at once; a, b and y may be strided.
std::optional<Implementation> matrix_product(const dnnl::memory::desc& a, const dnnl::memory::desc& b,
                                             const dnnl::memory::desc& y);
std::optional<Implementation> reorder(const dnnl::memory::desc& from, const dnnl::memory::desc& to);

/// One argument of a primitive: DNNL_ARG_SRC, ... and what lies there.
struct Argument {
  int id;
  dnnl::memory::desc desc;
};

/// A compiled primitive with its memory objects; run() binds pointers and allocates nothing. Not to be run by
/// two threads at once: each needs its own copy.
class Primitive {
 public:
  Primitive() = default;
  Primitive(const Implementation& implementation, std::vector<Argument> arguments);

  std::size_t scratch_bytes() const { return scratch_bytes_; }
  /// `pointers` in the order of the arguments.
  void run(std::span<const void* const> pointers, std::byte* scratch);
  explicit operator bool() const { return static_cast<bool>(primitive_); }

 private:
  dnnl::primitive primitive_;
  dnnl::stream stream_;
  std::vector<dnnl::memory> memories_;
  std::vector<dnnl_exec_arg_t> arguments_;
  std::size_t scratch_bytes_ = 0;
};

}  // namespace slipway::onednn
