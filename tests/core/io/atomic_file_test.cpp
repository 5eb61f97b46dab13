#include "core/io/atomic_file.h"

#include <gtest/gtest.h>
#include <sys/resource.h>

#include <csignal>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "core/base/error.h"
#include "core/io/hdf5.h"
#include "tests/support/temporary_directory.h"

namespace slipway {
namespace {

using test::TemporaryDirectory;

std::string contents_of(const std::string& path) {
  std::ostringstream contents;
  contents << std::ifstream(path).rdbuf();
  return contents.str();
}

std::size_t files_in(const TemporaryDirectory& directory) {
  return static_cast<std::size_t>(std::distance(std::filesystem::directory_iterator(directory.path()), {}));
}

/// While it lives, files cannot grow beyond some bytes: what a full disk does to one file.
class FileSizeLimit {
 public:
  explicit FileSizeLimit(rlim_t bytes) : old_handler_(std::signal(SIGXFSZ, SIG_IGN)) {
    getrlimit(RLIMIT_FSIZE, &old_limit_);
    const rlimit limit{.rlim_cur = bytes, .rlim_max = old_limit_.rlim_max};
    setrlimit(RLIMIT_FSIZE, &limit);
  }
  ~FileSizeLimit() {
    setrlimit(RLIMIT_FSIZE, &old_limit_);
    std::signal(SIGXFSZ, old_handler_);
  }

 private:
  void (*old_handler_)(int);
  rlimit old_limit_{};
};

TEST(AtomicFile, ShowsAllOfTheNewContentsOrTheOld) {
  TemporaryDirectory directory;
  const std::string path = directory.write("result", "old");
  {
    AtomicFile file(path);
    file.write("new ");
    EXPECT_EQ(contents_of(path), "old");
    file.write("contents");
    file.commit();
    EXPECT_EQ(contents_of(path), "new contents");
  }
  {
    AtomicFile file(path);
    file.write("never finished");
  }
  EXPECT_EQ(contents_of(path), "new contents");
  EXPECT_EQ(files_in(directory), 1u);
  write_file_atomically(directory / "other", "");
  EXPECT_EQ(contents_of(directory / "other"), "");
  EXPECT_EQ(files_in(directory), 2u);
}

TEST(AtomicFile, KeepsTheOldFileWhenTheDiskIsFull) {
  TemporaryDirectory directory;
  const std::string path = directory.write("result", "old"), h5 = directory.write("result.h5", "old");
  hdf5::File file = hdf5::File::create({});
  file.write("x", Tensor::zeros(DType::float64, {1000}));
  for (const rlim_t limit : {0, 100, 999}) {
    std::string failure, failure_h5;
    try {
      const FileSizeLimit full(limit);
      write_file_atomically(path, std::string(1000, 'x'));
    } catch (const Error& error) {
      failure = error.what();
    }
    try {
      const FileSizeLimit full(limit);
      file.save(h5);
    } catch (const Error& error) {
      failure_h5 = error.what();
    }
    EXPECT_EQ(failure, "cannot write " + path + ": writing: File too large") << limit;
    EXPECT_EQ(failure_h5, "cannot write " + h5 + ": writing: File too large") << limit;
    EXPECT_EQ(contents_of(path), "old");
    EXPECT_EQ(contents_of(h5), "old");
    EXPECT_EQ(files_in(directory), 2u);
  }
  file.save(h5);
  EXPECT_EQ(hdf5::File::open(h5).read("x").shape(), (Shape{1000}));
}

TEST(AtomicFile, NamesAFileThatCannotBeWritten) {
  TemporaryDirectory directory;
  const std::string path = directory / "absent/result";
  try {
    AtomicFile file(path);
    FAIL() << "no error";
  } catch (const Error& error) {
    EXPECT_EQ(std::string(error.what()),
              "cannot write " + path + ": opening a temporary file beside it: No such file or directory");
  }
  // A directory in the way shows only at the rename.
  std::filesystem::create_directories(directory / "taken/inside");
  EXPECT_THROW(write_file_atomically(directory / "taken", "x"), Error);
  EXPECT_EQ(files_in(directory), 1u);
}

}  // namespace
}  // namespace slipway
