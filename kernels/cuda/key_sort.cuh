#pragma once

#include <utility>

#include "kernels/cuda/block_reduce.cuh"

namespace slipway::cuda {

// Sorting of keys that are all different, so that the result is the only one there is. First a block sorts
// each tile of them by Batcher's bitonic network (1968), most of it in registers; its accesses to shared
// memory depend on no key and have no conflicts. Then runs are merged two by two, twice as long each time.

/// The keys of a tile: key r of thread t is number r * kBlockThreads + t.
template <class Key>
class KeyTile {
 public:
  static constexpr int kKeysOfThread = 8;
  static constexpr int kKeys = kBlockThreads * kKeysOfThread;

  /// body(number, key)
  template <class Body>
  __device__ void for_each(Body body) {
#pragma unroll
    for (int r = 0; r < kKeysOfThread; ++r) body(r * kBlockThreads + static_cast<int>(threadIdx.x), keys_[r]);
  }
  /// `shared` has room for kKeys.
  __device__ void sort(Key* shared) {
    for (int size = 2; size <= kKeys; size *= 2) {
      int stride = size / 2;
      for (; stride >= kBlockThreads; stride /= 2) exchange_in_thread({size, stride});
      for (; stride >= kWarpThreads; stride /= 2) exchange_in_block({size, stride}, shared);
      for (; stride > 0; stride /= 2) {
        exchange({size, stride}, [&](int r) { return __shfl_xor_sync(kAllLanes, keys_[r], stride); });
      }
    }
  }

 private:
  /// Of numbers `stride` apart the smaller key goes to the lower, in every second run of `size` to the upper.
  struct Step {
    int size, stride;
  };

  /// theirs(r): the other key of the pair of key r.
  template <class Theirs>
  __device__ void exchange(const Step& step, Theirs theirs) {
#pragma unroll
    for (int r = 0; r < kKeysOfThread; ++r) {
      const int number = r * kBlockThreads + static_cast<int>(threadIdx.x);
      const bool takes_smaller = ((number & step.stride) == 0) == ((number & step.size) == 0);
      const Key other = theirs(r);
      keys_[r] = (keys_[r] < other) == takes_smaller ? keys_[r] : other;
    }
  }
  template <int kApart = kKeysOfThread / 2>
  __device__ void exchange_in_thread(const Step& step) {
    if (step.stride == kApart * kBlockThreads) {
      const KeyTile before = *this;
      exchange(step, [&](int r) { return before.keys_[r ^ kApart]; });
    } else if constexpr (kApart > 1) {
      exchange_in_thread<kApart / 2>(step);
    }
  }
  __device__ void exchange_in_block(const Step& step, Key* shared) {
    for_each([&](int number, Key key) { shared[number] = key; });
    __syncthreads();
    exchange(step, [&](int r) {
      return shared[r * kBlockThreads + (static_cast<int>(threadIdx.x) ^ step.stride)];
    });
    __syncthreads();
  }

  Key keys_[kKeysOfThread];
};

/// key_of(i) is key i of `count`; none is the greatest number that there is.
template <class Key, class KeyOf>
__global__ void __launch_bounds__(kBlockThreads)
    sort_tiles(const std::int64_t count, const KeyOf key_of, Key* keys) {
  __shared__ Key shared[KeyTile<Key>::kKeys];
  for (std::int64_t first = static_cast<std::int64_t>(blockIdx.x) * KeyTile<Key>::kKeys; first < count;
       first += static_cast<std::int64_t>(gridDim.x) * KeyTile<Key>::kKeys) {
    KeyTile<Key> tile;
    tile.for_each(
        [&](int number, Key& key) { key = first + number < count ? key_of(first + number) : ~Key(0); });
    tile.sort(shared);
    tile.for_each([&](int number, Key key) {
      if (first + number < count) keys[first + number] = key;
    });
  }
}

/// Merges runs of `run` keys, a power of two, two by two. A thread finds a key of the result: in a merge path
/// (Odeh et al., 2012) the number of keys that come from the first run, by bisection.
template <class Key>
__global__ void __launch_bounds__(kBlockThreads)
    merge_runs(const std::int64_t count, const std::int64_t run, const Key* from, Key* to) {
  const auto smaller = [](std::int64_t a, std::int64_t b) { return a < b ? a : b; };
  for (std::int64_t i = grid_thread(); i < count; i += grid_threads()) {
    const std::int64_t begin = i & ~(2 * run - 1), place = i - begin;
    const std::int64_t firsts = smaller(run, count - begin), seconds = smaller(run, count - begin - firsts);
    const Key *first = from + begin, *second = first + firsts;
    std::int64_t low = place > seconds ? place - seconds : 0, high = smaller(place, firsts);
    while (low < high) {
      const std::int64_t middle = (low + high) / 2;
      if (first[middle] < second[place - 1 - middle])
        low = middle + 1;
      else
        high = middle;
    }
    const std::int64_t other = place - low;
    to[i] = low < firsts && (other >= seconds || first[low] < second[other]) ? first[low] : second[other];
  }
}

/// Enqueues the sorting of `count` keys, as sort_tiles takes them; gives the buffer in which they will lie.
/// Both have room for all.
template <class Key, class KeyOf>
Key* sort_keys(const Stream& stream, std::int64_t count, const KeyOf& key_of, std::pair<Key*, Key*> buffers) {
  constexpr std::int64_t kTile = KeyTile<Key>::kKeys;
  auto [keys, other] = buffers;
  launch(stream, block_shape((count + kTile - 1) / kTile, dim3(kBlockThreads)), sort_tiles<Key, KeyOf>, count,
         key_of, keys);
  for (std::int64_t run = kTile; run < count; run *= 2) {
    launch(stream, elementwise_shape(stream, count), merge_runs<Key>, count, run,
           static_cast<const Key*>(keys), other);
    std::swap(keys, other);
  }
  return keys;
}

}  // namespace slipway::cuda
