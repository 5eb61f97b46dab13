#pragma once

#include <string>

#include "core/base/component.h"

namespace slipway {

/// What blocks consist of.
struct BlockTarget {
  const ComponentKind& kind;
  std::string sequence;  // the component of that kind which applies a list of others in turn
};

/// Replaces each use of a block in a list of components by the components it stands for:
///
///     blocks:
///       dense:
///         parameters: {features: , rate: 0.1}    # null: an argument is required
///         layers: [linear: $features, relu, dropout: $rate]
///     layers: [dense: 128, dense: {features: 64, rate: 0}, linear: 10]
///
/// A use becomes `sequence: [...]` in which every unquoted scalar `$name` is replaced by the argument, type
/// and all. Uses are found in `list` and, by the fields of the components in it, in all lists and slots of
/// the kind below; arguments may be components and lists of them. What a block contains keeps its position in
/// the block. Mistakes in definitions and uses go to `errors`; if there are any, the result is of no use. A
/// UserError if blocks expand beyond reason.
ConfigNode expand_blocks(const ConfigNode& list, const ConfigNode& blocks, const BlockTarget& target,
                         ConfigErrors& errors);

}  // namespace slipway
