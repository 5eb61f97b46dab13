#include "kernels/cast.h"

#include "core/base/convert.h"
#include "kernels/cpu/parallel.h"

namespace slipway::cpu {
namespace {

void run(const Stream& stream, const CastArgs& args) {
  visit_dtype(args.from, [&]<class From>() {
    visit_dtype(args.to, [&]<class To>() {
      const From* x = static_cast<const From*>(args.x);
      To* y = static_cast<To*>(args.y);
      parallel_for(stream, args.count, kParallelGrain, [=](std::int64_t begin, std::int64_t end) {
        for (std::int64_t i = begin; i < end; ++i) y[i] = convert<To>(x[i]);
      });
    });
  });
}

void run_all(const Stream& stream, const CastAllArgs& args) {
  for (const CastAllArgs::Part& part : args.parts) {
    run(stream, {.from = args.from, .to = args.to, .x = part.x, .y = part.y, .count = part.count});
  }
}

const KernelRegistrar<CastAllArgs> kCastAll(cast_all, DeviceKind::cpu, run_all);
const KernelRegistrar<CastArgs> kCast(cast, DeviceKind::cpu, run);

}  // namespace
}  // namespace slipway::cpu
