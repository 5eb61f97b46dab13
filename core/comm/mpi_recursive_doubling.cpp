#include "core/comm/mpi_recursive_doubling.h"

#include <algorithm>
#include <bit>

namespace slipway {
namespace {

/// With their header these many bytes fit into what Open MPI sends without asking the receiver, which is 4
/// KiB within a machine and more between machines. Of more than kMostInPieces its leave comes before the last
/// piece.
constexpr int kPiece = 3840, kMostInPieces = 16 << 10;

}  // namespace

std::vector<DoublingStep> doubling_steps(int rank, int size) {
  const int paired = static_cast<int>(std::bit_floor(static_cast<unsigned>(size))), extra = size - paired;
  if (rank < 2 * extra && rank % 2 == 0)
    return {{.partner = rank + 1, .sends = true}, {.partner = rank + 1, .takes = true}};
  std::vector<DoublingStep> steps;
  const bool helps = rank < 2 * extra;
  if (helps) steps.push_back({.partner = rank - 1, .adds = true});
  const int place = helps ? rank / 2 : rank - extra;  // among those that are paired
  for (int distance = 1; distance < paired; distance *= 2) {
    const int other = place ^ distance;
    steps.push_back({.partner = other < extra ? 2 * other + 1 : other + extra, .sends = true, .adds = true});
  }
  if (helps) steps.push_back({.partner = rank - 1, .sends = true});
  return steps;
}

RecursiveDoubling::RecursiveDoubling(MPI_Comm ranks, int tag, std::span<const DoublingStep> steps,
                                     const Values& values)
    : ranks_(ranks),
      tag_(tag),
      steps_(steps),
      values_(values),
      received_(std::make_unique_for_overwrite<std::byte[]>(static_cast<std::size_t>(values.bytes))) {}

int RecursiveDoubling::next(std::vector<MPI_Request>& requests) {
  int code = MPI_SUCCESS;
  requests.clear();
  requests.reserve(2 * (kMostInPieces / kPiece + 1));
  if (adds_) code = MPI_Reduce_local(received_.get(), values_.data, values_.count, values_.type, values_.sum);
  adds_ = false;
  if (steps_.empty() || code != MPI_SUCCESS) return code;
  const DoublingStep step = steps_.front();
  steps_ = steps_.subspan(1);
  adds_ = step.adds;
  std::byte* into = step.takes ? values_.data : received_.get();
  const int piece = values_.bytes <= kMostInPieces ? kPiece : values_.bytes;
  const auto in_pieces = [&](auto&& begin) {
    for (int at = 0; at < values_.bytes && code == MPI_SUCCESS; at += piece)
      code = begin(at, std::min(piece, values_.bytes - at), &requests.emplace_back());
  };
  if (step.adds || step.takes) {
    in_pieces([&](int at, int bytes, MPI_Request* request) {
      return MPI_Irecv(into + at, bytes, MPI_BYTE, step.partner, tag_, ranks_, request);
    });
  }
  if (step.sends) {
    in_pieces([&](int at, int bytes, MPI_Request* request) {
      return MPI_Isend(values_.data + at, bytes, MPI_BYTE, step.partner, tag_, ranks_, request);
    });
  }
  return code;
}

}  // namespace slipway
