#pragma once

#include <cuda_runtime_api.h>

#include <optional>

namespace slipway::simt {

// "Lower numbers represent greater priorities." (cudaDeviceGetStreamPriorityRange)
inline constexpr int kLeastStreamPriority = 0;
inline constexpr int kGreatestStreamPriority = -5;

inline constexpr std::size_t kSharedBytes = 48 << 10;        // a block's without cudaFuncSetAttribute
inline constexpr std::size_t kSharedBytesOptin = 227 << 10;  // and with it
inline constexpr int kMaxRegistersPerThread = 255;

/// What a simulated GPU says of itself: the limits of compute capability 8.0, with the shared memory of 9.0.
cudaDeviceProp device_properties(int device);

/// The same for cudaDeviceGetAttribute; none for attributes that the simulator does not know.
std::optional<int> device_attribute(const cudaDeviceProp& properties, cudaDeviceAttr attribute);

}  // namespace slipway::simt
