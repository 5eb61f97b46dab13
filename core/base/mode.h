#pragma once

namespace slipway {

/// Whether dropout drops, batch statistics are used and random transforms draw (training), or everything
/// takes its deterministic form (evaluation, prediction, export).
enum class Mode { training, evaluation };

}  // namespace slipway
