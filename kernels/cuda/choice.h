#pragma once

#include <algorithm>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "core/runtime/tuner.h"
#include "kernels/cuda/trial.h"
#include "kernels/cuda/vendor/offers.h"

/// Our own kernels or the vendor's libraries: which computes a problem.
namespace slipway::cuda {

/// Seconds that the device takes for what `run` enqueues.
double time_on_device(const Stream& stream, const std::function<void()>& run);

/// "conv2d_forward on NVIDIA A100-SXM4-40GB", with what of the stream matters: the first words of a key.
std::string key_start(const Stream& stream, const char* kernel);

/// Runs a library where the arrays are aligned for it, as they are unless something puts them side by side,
/// and our own kernel elsewhere.
template <class Args>
class WhereAligned : public PreparedKernel<Args> {
 public:
  using Kernel = std::unique_ptr<PreparedKernel<Args>>;
  WhereAligned(Kernel library, Kernel ours) : library_(std::move(library)), ours_(std::move(ours)) {}
  std::size_t scratch_bytes() const override {
    return std::max(library_->scratch_bytes(), ours_->scratch_bytes());
  }
  void run(const Stream& stream, const Args& args) override {
    (aligned(args) ? library_ : ours_)->run(stream, args);
  }

 private:
  Kernel library_, ours_;
};

/// The name of the fastest: measured if the stream's tuner may, else the first library's.
template <class Args, class Problem>
std::string choose_name(const Stream& stream, const char* name, const Problem& problem,
                        const Offers<Args>& libraries, PreparedKernel<Args>& ours) {
  if (!stream.tuner || stream.deterministic) return libraries[0].name;
  TrialMemory memory(stream);
  std::optional<Args> trial;
  const auto run = [&](PreparedKernel<Args>& kernel) {
    if (!trial) {
      std::size_t scratch = ours.scratch_bytes();
      for (const Offer<Args>& offer : libraries) scratch = std::max(scratch, offer.kernel->scratch_bytes());
      trial = trial_arguments(problem, memory, static_cast<const Args*>(nullptr));
      trial->scratch = memory.take(scratch);
    }
    kernel.run(stream, *trial);
  };
  std::vector<Tuner::Candidate> candidates;
  for (const Offer<Args>& offer : libraries) {
    candidates.push_back({offer.name, [&run, &offer] { run(*offer.kernel); }});
  }
  candidates.push_back({Tuner::kOurs, [&] { run(ours); }});
  const std::string key = text(key_start(stream, name), ' ', describe(problem));
  return stream.tuner->choose(
      key, candidates, [&](const std::function<void()>& enqueue) { return time_on_device(stream, enqueue); });
}

/// The kernel for a problem: what a library offers, or our own.
template <class Args, class Problem>
std::unique_ptr<PreparedKernel<Args>> choose(const Stream& stream, const char* name, const Problem& problem,
                                             std::unique_ptr<PreparedKernel<Args>> ours) {
  Offers<Args> libraries;
  add_offers(stream, problem, libraries);
  if (libraries.empty()) return ours;
  const std::string chosen = choose_name(stream, name, problem, libraries, *ours);
  for (Offer<Args>& offer : libraries) {
    if (offer.name != chosen) continue;
    return std::make_unique<WhereAligned<Args>>(std::move(offer.kernel), std::move(ours));
  }
  return ours;
}

}  // namespace slipway::cuda
