#include "tools/train/step_profile.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>
#include <iomanip>
#include <map>
#include <ostream>
#include <span>

#include "core/runtime/step_state.h"
#include "core/tensor/event.h"
#include "data/batch_feed.h"

namespace slipway {
namespace {

using Clock = std::chrono::steady_clock;
using Phase = TrainingProgram::Phase;

enum Part { kWaiting, kInput, kForward, kBackward, kUpdate, kHost };
constexpr std::array<const char*, 6> kParts = {"waiting for data", "input",  "forward",
                                               "backward",         "update", "host"};

double median(std::vector<double> samples) {
  const auto middle = samples.begin() + static_cast<std::ptrdiff_t>(samples.size() / 2);
  std::nth_element(samples.begin(), middle, samples.end());
  return *middle;
}

/// One batch of a step as events of its stream: before and after it takes its input, then after each op.
class TimedRun {
 public:
  TimedRun(const TrainingProgram& program, Phase phase, Executor& executor, const Stream& stream)
      : program_(program), phase_(phase), executor_(executor), stream_(stream) {
    const Value figures = graph().outputs().at(TrainingProgram::kFigures);
    loss_ = graph().node(figures.node).inputs[0].node;
    if (program.has_parts())
      loss_ = std::ranges::max(graph().node(loss_).inputs).node;  // before they are summed
    for (int i = 0; i < static_cast<int>(graph().nodes().size()); ++i) {
      const Node& node = graph().node(i);
      if (node.kind != NodeKind::op) continue;
      ops_.push_back(i);
      names_.push_back(text(node.op->name(), ' ', node.name));
      if (node.name == kGradients) last_gradient_ = i;
    }
    for (std::size_t i = 0; i < ops_.size() + 2; ++i) events_.emplace_back(stream.device, EventKind::time);
  }

  Phase phase() const { return phase_; }
  const Graph& graph() const { return executor_.graph(); }
  /// The nodes that are ops, in order.
  const std::vector<int>& ops() const { return ops_; }

  /// Enqueues everything.
  void run(std::span<const TensorView> batch, std::int64_t samples) {
    events_[0].record(stream_);
    program_.bind(executor_, batch, samples);
    DeviceBackend& backend = device_backend(stream_.device);
    std::size_t next = 1;
    executor_.run_watched([&](int) {
      if (next > 1) backend.end_range();
      events_[next++].record(stream_);
      backend.begin_range(names_[next - 2]);
    });
    backend.end_range();
    events_[next].record(stream_);
  }

  /// In seconds since the run began, once it has ended.
  double input_end() const { return since_start(1); }
  double start(std::size_t op) const { return since_start(op + 1); }
  double end(std::size_t op) const { return since_start(op + 2); }
  /// When it began, in seconds since another did, or since that one's last op.
  double begin_since(const TimedRun& other) const {
    return events_.front().seconds_since(other.events_.front());
  }
  double gap_after(const TimedRun& other) const {
    return events_.front().seconds_since(other.events_.back());
  }

  Part part(std::size_t op) const {
    const int node = ops_[op];
    return node <= loss_ ? kForward : node <= last_gradient_ ? kBackward : kUpdate;
  }

 private:
  double since_start(std::size_t event) const { return events_[event].seconds_since(events_[0]); }

  const TrainingProgram& program_;
  Phase phase_;
  Executor& executor_;
  Stream stream_;
  std::vector<int> ops_;
  std::vector<std::string> names_;    // of their ranges
  int loss_ = 0, last_gradient_ = 0;  // nodes
  std::vector<Event> events_;
};

class StepProfiler {
 public:
  StepProfiler(TrainingProgram& program, const Model& model, Loader& loader, const Stream& stream)
      : program_(program),
        model_(model),
        batch_size_(loader.options().batch_size),
        stream_(stream),
        feed_(loader, stream) {
    const std::int64_t batches = model.config().train.accumulate;
    for (std::int64_t left = batches; left > 0; --left) {
      const Phase phase = left > 1 ? Phase::accumulate : Phase::update;
      runs_.emplace_back(program, phase, program.executor(batch_size_, phase), stream);
    }
  }

