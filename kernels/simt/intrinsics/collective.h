#pragma once

#include <concepts>
#include <cstdint>
#include <type_traits>

#include "kernels/simt/block.h"

/// Barriers and warp operations, under CUDA's names. The last lane to arrive computes for all.

namespace slipway::simt {

inline Engine::Votes barrier(bool predicate, Site site) { return current.engine->barrier(predicate, site); }

inline void collective(unsigned mask, void* brought, WarpCombine combine, Fence fence, Site site) {
  current.engine->collective(mask, brought, combine, fence, site);
}

template <class Visit>
void for_each_active(const WarpCall& call, Visit visit) {
  for (unsigned lanes = call.active; lanes; lanes &= lanes - 1) visit(__builtin_ctz(lanes));
}

template <class T>
struct Shuffle {
  T value;
  int source;
  T result;

  static void combine(const WarpCall& call) {
    for_each_active(call, [&](int lane) {
      Shuffle& mine = *static_cast<Shuffle*>(call.lanes[lane]);
      if (call.active >> mine.source & 1) {
        mine.result = static_cast<Shuffle*>(call.lanes[mine.source])->value;
      } else {
        report_inactive_source(call, lane, mine.source);
      }
    });
  }
};

template <class T>
T shuffle(unsigned mask, T value, int source, Site site) {
  static_assert(std::is_trivially_copyable_v<T>);
  Shuffle<T> brought{value, source, value};
  collective(mask, &brought, Shuffle<T>::combine, Fence::no, site);
  return brought.result;
}

inline int lane() { return static_cast<int>(current.thread->lane); }

struct Vote {
  bool predicate;
  unsigned result;

  static void combine(const WarpCall& call) {
    unsigned ballot = 0;
    for_each_active(call, [&](int lane) {
      if (static_cast<Vote*>(call.lanes[lane])->predicate) ballot |= 1u << lane;
    });
    for_each_active(call, [&](int lane) { static_cast<Vote*>(call.lanes[lane])->result = ballot; });
  }
};

template <class T, class Combine>
struct Reduction {
  T value;

  static void combine(const WarpCall& call) {
    bool first = true;
    T result{};
    for_each_active(call, [&](int lane) {
      const T value = static_cast<Reduction*>(call.lanes[lane])->value;
      result = first ? value : Combine()(result, value);
      first = false;
    });
    for_each_active(call, [&](int lane) { static_cast<Reduction*>(call.lanes[lane])->value = result; });
  }
};

template <class Combine, class T>
T reduce(unsigned mask, T value, Site site) {
  Reduction<T, Combine> brought{value};
  collective(mask, &brought, Reduction<T, Combine>::combine, Fence::no, site);
  return brought.value;
}

template <class T>
struct Match {
  T value;
  unsigned result;

  static void combine(const WarpCall& call) {
    for_each_active(call, [&](int lane) {
      Match& mine = *static_cast<Match*>(call.lanes[lane]);
      mine.result = 0;
      for_each_active(call, [&](int other) {
        if (static_cast<Match*>(call.lanes[other])->value == mine.value) mine.result |= 1u << other;
      });
    });
  }
};

template <class T>
unsigned match(unsigned mask, T value, Site site) {
  Match<T> brought{value, 0};
  collective(mask, &brought, Match<T>::combine, Fence::no, site);
  return brought.result;
}

struct Minimum {
  template <class T>
  T operator()(T a, T b) const {
    return b < a ? b : a;
  }
};
struct Maximum {
  template <class T>
  T operator()(T a, T b) const {
    return a < b ? b : a;
  }
};

}  // namespace slipway::simt

