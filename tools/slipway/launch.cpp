#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <iostream>
#include <optional>
#include <random>
#include <thread>

#include "core/base/error.h"
#include "core/comm/mpi.h"
#include "tools/slipway/verb.h"
#include "tools/train/rank_board.h"

namespace slipway {
namespace {

volatile std::sig_atomic_t launched_process = 0;
volatile std::sig_atomic_t stop_signal = 0;  // the first that was passed on

/// mpirun ends all ranks at once on SIGINT and SIGTERM, but passes SIGUSR1 on to them, on which they finish
/// their step and save. Only a second signal is to end them at once.
extern "C" void pass_on(int signal) {
  const bool first = stop_signal == 0;
  if (first) stop_signal = signal;
  if (launched_process > 0) kill(static_cast<pid_t>(launched_process), first ? SIGUSR1 : SIGTERM);
}

class LaunchVerb : public Verb {
 public:
  std::string name() const override { return "launch"; }
  std::string summary() const override { return "Train with several processes on this machine"; }
  std::string details() const override {
    return "Starts N processes of `slipway train` through mpirun, which train one model together. Behind\n"
           "--devices comes the command line of `slipway train`. The batch size is that of all processes, "
           "and\n"
           "their number does not change what is learned. Ctrl-C finishes the step, saves, and ends all of "
           "them.\n"
           "On several machines: mpirun or srun with `slipway train`.\n\n"
           "Examples:\n"
           "  slipway launch --devices 4 configs/mnist_cnn.yaml\n"
           "  slipway launch --devices 2 --max-restarts 3 configs/mnist_cnn.yaml --threads 1 --resume";
  }
  void options(CLI::App& app) override {
    app.add_option("--devices", devices_, "processes, each with a device of its own")
        ->required()
        ->check(CLI::Range(1, 4096));
    app.add_option("--max-restarts", max_restarts_,
                   "how often to go on, or begin again, after processes have died or hung")
        ->capture_default_str()
        ->check(CLI::NonNegativeNumber);
    app.prefix_command();
    app_ = &app;
  }

  int run() override {
    std::vector<std::string> command = mpirun(app_->remaining());
    const bool names_run = std::any_of(command.begin(), command.end(), [](const std::string& word) {
      return word == "--resume" || word == "--job" || word.starts_with("--job=");
    });
    // Processes that are started again go on with the run of those before; the last of this name may be
    // older.
    if (max_restarts_ > 0 && !names_run) command.insert(command.end(), {"--job", unique_name()});
    struct sigaction action {};
    action.sa_handler = pass_on;
    sigemptyset(&action.sa_mask);
    for (const int signal : {SIGINT, SIGTERM}) sigaction(signal, &action, nullptr);
    RankBoard board(devices_);
    setenv(RankBoard::kVariable, board.path().c_str(), 1);
    for (int restarts = 0;; ++restarts) {
      board.clear();
      const int code = run_once(command, board);
      if (!is_failure(code)) return code;
      std::cerr << "slipway launch: the processes ended with status " << code << '\n';
      for (const std::string& line : board.describe()) std::cerr << "  " << line << '\n';
      if (restarts == max_restarts_) return code;
      std::cerr << "slipway launch: restart " << restarts + 1 << " of " << max_restarts_
                << " goes on from the last checkpoint" << std::endl;
    }
  }

 private:
  std::vector<std::string> mpirun(const std::vector<std::string>& arguments) const {
    require_user(!arguments.empty(), "expected the command line of `slipway train` behind --devices ",
                 devices_);
    require_user(!mpi_library().empty(),
                 "this build has no MPI to connect processes; expected one that was configured "
                 "where Open MPI is installed, without -D SLIPWAY_MPI=off");
    // mpirun counts cores, whatever a rank computes on: how many there are to be is the user's choice.
    std::vector<std::string> command = {"mpirun",    "-np",  std::to_string(devices_),
                                        "--bind-to", "none", "--oversubscribe"};
    if (geteuid() == 0) command.push_back("--allow-run-as-root");  // who has become root has decided already
    command.push_back(std::filesystem::read_symlink("/proc/self/exe").string());
    command.push_back("train");
    command.insert(command.end(), arguments.begin(), arguments.end());
    return command;
  }

