# Adds the CUDA backend to the library: kernels/cuda compiled by nvcc (SLIPWAY_GPU=cuda), or the same files as plain
# C++ together with kernels/simt, which runs them (SLIPWAY_GPU=simulated).
set_property(CACHE SLIPWAY_GPU PROPERTY STRINGS off cuda simulated)
find_package(CUDAToolkit REQUIRED)
file(GLOB_RECURSE cuda_kernels CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/kernels/cuda/*.cu)
slipway_sources(cuda_host_sources kernels/cuda)
target_sources(slipway PRIVATE ${cuda_kernels} ${cuda_host_sources})
# Only where they are used: all other objects are the same in every build, and come from ccache.
list(TRANSFORM CUDAToolkit_INCLUDE_DIRS PREPEND -isystem OUTPUT_VARIABLE toolkit_headers)
set_source_files_properties(${cuda_host_sources} PROPERTIES COMPILE_OPTIONS "${toolkit_headers}")

if(SLIPWAY_GPU STREQUAL cuda)
  if(NOT CMAKE_CUDA_ARCHITECTURES)
    set(CMAKE_CUDA_ARCHITECTURES 80-real 86-real 89-real 90)
  endif()
  if(NOT CMAKE_CUDA_COMPILER)
    set(CMAKE_CUDA_COMPILER ${CUDAToolkit_NVCC_EXECUTABLE})
  endif()
  if(CCACHE)
    set(CMAKE_CUDA_COMPILER_LAUNCHER ${CCACHE})
  endif()
  enable_language(CUDA)
  if(NOT CMAKE_CUDA20_STANDARD_COMPILE_OPTION)  # CMake 3.25 does not know that newer compilers have it
    set(CMAKE_CUDA20_STANDARD_COMPILE_OPTION -std=c++20)
    set(CMAKE_CUDA20_EXTENSION_COMPILE_OPTION -std=c++20)
  endif()
  set_target_properties(slipway PROPERTIES CUDA_ARCHITECTURES "${CMAKE_CUDA_ARCHITECTURES}")
  # nvcc knows none of the host compiler's options.
  get_target_property(host_options slipway_options INTERFACE_COMPILE_OPTIONS)
  set_target_properties(slipway_options PROPERTIES
    INTERFACE_COMPILE_OPTIONS "$<$<NOT:$<COMPILE_LANGUAGE:CUDA>>:${host_options}>")
  # A kernel should not spill registers to memory.
  set(ptxas_options --warn-on-spills)
  if(SLIPWAY_WERROR)
    string(APPEND ptxas_options ,--warning-as-error)
  endif()
  target_compile_options(slipway PRIVATE "$<$<COMPILE_LANGUAGE:CUDA>:--expt-relaxed-constexpr;--extended-lambda;-Xptxas=${ptxas_options}>")
  target_link_libraries(slipway PRIVATE $<BUILD_INTERFACE:$<LINK_ONLY:CUDA::cudart>>)
  set(cuda_description "${CUDAToolkit_VERSION}")
elseif(SLIPWAY_GPU STREQUAL simulated)
  if(SLIPWAY_SANITIZE MATCHES thread)
    message(FATAL_ERROR "SLIPWAY_SANITIZE=thread and SLIPWAY_GPU=simulated both define ThreadSanitizer's hooks")
  endif()
  set(cuda_description "simulated, with the headers of ${CUDAToolkit_VERSION}")
  slipway_sources(simt_sources kernels/simt)
  find_path(NCCL_INCLUDE nccl.h HINTS ${CUDAToolkit_INCLUDE_DIRS})
  if(NOT NCCL_INCLUDE)  # communication is simulated where its headers are
    list(FILTER simt_sources EXCLUDE REGEX /kernels/simt/nccl/)
  endif()
  target_sources(slipway PRIVATE ${simt_sources})
  target_link_libraries(slipway PRIVATE ${CMAKE_DL_LIBS})

  # A kernel reads threadIdx, and its shared memory, through thread-local storage: a call for each access would
  # cost more than the kernel.
  set(SLIPWAY_SIMULATED_OPTIONS ${toolkit_headers} -DSLIPWAY_SIMULATED -ftls-model=initial-exec)
  # -g1 gives findings their file and line; the hooks are defined in kernels/simt/, not by the sanitizer's runtime.
  # Accesses stay as they are written: a float4 is one, not four; two floats are two; a loop is no memset().
  set(SLIPWAY_SIMT_CHECK_OPTIONS -DSLIPWAY_SIMT_CHECKED -g1 -fsanitize=thread -fsanitize=alignment
      -fno-tree-vectorize -fno-tree-sra -fno-store-merging -fno-tree-loop-distribute-patterns)
  # The compiler does not see that what one loop of a kernel leaves out, the next one leaves out as well.
  set(SLIPWAY_SIMULATED_KERNEL_OPTIONS ${SLIPWAY_SIMULATED_OPTIONS} -Wno-unknown-pragmas -Wno-maybe-uninitialized)
  set_source_files_properties(${cuda_host_sources} ${simt_sources} PROPERTIES
    COMPILE_OPTIONS "${SLIPWAY_SIMULATED_OPTIONS}")
  set(kernel_options ${SLIPWAY_SIMULATED_KERNEL_OPTIONS})
  if(SLIPWAY_SIMT_CHECK)
    list(APPEND kernel_options ${SLIPWAY_SIMT_CHECK_OPTIONS})
  endif()
  set_source_files_properties(${cuda_kernels} PROPERTIES LANGUAGE CXX COMPILE_OPTIONS "${kernel_options}")
else()
  message(FATAL_ERROR "SLIPWAY_GPU is '${SLIPWAY_GPU}', expected off, cuda or simulated")
endif()
