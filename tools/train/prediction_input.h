#pragma once

#include <memory>
#include <string>
#include <vector>

#include "data/dataset.h"

namespace slipway {

/// New inputs for a trained model as a dataset without targets. `paths` are image files or directories of
/// them; one IDX file; one HDF5 file with a dataset named like the input; or one file that is read with the
/// settings of `training`, the dataset of `schema` as the configuration describes it. What does not fit is a
/// UserError that names the file and what is expected.
std::shared_ptr<const Dataset> open_prediction_input(const std::vector<std::string>& paths,
                                                     const Schema& schema, const Dataset& training);

}  // namespace slipway
