#include "kernels/simt/runtime/properties.h"

#include <cstdio>

#include "kernels/simt/settings.h"

namespace slipway::simt {

cudaDeviceProp device_properties(int device) {
  cudaDeviceProp properties{};
  std::snprintf(properties.name, sizeof properties.name, "Simulated GPU");
  properties.totalGlobalMem = settings().device_bytes;
  properties.major = 8;
  properties.minor = 0;
  properties.multiProcessorCount = 108;
  properties.warpSize = 32;
  properties.maxThreadsPerBlock = 1024;
  properties.maxThreadsDim[0] = properties.maxThreadsDim[1] = 1024;
  properties.maxThreadsDim[2] = 64;
  properties.maxGridSize[0] = 0x7fffffff;
  properties.maxGridSize[1] = properties.maxGridSize[2] = 65535;
  properties.maxThreadsPerMultiProcessor = 2048;
  properties.maxBlocksPerMultiProcessor = 32;
  properties.sharedMemPerBlock = kSharedBytes;
  properties.sharedMemPerBlockOptin = kSharedBytesOptin;
  properties.sharedMemPerMultiprocessor = 228 << 10;
  properties.reservedSharedMemPerBlock = 1 << 10;
  properties.regsPerBlock = properties.regsPerMultiprocessor = 65536;
  properties.totalConstMem = 64 << 10;
  properties.l2CacheSize = 40 << 20;
  properties.memoryBusWidth = 5120;
  properties.memPitch = 0x7fffffff;
  properties.textureAlignment = 512;
  properties.asyncEngineCount = 3;
  properties.concurrentKernels = 1;
  properties.unifiedAddressing = 1;
  properties.canMapHostMemory = 1;
  properties.streamPrioritiesSupported = 1;
  properties.memoryPoolsSupported = 1;
  properties.pciBusID = device + 1;
  return properties;
}

std::optional<int> device_attribute(const cudaDeviceProp& properties, cudaDeviceAttr attribute) {
  switch (attribute) {
    case cudaDevAttrMaxThreadsPerBlock:
      return properties.maxThreadsPerBlock;
    case cudaDevAttrMaxBlockDimX:
      return properties.maxThreadsDim[0];
    case cudaDevAttrMaxBlockDimY:
      return properties.maxThreadsDim[1];
    case cudaDevAttrMaxBlockDimZ:
      return properties.maxThreadsDim[2];
    case cudaDevAttrMaxGridDimX:
      return properties.maxGridSize[0];
    case cudaDevAttrMaxGridDimY:
      return properties.maxGridSize[1];
    case cudaDevAttrMaxGridDimZ:
      return properties.maxGridSize[2];
    case cudaDevAttrMaxSharedMemoryPerBlock:
      return static_cast<int>(properties.sharedMemPerBlock);
    case cudaDevAttrMaxSharedMemoryPerBlockOptin:
      return static_cast<int>(properties.sharedMemPerBlockOptin);
    case cudaDevAttrMaxSharedMemoryPerMultiprocessor:
      return static_cast<int>(properties.sharedMemPerMultiprocessor);
    case cudaDevAttrReservedSharedMemoryPerBlock:
      return static_cast<int>(properties.reservedSharedMemPerBlock);
    case cudaDevAttrTotalConstantMemory:
      return static_cast<int>(properties.totalConstMem);
    case cudaDevAttrWarpSize:
      return properties.warpSize;
    case cudaDevAttrMaxRegistersPerBlock:
      return properties.regsPerBlock;
    case cudaDevAttrMaxRegistersPerMultiprocessor:
      return properties.regsPerMultiprocessor;
    case cudaDevAttrMultiProcessorCount:
      return properties.multiProcessorCount;
    case cudaDevAttrMaxThreadsPerMultiProcessor:
      return properties.maxThreadsPerMultiProcessor;
    case cudaDevAttrMaxBlocksPerMultiprocessor:
      return properties.maxBlocksPerMultiProcessor;
    case cudaDevAttrComputeCapabilityMajor:
      return properties.major;
    case cudaDevAttrComputeCapabilityMinor:
      return properties.minor;
    case cudaDevAttrL2CacheSize:
      return properties.l2CacheSize;
    case cudaDevAttrGlobalMemoryBusWidth:
      return properties.memoryBusWidth;
    case cudaDevAttrMemoryClockRate:
      return 1215000;  // kHz
    case cudaDevAttrClockRate:
      return 1410000;  // kHz
    case cudaDevAttrAsyncEngineCount:
      return properties.asyncEngineCount;
    case cudaDevAttrConcurrentKernels:
      return properties.concurrentKernels;
    case cudaDevAttrUnifiedAddressing:
      return properties.unifiedAddressing;
    case cudaDevAttrCanMapHostMemory:
      return properties.canMapHostMemory;
    case cudaDevAttrStreamPrioritiesSupported:
      return properties.streamPrioritiesSupported;
    case cudaDevAttrMemoryPoolsSupported:
      return properties.memoryPoolsSupported;
    case cudaDevAttrComputeMode:
      return cudaComputeModeDefault;
    case cudaDevAttrPciBusId:
      return properties.pciBusID;
    default:
      return std::nullopt;
  }
}

}  // namespace slipway::simt
