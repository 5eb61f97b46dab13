#pragma once

#include <cstdint>
#include <string>

#include "data/formats/bytes.h"

namespace slipway {

/// Decodes a JPEG or PNG file to uint8 [channels, height, width]: 3 channels are red, green, blue, 1 is
/// luminance (ITU-R 601). Transparency is dropped, 16 bits become 8. `name` stands for the file in messages;
/// a damaged file is a UserError. `image` keeps its memory if it is of the right type.
void decode_image(Bytes file, const std::string& name, std::int64_t channels, Tensor& image);

}  // namespace slipway
