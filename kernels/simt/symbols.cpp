#include "kernels/simt/symbols.h"

#include <dlfcn.h>
#include <elf.h>
#include <link.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <map>
#include <memory>
#include <mutex>
#include <span>

#include "core/base/demangle.h"
#include "core/base/error.h"

namespace slipway::simt {
namespace {

/// An ELF file in memory.
struct Image {
  explicit Image(const std::string& path) {
    std::ifstream file(path, std::ios::binary);
    bytes.assign(std::istreambuf_iterator<char>(file), {});
    if (bytes.size() < sizeof(Elf64_Ehdr) || std::memcmp(bytes.data(), ELFMAG, SELFMAG) != 0) return;
    const auto* header = reinterpret_cast<const Elf64_Ehdr*>(bytes.data());
    const auto* first = reinterpret_cast<const Elf64_Shdr*>(bytes.data() + header->e_shoff);
    sections = {first, first + header->e_shnum};
    names = bytes.data() + first[header->e_shstrndx].sh_offset;
  }
  std::string bytes;
  std::span<const Elf64_Shdr> sections;
  const char* names = nullptr;
};

/// Calls visit(symbol, name) for every symbol of an ELF file; those of a stripped file are only the exported
/// ones.
template <class Visit>
void for_each_symbol(const std::string& path, Visit visit) {
  const Image file(path);
  const Elf64_Shdr* table = nullptr;
  for (const Elf64_Shdr& section : file.sections) {
    if (section.sh_type == SHT_SYMTAB || (section.sh_type == SHT_DYNSYM && !table)) table = &section;
  }
  if (!table) return;
  const auto* symbols = reinterpret_cast<const Elf64_Sym*>(file.bytes.data() + table->sh_offset);
  const char* names = file.bytes.data() + file.sections[table->sh_link].sh_offset;
  for (std::size_t i = 0; i < table->sh_size / sizeof(Elf64_Sym); ++i)
    visit(symbols[i], names + symbols[i].st_name);
}

std::string module_path(const char* name) { return name && *name ? name : "/proc/self/exe"; }

std::string find_function(const void* function) {
  Dl_info info{};
  if (!dladdr(function, &info)) return "kernel";
  if (info.dli_saddr == function && info.dli_sname) return demangled_function(info.dli_sname);
  std::string result = "kernel";
  const auto offset = static_cast<std::uint64_t>(static_cast<const char*>(function) -
                                                 static_cast<const char*>(info.dli_fbase));
  for_each_symbol(info.dli_fname, [&](const Elf64_Sym& symbol, const char* name) {
    if (ELF64_ST_TYPE(symbol.st_info) == STT_FUNC && symbol.st_value == offset)
      result = demangled_function(name);
  });
  return result;
}

/// The last of the lines printed by addr2line, from the inside out, that no header of intrinsics holds.
SourceLine ask_addr2line(const void* pc) {
  Dl_info info{};
  if (!dladdr(pc, &info) || !info.dli_fname) return {};
  const auto offset = static_cast<const char*>(pc) - static_cast<const char*>(info.dli_fbase) - 1;
  const std::string command = text("addr2line -i -e '", info.dli_fname, "' 0x", std::hex, offset);
  const std::unique_ptr<FILE, int (*)(FILE*)> lines(popen(command.c_str(), "r"), pclose);
  if (!lines) return {};
  std::array<char, 4096> buffer;
  SourceLine found;
  while (std::fgets(buffer.data(), buffer.size(), lines.get())) {
    std::string line = buffer.data();
    const auto colon = line.rfind(':');
    if (colon == std::string::npos || line[0] == '?') break;
    found = {line.substr(0, colon), std::atoi(line.c_str() + colon + 1)};
    if (found.file.find("/simt/intrinsics/") == std::string::npos &&
        found.file.find("/include/") == std::string::npos) {
      break;
    }
  }
  return found;
}

/// What a look-up gave before, it gives again.
template <class Value>
Value cached(const void* key, Value (*look_up)(const void*)) {
  static std::mutex mutex;
  static std::map<const void*, Value> known;
  const std::scoped_lock lock(mutex);
  const auto found = known.find(key);
  return found != known.end() ? found->second : known.emplace(key, look_up(key)).first->second;
}

int add_thread_local_block(dl_phdr_info* info, std::size_t, void* result) {
  const auto* end = info->dlpi_phdr + info->dlpi_phnum;
  const auto* segment =
      std::find_if(info->dlpi_phdr, end, [](const auto& header) { return header.p_type == PT_TLS; });
  if (segment == end || !info->dlpi_tls_data) return 0;
  ThreadLocalBlock block{
      .begin = static_cast<const char*>(info->dlpi_tls_data), .bytes = segment->p_memsz, .variables = {}};
  for_each_symbol(module_path(info->dlpi_name), [&](const Elf64_Sym& symbol, const char* name) {
    if (ELF64_ST_TYPE(symbol.st_info) != STT_TLS || symbol.st_shndx == SHN_UNDEF) return;
    block.variables.push_back({symbol.st_value, symbol.st_size, name});
  });
  std::sort(block.variables.begin(), block.variables.end(),
            [](const auto& a, const auto& b) { return a.offset < b.offset; });
  static_cast<std::vector<ThreadLocalBlock>*>(result)->push_back(std::move(block));
  return 0;
}

struct SectionRange {
  std::string name;
  std::uintptr_t begin;
  std::uintptr_t end;
};

int add_sections(dl_phdr_info* info, std::size_t, void* result) {
  const Image file(module_path(info->dlpi_name));
  for (const Elf64_Shdr& section : file.sections) {
    if (section.sh_flags & SHF_ALLOC) {
      static_cast<std::vector<SectionRange>*>(result)->push_back(
          {file.names + section.sh_name, info->dlpi_addr + section.sh_addr,
           info->dlpi_addr + section.sh_addr + section.sh_size});
    }
  }
  return 0;
}

}  // namespace

bool is_in_section(const void* address, const char* section) {
  static const std::vector<SectionRange> sections = [] {
    std::vector<SectionRange> result;
    dl_iterate_phdr(add_sections, &result);
    return result;
  }();
  const auto at = reinterpret_cast<std::uintptr_t>(address);
  return std::any_of(sections.begin(), sections.end(), [&](const SectionRange& range) {
    return at >= range.begin && at < range.end && range.name == section;
  });
}

std::string function_name(const void* function) { return cached(function, find_function); }

SourceLine source_line(const void* pc) { return cached(pc, ask_addr2line); }

std::vector<ThreadLocalBlock> thread_local_blocks() {
  std::vector<ThreadLocalBlock> result;
  dl_iterate_phdr(add_thread_local_block, &result);
  return result;
}

}  // namespace slipway::simt
