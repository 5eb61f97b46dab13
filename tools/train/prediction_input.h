#pragma once

#include <memory>
#include <string>
#include <vector>

#include "data/dataset.h"

namespace slipway {

/// New inputs for a trained model as a dataset with the schema it was trained on; targets are zeros.
/// `paths` are image files or directories of them, one CSV file with the columns of the training data by
/// name, or one HDF5 file with a dataset named like the input. What does not fit is a UserError that names
/// file and line.
std::shared_ptr<const Dataset> open_prediction_input(const std::vector<std::string>& paths,
                                                     const Schema& schema);

}  // namespace slipway
