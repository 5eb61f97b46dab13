#include "tools/train/observers/event_file.h"

#include <google/protobuf/wire_format_lite.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <cstdio>
#include <filesystem>

#include "core/base/error.h"

namespace slipway {
namespace {

using google::protobuf::internal::WireFormatLite;

// Field numbers of the messages in event.proto, summary.proto, tensor.proto and tensor_shape.proto.
namespace event {
constexpr int kWallTime = 1, kStep = 2, kFileVersion = 3, kSummary = 5, kSessionLog = 7;
}
namespace summary {
constexpr int kValue = 1, kTag = 1, kSimpleValue = 2, kImage = 4, kTensor = 8, kMetadata = 9;
constexpr int kHeight = 1, kWidth = 2, kColorspace = 3, kEncoded = 4;
constexpr int kPluginData = 1, kPluginName = 1;
}  // namespace summary
namespace tensor {
constexpr int kDType = 1, kShape = 2, kStringValue = 8, kString = 7;  // kString: a value of kDType
}
namespace session {
constexpr int kStatus = 1, kStart = 1;  // kStart: a value of kStatus
}

/// Serialised fields, one after another.
class Message {
 public:
  Message& integer(int field, std::int64_t value) {
    return append([&](std::uint8_t* to) { return WireFormatLite::WriteInt64ToArray(field, value, to); });
  }
  Message& float64(int field, double value) {
    return append([&](std::uint8_t* to) { return WireFormatLite::WriteDoubleToArray(field, value, to); });
  }
  Message& float32(int field, float value) {
    return append([&](std::uint8_t* to) { return WireFormatLite::WriteFloatToArray(field, value, to); });
  }
  Message& bytes(int field, const std::string& value) {
    append([&](std::uint8_t* to) {
      to = WireFormatLite::WriteTagToArray(field, WireFormatLite::WIRETYPE_LENGTH_DELIMITED, to);
      return google::protobuf::io::CodedOutputStream::WriteVarint64ToArray(value.size(), to);
    });
    content_ += value;
    return *this;
  }
  const std::string& content() const { return content_; }

 private:
  template <class Write>
  Message& append(Write&& write) {
    std::array<std::uint8_t, 24> buffer;  // a tag takes five bytes at most, a number ten
    content_.append(reinterpret_cast<const char*>(buffer.data()),
                    static_cast<std::size_t>(write(buffer.data()) - buffer.data()));
    return *this;
  }
  std::string content_;
};

constexpr std::array<std::uint32_t, 256> crc_table() {
  std::array<std::uint32_t, 256> table{};
  for (std::uint32_t byte = 0; byte < 256; ++byte) {
    std::uint32_t value = byte;
    for (int bit = 0; bit < 8; ++bit) value = (value >> 1) ^ ((value & 1) != 0 ? 0x82f63b78u : 0u);
    table[byte] = value;
  }
  return table;
}

std::string little_endian(std::uint64_t value, int bytes) {
  std::string text;
  for (int i = 0; i < bytes; ++i) text += static_cast<char>(value >> (8 * i) & 0xff);
  return text;
}

/// TFRecord masks checksums, since a checksum of data that holds checksums is weak.
std::string masked_crc(std::string_view bytes) {
  const std::uint32_t crc = crc32c(bytes);
  return little_endian(((crc >> 15) | (crc << 17)) + 0xa282ead8u, 4);
}

double wall_time() {
  return std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
}

}  // namespace

std::uint32_t crc32c(std::string_view bytes) {
  static constexpr std::array<std::uint32_t, 256> kTable = crc_table();
  std::uint32_t crc = 0xffffffffu;
  for (const char byte : bytes) crc = kTable[(crc ^ static_cast<unsigned char>(byte)) & 0xff] ^ (crc >> 8);
  return ~crc;
}

EventFile::EventFile(const std::string& directory, std::int64_t first_step) {
  std::error_code error;
  std::filesystem::create_directories(directory, error);
  require(!error, "cannot make the directory ", directory, ": ", error.message());
  char name[80];
  std::snprintf(name, sizeof name, "/events.out.tfevents.%010.0f.slipway.%d", wall_time(),
                static_cast<int>(::getpid()));
  path_ = directory + name;
  file_.open(path_, std::ios::binary | std::ios::trunc);
  write_event(0, event::kFileVersion, "brain.Event:2");
  write_event(first_step, event::kSessionLog, Message().integer(session::kStatus, session::kStart).content());
  flush();
}

void EventFile::write_event(std::int64_t step, int field, const std::string& content) {
  const std::string data = Message()
                               .float64(event::kWallTime, wall_time())
                               .integer(event::kStep, step)
                               .bytes(field, content)
                               .content();
  const std::string length = little_endian(data.size(), 8);
  file_ << length << masked_crc(length) << data << masked_crc(data);
}

void EventFile::scalar(std::int64_t step, const std::string& tag, double value) {
  const Message entry =
      Message().bytes(summary::kTag, tag).float32(summary::kSimpleValue, static_cast<float>(value));
  write_event(step, event::kSummary, Message().bytes(summary::kValue, entry.content()).content());
}

void EventFile::image(std::int64_t step, const std::string& tag, const Picture& picture) {
  constexpr int kRgb = 3;
  const Message image = Message()
                            .integer(summary::kHeight, picture.height)
                            .integer(summary::kWidth, picture.width)
                            .integer(summary::kColorspace, kRgb)
                            .bytes(summary::kEncoded, picture.png);
  const Message entry = Message().bytes(summary::kTag, tag).bytes(summary::kImage, image.content());
  write_event(step, event::kSummary, Message().bytes(summary::kValue, entry.content()).content());
}

void EventFile::text(std::int64_t step, const std::string& tag, const std::string& markdown) {
  const Message plugin = Message().bytes(summary::kPluginName, "text");
  const Message metadata = Message().bytes(summary::kPluginData, plugin.content());
  const Message tensor = Message()
                             .integer(tensor::kDType, tensor::kString)
                             .bytes(tensor::kShape, "")
                             .bytes(tensor::kStringValue, markdown);
  const Message entry = Message()
                            .bytes(summary::kTag, tag)
                            .bytes(summary::kTensor, tensor.content())
                            .bytes(summary::kMetadata, metadata.content());
  write_event(step, event::kSummary, Message().bytes(summary::kValue, entry.content()).content());
}

void EventFile::flush() {
  file_.flush();
  require(file_.good(), "cannot write ", path_);
}

}  // namespace slipway
