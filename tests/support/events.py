"""What happens below a directory while a program runs, counted: a clock that moves with the program's work."""

import ctypes
import os
import select
import struct


class Events:
    """Changes below directories, as inotify reports them."""

    CREATE, MODIFY, MOVED_TO = 0x100, 0x2, 0x80

    def __init__(self, directory):
        """Watches it, and whatever there is or appears below."""
        self.libc = ctypes.CDLL(None, use_errno=True)
        self.descriptor = self.libc.inotify_init1(os.O_CLOEXEC | os.O_NONBLOCK)
        assert self.descriptor >= 0
        self.directories = {}
        for path, _, _ in os.walk(directory):
            self.watch(path)

    def watch(self, path):
        number = self.libc.inotify_add_watch(self.descriptor, path.encode(), self.CREATE | self.MODIFY | self.MOVED_TO)
        assert number >= 0, path
        self.directories[number] = path

    def read(self):
        """How many changes there were since the last call."""
        try:
            data, count = os.read(self.descriptor, 1 << 16), 0
        except BlockingIOError:
            return 0
        while data:
            number, _, _, length = struct.unpack_from("iIII", data)
            path = os.path.join(self.directories[number], data[16:16 + length].rstrip(b"\0").decode())
            if os.path.isdir(path):
                self.watch(path)
            data = data[16 + length:]
            count += 1
        return count

    def wait(self, count, over=lambda: False):
        """Waits for so many changes, or until there are no more and over() is true; returns how many there were."""
        seen = 0
        while seen < count and (select.select([self.descriptor], [], [], 0.05)[0] or not over()):
            seen += self.read()
        return seen

    def __enter__(self):
        return self

    def __exit__(self, *_):
        os.close(self.descriptor)
