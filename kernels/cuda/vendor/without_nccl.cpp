#include "kernels/cuda/vendor/ranks.h"

// In place of vendor/nccl in builds without NCCL.
namespace slipway::cuda {

std::unique_ptr<Communicator> connect_ranks(Device device, const RankConnection& connection) {
  throw Error(text(to_string(device), ": this build has no NCCL to connect the devices of ",
                   connection.host.size(),
                   " ranks, expected one with -D SLIPWAY_NCCL=auto and NCCL installed"));
}

}  // namespace slipway::cuda
