#include "core/comm/rank_memory.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <string>
#include <string_view>
#include <utility>

#include "core/base/error.h"

namespace slipway {
namespace {

constexpr const char* kName = "slipway exchange";

}  // namespace

RankMemory::RankMemory(std::size_t bytes) : bytes_(bytes), descriptor_(::memfd_create(kName, MFD_CLOEXEC)) {
  if (descriptor_ >= 0 && ::ftruncate(descriptor_, static_cast<off_t>(bytes)) != 0) {
    ::close(descriptor_);
    descriptor_ = -1;
  }
}

RankMemory::~RankMemory() {
  for (std::byte* place : places_) {
    if (place) ::munmap(place, bytes_);
  }
  if (descriptor_ >= 0) ::close(descriptor_);
}

RankMemory::Address RankMemory::address() const {
  struct stat status {};
  if (descriptor_ < 0 || ::fstat(descriptor_, &status) != 0) return {};
  return {
      .process = ::getpid(), .descriptor = descriptor_, .inode = static_cast<std::int64_t>(status.st_ino)};
}

bool RankMemory::find(std::span<const Address> addresses) {
  bool found = true;
  for (const Address& address : addresses) {
    places_.push_back(map(address));
    found = found && places_.back() != nullptr;
  }
  return found;
}

/// Null where there is none, or something else: where processes count each other differently, as in
/// containers.
std::byte* RankMemory::map(const Address& address) const {
  if (address.descriptor < 0) return nullptr;
  const std::string path = text("/proc/", address.process, "/fd/", address.descriptor);
  const int descriptor = ::open(path.c_str(), O_RDWR | O_CLOEXEC);
  if (descriptor < 0) return nullptr;
  struct stat status {};
  const bool found = ::fstat(descriptor, &status) == 0 &&
                     static_cast<std::int64_t>(status.st_ino) == address.inode &&
                     static_cast<std::size_t>(status.st_size) == bytes_;
  void* const memory =
      found ? ::mmap(nullptr, bytes_, PROT_READ | PROT_WRITE, MAP_SHARED, descriptor, 0) : MAP_FAILED;
  ::close(descriptor);
  if (memory == MAP_FAILED) return nullptr;
  ::madvise(memory, bytes_, MADV_HUGEPAGE);  // where the system has them for shared memory
  return static_cast<std::byte*>(memory);
}

std::unique_ptr<RankMemory> share_memory(Communicator& ranks, std::size_t bytes) {
  constexpr std::string_view kPhase = "the memory that ranks share";
  const std::int64_t size = ranks.size();
  auto memory = std::make_unique<RankMemory>(bytes);
  const RankMemory::Address own = memory->address();
  const Tensor addresses(DType::int64, Shape{size, 3});
  ranks.all_gather({},
                   {.part = Tensor::of<std::int64_t>(Shape{3}, {own.process, own.descriptor, own.inode}),
                    .all = addresses},
                   kPhase);
  std::vector<RankMemory::Address> all;
  for (std::int64_t rank = 0; rank < size; ++rank) {
    const std::int64_t* values = addresses.as<std::int64_t>().data() + 3 * rank;
    all.push_back({.process = values[0], .descriptor = values[1], .inode = values[2]});
  }
  const Tensor found = Tensor::scalar<std::int64_t>(memory->find(all));
  ranks.all_reduce({}, found, kPhase);
  return found.as<std::int64_t>()[0] == size ? std::move(memory) : nullptr;
}

}  // namespace slipway