inline void __syncthreads(slipway::simt::Site site = slipway::simt::Site::here()) {
  slipway::simt::barrier(false, site);
}
inline int __syncthreads_count(int predicate, slipway::simt::Site site = slipway::simt::Site::here()) {
  return slipway::simt::barrier(predicate != 0, site).count;
}
inline int __syncthreads_or(int predicate, slipway::simt::Site site = slipway::simt::Site::here()) {
  return slipway::simt::barrier(predicate != 0, site).count != 0;
}
inline int __syncthreads_and(int predicate, slipway::simt::Site site = slipway::simt::Site::here()) {
  const auto votes = slipway::simt::barrier(predicate != 0, site);
  return votes.count == votes.arrived;
}
inline void __syncwarp(unsigned mask = 0xffffffffu, slipway::simt::Site site = slipway::simt::Site::here()) {
  slipway::simt::collective(
      mask, nullptr, [](const slipway::simt::WarpCall&) {}, slipway::simt::Fence::yes, site);
}

// The source of a shuffle lies in the caller's group of `width` lanes, or is the caller itself.
template <class T>
T __shfl_sync(unsigned mask, T value, int source, int width = 32,
              slipway::simt::Site site = slipway::simt::Site::here()) {
  const int lane = slipway::simt::lane();
  return slipway::simt::shuffle(mask, value, (lane & ~(width - 1)) | (source & (width - 1)), site);
}
template <class T>
T __shfl_xor_sync(unsigned mask, T value, int flipped, int width = 32,
                  slipway::simt::Site site = slipway::simt::Site::here()) {
  const int lane = slipway::simt::lane(), source = lane ^ flipped;
  return slipway::simt::shuffle(mask, value, (source & ~(width - 1)) > (lane & ~(width - 1)) ? lane : source,
                                site);
}
template <class T>
T __shfl_down_sync(unsigned mask, T value, unsigned delta, int width = 32,
                   slipway::simt::Site site = slipway::simt::Site::here()) {
  const int lane = slipway::simt::lane(), source = lane + static_cast<int>(delta);
  return slipway::simt::shuffle(mask, value, (source & ~(width - 1)) != (lane & ~(width - 1)) ? lane : source,
                                site);
}
template <class T>
T __shfl_up_sync(unsigned mask, T value, unsigned delta, int width = 32,
                 slipway::simt::Site site = slipway::simt::Site::here()) {
  const int lane = slipway::simt::lane(), source = lane - static_cast<int>(delta);
  return slipway::simt::shuffle(mask, value, source < (lane & ~(width - 1)) ? lane : source, site);
}

inline unsigned __ballot_sync(unsigned mask, int predicate,
                              slipway::simt::Site site = slipway::simt::Site::here()) {
  slipway::simt::Vote brought{predicate != 0, 0};
  slipway::simt::collective(mask, &brought, slipway::simt::Vote::combine, slipway::simt::Fence::no, site);
  return brought.result;
}
inline int __any_sync(unsigned mask, int predicate, slipway::simt::Site site = slipway::simt::Site::here()) {
  return __ballot_sync(mask, predicate, site) != 0;
}
inline int __all_sync(unsigned mask, int predicate, slipway::simt::Site site = slipway::simt::Site::here()) {
  return __ballot_sync(mask, !predicate, site) == 0;
}
template <class T>
unsigned __match_any_sync(unsigned mask, T value, slipway::simt::Site site = slipway::simt::Site::here()) {
  return slipway::simt::match(mask, value, site);
}

template <std::integral T>
T __reduce_add_sync(unsigned mask, T value, slipway::simt::Site site = slipway::simt::Site::here()) {
  struct Sum {
    T operator()(T a, T b) const {
      return static_cast<T>(static_cast<unsigned>(a) + static_cast<unsigned>(b));
    }
  };
  return slipway::simt::reduce<Sum>(mask, value, site);
}
template <std::integral T>
T __reduce_min_sync(unsigned mask, T value, slipway::simt::Site site = slipway::simt::Site::here()) {
  return slipway::simt::reduce<slipway::simt::Minimum>(mask, value, site);
}
template <std::integral T>
T __reduce_max_sync(unsigned mask, T value, slipway::simt::Site site = slipway::simt::Site::here()) {
  return slipway::simt::reduce<slipway::simt::Maximum>(mask, value, site);
}

inline void __threadfence() { slipway::simt::fence(); }
inline void __threadfence_block() { slipway::simt::fence(); }
inline void __threadfence_system() { slipway::simt::fence(); }
