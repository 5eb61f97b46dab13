#include "tools/train/ranks.h"

#include <algorithm>
#include <type_traits>
#include <vector>

#include "tools/train/stop_signals.h"

namespace slipway {
namespace {

std::vector<std::int64_t> gathered(Communicator& ranks, std::int64_t own, std::string_view phase) {
  const Tensor all(DType::int64, Shape{ranks.size()});
  ranks.all_gather({}, {.part = Tensor::scalar(own), .all = all}, phase);
  const std::span<const std::int64_t> values = all.as<std::int64_t>();
  return {values.begin(), values.end()};
}

/// Every rank's bytes become the root's.
void broadcast_bytes(Communicator& ranks, void* bytes, std::size_t count, int root, std::string_view phase) {
  const ValueType type(DType::uint8, Shape{static_cast<std::int64_t>(count)});
  ranks.broadcast({}, {.values = {static_cast<std::byte*>(bytes), type}, .root = root}, phase);
}

std::string broadcast_text(Communicator& ranks, const std::string& own, int root, std::string_view phase) {
  std::int64_t length = static_cast<std::int64_t>(own.size());
  broadcast_bytes(ranks, &length, sizeof length, root, phase);
  std::string text = own;
  text.resize(static_cast<std::size_t>(length));
  broadcast_bytes(ranks, text.data(), text.size(), root, phase);
  return text;
}

/// Ranks exchange memory, which must mean the same on all of them.
void expect_same_layouts(Communicator& ranks, const Variables& variables) {
  std::string placed;
  for (const std::string& name : variables.names()) placed += text(name, ' ', variables[name].type(), '\n');
  const std::string first = broadcast_text(ranks, placed, 0, "the layout of variables");
  for (const std::int64_t alike : gathered(ranks, placed == first, "the layout of variables"))
    require(alike != 0,
            "ranks lay out variables differently, expected the same build of Slipway on all of them, and "
            "parts of a batch of equal size");
}

}  // namespace

void together(Communicator* ranks, const std::function<void()>& body) {
  if (!ranks) return body();
  constexpr std::string_view kPhase = "the preparations";
  enum Outcome : std::int64_t { good, mistake, error };
  std::int64_t outcome = good;
  std::string message;
  try {
    body();
  } catch (const UserError& thrown) {
    outcome = mistake;
    message = thrown.what();
  } catch (const std::exception& thrown) {
    outcome = error;
    message = thrown.what();
  }
  const std::vector<std::int64_t> outcomes = gathered(*ranks, outcome, kPhase);
  const auto failed =
      std::find_if(outcomes.begin(), outcomes.end(), [](std::int64_t one) { return one != good; });
  if (failed == outcomes.end()) return;
  const auto root = static_cast<int>(failed - outcomes.begin());
  const std::string first = broadcast_text(*ranks, message, root, kPhase);
  const std::vector<std::int64_t> alike = gathered(*ranks, message == first, kPhase);
  const bool everywhere = std::all_of(alike.begin(), alike.end(), [](std::int64_t one) { return one != 0; });
  throw SharedFailure(everywhere ? first : text("rank ", root, ": ", first),
                      *failed == mistake ? SharedFailure::Kind::mistake : SharedFailure::Kind::error);
}

int agree_on_signal(Communicator& ranks, int own) {
  const Tensor counts =
      Tensor::zeros(DType::int64, Shape{static_cast<std::int64_t>(StopSignals::kSignals.size())});
  const std::span<std::int64_t> received = counts.as<std::int64_t>();
  for (std::size_t i = 0; i < received.size(); ++i) received[i] = StopSignals::kSignals[i] == own;
  ranks.all_reduce({}, counts, "the end of a step");
  for (std::size_t i = 0; i < received.size(); ++i) {
    if (received[i] > 0) return StopSignals::kSignals[i];
  }
  return 0;
}

bool any_of_all(Communicator& ranks, bool own, std::string_view phase) {
  const std::vector<std::int64_t> all = gathered(ranks, own, phase);
  return std::any_of(all.begin(), all.end(), [](std::int64_t one) { return one != 0; });
}

std::string first_of_all(Communicator& ranks, std::int64_t order, const std::string& text) {
  constexpr std::string_view kPhase = "the search for a value that is not finite";
  const std::vector<std::int64_t> orders = gathered(ranks, order, kPhase);
  const auto first = std::min_element(orders.begin(), orders.end());
  return broadcast_text(ranks, text, static_cast<int>(first - orders.begin()), kPhase);
}

void broadcast_state(Communicator& ranks, TrainingProgram& program, TrainingProgress& progress) {
  const Variables& variables = program.variables();
  expect_same_layouts(ranks, variables);
  for (const std::string& name : variables.names()) {
    if (program.state_shards() && Optimizer::is_state(name)) continue;
    const TensorView values = variables[name];  // what is between its elements as well
    const ValueType bytes(DType::uint8, Shape{static_cast<std::int64_t>(values.type.bytes())});
    ranks.broadcast(program.stream(), {.values = {values.data, bytes, values.device}}, "the first state");
  }
  static_assert(std::is_trivially_copyable_v<TrainingProgress>);
  broadcast_bytes(ranks, &progress, sizeof progress, 0, "the first state");
}

}  // namespace slipway
