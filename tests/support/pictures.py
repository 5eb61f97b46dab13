"""Files of pictures and arrays as tests need them: PNG, JPEG and IDX, written without Slipway."""

import ctypes
import ctypes.util
import struct
import zlib

import numpy as np


def png(pixels):
    """A PNG file of uint8 pixels [height, width] or [height, width, 3]."""
    height, width = pixels.shape[:2]
    colour_type = 0 if pixels.ndim == 2 else 2

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    lines = b"".join(b"\0" + line.tobytes() for line in pixels)  # each begins with its filter: none
    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, colour_type, 0, 0, 0)) +
            chunk(b"IDAT", zlib.compress(lines)) + chunk(b"IEND", b""))


def grey_jpeg(pixels):
    """A JPEG file of uint8 pixels [height, width], of best quality: equal blocks of 8 x 8 stay what they are."""
    library = ctypes.CDLL(ctypes.util.find_library("turbojpeg"))
    library.tjInitCompress.restype = ctypes.c_void_p
    library.tjFree.argtypes = [ctypes.c_void_p]
    encoder = ctypes.c_void_p(library.tjInitCompress())
    file, size = ctypes.c_void_p(), ctypes.c_ulong()
    height, width = pixels.shape
    grey_pixels, grey_file = 6, 3  # TJPF_GRAY, TJSAMP_GRAY
    failed = library.tjCompress2(encoder, pixels.tobytes(), width, 0, height, grey_pixels, ctypes.byref(file),
                                 ctypes.byref(size), grey_file, 100, 0)
    assert failed == 0
    contents = ctypes.string_at(file, size.value)
    library.tjFree(file)
    library.tjDestroy(encoder)
    return contents


def idx(array):
    """An IDX file of uint8 values."""
    assert array.dtype == np.uint8
    return struct.pack(f">BBBB{array.ndim}I", 0, 0, 8, array.ndim, *array.shape) + array.tobytes()