  static std::string unique_name() {
    std::random_device random;
    return text("launch-", std::hex, random(), random());
  }

  static int run_once(const std::vector<std::string>& command, const RankBoard& board) {
    sigset_t held, before;
    sigemptyset(&held);
    for (const int signal : {SIGINT, SIGTERM}) sigaddset(&held, signal);
    sigprocmask(SIG_BLOCK, &held, &before);  // until there is a process to pass them on to
    if (stop_signal != 0) return 128 + stop_signal;
    const pid_t child = fork();
    require(child >= 0, "cannot start mpirun: ", std::strerror(errno));
    if (child == 0) start(command, before);
    launched_process = child;
    sigprocmask(SIG_SETMASK, &before, nullptr);
    const int code = wait_for(child, board);
    launched_process = 0;
    return code;
  }

  /// The exit status of the ranks. Two things only this process can end: a rank that stops when the others
  /// have left already, which nobody else would notice, and an mpirun that is told to end ranks on machines
  /// that it can't reach, for which it would wait until TCP loses patience, a quarter of an hour.
  static int wait_for(pid_t mpirun, const RankBoard& board) {
    using Clock = std::chrono::steady_clock;
    constexpr std::chrono::milliseconds kLook{20}, kPatience{3'000};
    constexpr int kHung = 1;
    std::optional<Clock::time_point> all_end, mpirun_ends;
    for (bool hung = false;;) {
      int status = 0;
      const pid_t found = waitpid(mpirun, &status, WNOHANG);
      require(found >= 0 || errno == EINTR, "waiting for mpirun: ", std::strerror(errno));
      if (found == mpirun) return hung ? kHung : exit_code(status);
      const Clock::time_point now = Clock::now();
      if (const auto patience = board.patience(); patience && !all_end) all_end = now + *patience;
      if (!hung && all_end && now > *all_end) {
        hung = true;
        std::cerr << "slipway launch: not all processes ended when the first had left" << std::endl;
        kill(mpirun, SIGTERM);
      }
      if (!mpirun_ends && (hung || board.given_up())) mpirun_ends = now + kPatience;
      if (mpirun_ends && now > *mpirun_ends) kill(mpirun, SIGKILL);
      std::this_thread::sleep_for(kLook);
    }
  }

  [[noreturn]] static void start(const std::vector<std::string>& command, const sigset_t& signals) {
    setpgid(0, 0);  // the terminal's Ctrl-C comes to the parent alone
    signal(SIGINT, SIG_DFL);
    signal(SIGTERM, SIG_DFL);
    sigprocmask(SIG_SETMASK, &signals, nullptr);
    std::vector<char*> words;
    for (const std::string& word : command) words.push_back(const_cast<char*>(word.c_str()));
    words.push_back(nullptr);
    execvp(words[0], words.data());
    const std::string message = text("slipway launch: cannot start mpirun: ", std::strerror(errno), '\n');
    static_cast<void>(!write(STDERR_FILENO, message.data(), message.size()));
    _exit(2);
  }

  /// That of the ranks; after a signal that they were told of as SIGUSR1, as if it had come to them as it is.
  static int exit_code(int status) {
    if (WIFSIGNALED(status)) return 128 + WTERMSIG(status);
    const int code = WEXITSTATUS(status);
    return code == 128 + SIGUSR1 && stop_signal != 0 ? 128 + stop_signal : code;
  }

  /// Whether it is worth another try: neither a mistake of the user's nor the end that a signal asked for.
  static bool is_failure(int code) {
    const bool stopped =
        stop_signal != 0 || code == 128 + SIGUSR1 || code == 128 + SIGTERM || code == 128 + SIGINT;
    return code != 0 && code != 2 && !stopped;
  }

  int devices_ = 1;
  int max_restarts_ = 0;
  CLI::App* app_ = nullptr;
};

const RegisterVerb<LaunchVerb> registered;

}  // namespace
}  // namespace slipway
