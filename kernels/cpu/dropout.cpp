#include "kernels/dropout.h"

#include <algorithm>
#include <cmath>

#include "kernels/cpu/float_types.h"
#include "kernels/cpu/parallel.h"
#include "kernels/cpu/philox_lanes.h"

namespace slipway::cpu {
namespace {

constexpr std::int64_t kGroup = PhiloxLanes::kWords;

void run(const Stream& stream, const DropoutArgs& args) {
  visit_float(args.dtype, "dropout", [&]<class T>() {
    const T* const all_x = static_cast<const T*>(args.x);
    T* const all_y = static_cast<T*>(args.y);
    const T scale = static_cast<T>(1 / (1 - args.probability));
    const std::uint32_t dropped =
        static_cast<std::uint32_t>(std::llround(std::max(0.0, args.probability * 0x1p32 - 0.5)));
    const Philox source{.key = args.key, .stream = static_cast<std::uint64_t>(*args.step)};
    // Groups of the whole batch; the first and the last may lie in x with a part only.
    const std::int64_t first_group = args.first / kGroup, last = args.first + args.count;
    const std::int64_t groups = args.count > 0 ? (last + kGroup - 1) / kGroup - first_group : 0;
    parallel_for(stream, groups, kParallelGrain / kGroup, [=, &args](std::int64_t begin, std::int64_t end) {
      PhiloxLanes random;
      for (std::int64_t group = first_group + begin; group < first_group + end; ++group) {
        random.draw(source, static_cast<std::uint64_t>(group * PhiloxLanes::kLanes));
        const std::int64_t start = std::max(args.first, group * kGroup);
        const std::int64_t size = std::min(last, (group + 1) * kGroup) - start;
        const std::uint32_t* words =
            reinterpret_cast<const std::uint32_t*>(random.words) + (start - group * kGroup);
        const T* x = all_x + (start - args.first);
        T* y = all_y + (start - args.first);
        if (size == kGroup) {
#pragma omp simd
          for (std::int64_t i = 0; i < kGroup; ++i) y[i] = words[i] < dropped ? T(0) : x[i] * scale;
        } else {
          for (std::int64_t i = 0; i < size; ++i) y[i] = words[i] < dropped ? T(0) : x[i] * scale;
        }
      }
    });
  });
}

const KernelRegistrar<DropoutArgs> kRegistered(dropout_kernel, DeviceKind::cpu, run);

}  // namespace
}  // namespace slipway::cpu