  void trace_to(ChromeTrace& trace) {
    trace_ = &trace;
    host_track_ = trace.add_track("host");
    device_track_ = trace.add_track(to_string(stream_.device));
  }

  void step(std::int64_t number) {
    StepState::set_step(program_.variables(), number);
    StepState::set_learning_rate(program_.variables(), model_.config().train.optimizer->learning_rate);
    const double start = now();
    std::vector<HostTimes> host;
    for (TimedRun& run : runs_) host.push_back(enqueue(run));
    synchronize(stream_);
    const double seconds = now() - start;
    Spent spent = gather(host);
    trace({.name = text("step ", number + 1),
           .category = "step",
           .track = host_track_,
           .start = start,
           .seconds = seconds});
    double measured = 0;
    for (const double part : spent.parts) measured += part;
    spent.parts[kHost] = std::max(0.0, seconds - measured);
    for (std::size_t part = 0; part < kParts.size(); ++part) parts_[part].push_back(spent.parts[part]);
    for (const auto& [node, time] : spent.nodes) nodes_[node].push_back(time);
    seconds_.push_back(seconds);
  }

  /// Forgets the steps so far.
  void restart() {
    parts_ = {};
    nodes_.clear();
    seconds_.clear();
  }

  StepProfile result() const {
    StepProfile profile{.seconds = median(seconds_), .steps = static_cast<int>(seconds_.size())};
    for (std::size_t part = 0; part < kParts.size(); ++part)
      profile.parts.push_back({kParts[part], median(parts_[part])});
    for (const auto& [key, times] : nodes_) {
      const auto& [phase, node] = key;
      const TimedRun& run = phase == Phase::accumulate ? runs_.front() : runs_.back();
      NodeProfile described = describe_node(run.graph(), node);
      if (phase == Phase::accumulate)
        described.count = static_cast<int>(model_.config().train.accumulate - 1);
      described.cost.flops *= described.count;
      described.cost.bytes *= described.count;
      described.seconds = median(times);
      profile.nodes.push_back(std::move(described));
    }
    return profile;
  }

 private:
  struct Spent {
    std::array<double, kParts.size()> parts{};
    std::map<std::pair<Phase, int>, double> nodes;
  };

  double now() const { return std::chrono::duration<double>(Clock::now() - origin_).count(); }

  void next_batch() {
    if (!feed_.next()) feed_.next();  // null ends an epoch
  }

  /// When the host, for one batch, began to wait for its data, had them, and had enqueued everything.
  struct HostTimes {
    double start = 0, begin = 0, end = 0;
  };

  /// As in training, the batches of a step follow each other without a wait for what they compute.
  HostTimes enqueue(TimedRun& run) {
    HostTimes times{.start = now()};
    next_batch();
    times.begin = now();
    run.run(feed_.values(), batch_size_);
    feed_.fetch_ahead();
    times.end = now();
    return times;
  }

  /// Reads the events of a step that is done.
  Spent gather(const std::vector<HostTimes>& host) {
    Spent spent;
    for (std::size_t batch = 0; batch < runs_.size(); ++batch) {
      const TimedRun& run = runs_[batch];
      double waited = host[batch].begin - host[batch].start;
      // While the batch before is computed on, the host's waiting costs nothing.
      if (batch > 0) waited = std::clamp(run.gap_after(runs_[batch - 1]), 0.0, waited);
      spent.parts[kWaiting] += waited;
      spent.parts[kInput] += run.input_end();
      for (std::size_t op = 0; op < run.ops().size(); ++op) {
        const double seconds = run.end(op) - run.start(op);
        spent.parts[run.part(op)] += seconds;
        spent.nodes[{run.phase(), run.ops()[op]}] += seconds;
      }
      if (trace_) trace_batch(run, host[batch], host.front().begin + run.begin_since(runs_.front()));
    }
    return spent;
  }

  /// `begin` is when the device began with it.
  void trace_batch(const TimedRun& run, const HostTimes& host, double begin) {
    trace_host("waiting for data", host.start, host.begin);
    trace_host("batch", host.begin, host.end);
    trace_device(kInput, begin, begin + run.input_end());
    trace_ops(run, begin);
  }

