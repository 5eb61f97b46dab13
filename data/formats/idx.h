#pragma once

#include <string>

#include "core/tensor/tensor.h"

namespace slipway {

/// An array in the IDX format of the MNIST database (http://yann.lecun.com/exdb/mnist): two zero bytes, an
/// element type, the rank, the sizes as big-endian 32-bit numbers, the elements in big-endian order. uint8
/// and int8 share the memory of `file` (uint8[bytes]); int16 becomes int32. `name` stands for the file in
/// messages.
Tensor parse_idx(const Tensor& file, const std::string& name);
/// The same of a file, plain or gzip.
Tensor read_idx(const std::string& path);
/// What read_idx returns, from the file's header alone.
ValueType read_idx_type(const std::string& path);

}  // namespace slipway
