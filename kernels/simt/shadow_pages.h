#pragma once

#include <sys/mman.h>

#include <cstddef>
#include <utility>

#include "core/base/error.h"

namespace slipway::simt {

/// A huge array of zeros, of which only what is touched takes memory.
template <class T>
class ShadowPages {
 public:
  explicit ShadowPages(std::size_t count) : bytes_(count * sizeof(T)) {
    void* begin =
        mmap(nullptr, bytes_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    require(begin != MAP_FAILED, "simulated GPU: no address space for ", bytes_, " bytes of shadow memory");
    begin_ = static_cast<T*>(begin);
  }
  ShadowPages(ShadowPages&& other) noexcept
      : bytes_(other.bytes_), begin_(std::exchange(other.begin_, nullptr)) {}
  ~ShadowPages() {
    if (begin_) munmap(begin_, bytes_);
  }

  T& operator[](std::size_t index) { return begin_[index]; }

 private:
  std::size_t bytes_;
  T* begin_;
};

}  // namespace slipway::simt