  void trace_host(const char* name, double start, double end) {
    trace({.name = name, .category = "host", .track = host_track_, .start = start, .seconds = end - start});
  }
  void trace_device(Part part, double start, double end) {
    trace({.name = kParts[part],
           .category = "phase",
           .track = device_track_,
           .start = start,
           .seconds = end - start});
  }

  void trace_ops(const TimedRun& run, double begin) {
    const std::size_t count = run.ops().size();
    for (std::size_t first = 0, op = 0; op < count; ++op) {
      const Node& node = run.graph().node(run.ops()[op]);
      trace(
          {.name = std::string(node.op->name()),
           .category = "op",
           .track = device_track_,
           .start = begin + run.start(op),
           .seconds = run.end(op) - run.start(op),
           .details = {
               {"node", node.name}, {"type", text(node.outputs[0])}, {"attributes", node.op->attributes()}}});
      if (op + 1 < count && run.part(op + 1) == run.part(op)) continue;
      trace_device(run.part(op), begin + run.start(first), begin + run.end(op));
      first = op + 1;
    }
  }

  void trace(ChromeTrace::Span span) {
    if (trace_) trace_->add(std::move(span));
  }

  TrainingProgram& program_;
  const Model& model_;
  std::int64_t batch_size_;
  Stream stream_;
  BatchFeed feed_;
  ChromeTrace* trace_ = nullptr;
  int host_track_ = 0, device_track_ = 0;
  Clock::time_point origin_ = Clock::now();
  std::vector<TimedRun> runs_;  // of the batches of a step
  std::array<std::vector<double>, kParts.size()> parts_;
  std::map<std::pair<Phase, int>, std::vector<double>> nodes_;
  std::vector<double> seconds_;
};

/// Exchanges may go on at the same time.
StepProfile::Exchange time_of_exchanges(std::span<const ExchangeTime> exchanges, int steps) {
  StepProfile::Exchange sum;
  Clock::time_point end = {};  // of those so far, which began in this order
  for (const ExchangeTime& exchange : exchanges) {
    if (exchange.phase != kGradientPhase) continue;
    const std::chrono::duration<double> more = exchange.end - std::max(exchange.start, end);
    sum.travelled += std::max(0.0, more.count()) / steps;
    sum.waited += exchange.waited / steps;
    end = std::max(end, exchange.end);
  }
  return sum;
}

}  // namespace

StepProfile profile_steps(TrainingProgram& program, const Model& model, Loader& loader, const Stream& stream,
                          const StepProfileOptions& options) {
  constexpr std::int64_t kWarmUp = 2;
  StepProfiler profiler(program, model, loader, stream);
  for (std::int64_t step = 0; step < kWarmUp; ++step) profiler.step(step);
  profiler.restart();
  if (options.exchanges) options.exchanges->clear();
  if (options.trace) profiler.trace_to(*options.trace);
  for (std::int64_t step = 0; step < options.steps; ++step) profiler.step(kWarmUp + step);
  StepProfile profile = profiler.result();
  if (options.exchanges) profile.exchange = time_of_exchanges(*options.exchanges, options.steps);
  return profile;
}

void write_profile(std::ostream& out, const StepProfile& profile, ProfileRows rows) {
  const std::ios::fmtflags flags = out.flags();
  const std::streamsize precision = out.precision();
  out << std::fixed;
  const auto line = [&](double seconds, const std::string& what) {
    out << std::setw(10) << std::setprecision(3) << seconds * 1e3 << std::setprecision(1) << std::setw(6)
        << 100 * seconds / profile.seconds << "%  " << what << '\n';
  };
  out << "   time ms  share  part of a step (medians of " << profile.steps << ")\n";
  for (const StepProfile::Part& part : profile.parts) line(part.seconds, part.name);
  line(profile.seconds, "step");
  if (profile.exchange && profile.exchange->travelled > 0) {
    const double hidden = 1 - profile.exchange->waited / profile.exchange->travelled;
    line(profile.exchange->travelled,
         text("exchange of gradients, of which ", std::llround(100 * std::max(0.0, hidden)),
              "% behind the backward pass"));
  }
  out << '\n';
  out.flags(flags);
  out.precision(precision);
  write_times(out, rows == ProfileRows::nodes ? profile.nodes : sum_by_op(profile.nodes), profile.seconds);
}

}  // namespace slipway
