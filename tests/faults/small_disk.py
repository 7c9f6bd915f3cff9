"""A disk that can be full: a small tmpfs with a ballast file where we may mount one, otherwise a limit on the size of a process's files."""

from __future__ import annotations

import errno
import os
import resource
import subprocess
from pathlib import Path

LEAVE = 64 << 10  # bytes left free on a full disk


class SmallDisk:
    """A tmpfs of `size` bytes mounted at `folder` (which is made). Raises `PermissionError` where we may not mount."""

    def __init__(self, folder: Path, size: int) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        if not may_mount():
            raise PermissionError("mounting a tmpfs needs root")
        subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size},mode=755", "tmpfs", str(folder)], check=True)
        # Unmounted when the pipe closes: by `close`, or by our end, however we end.
        script = 'read -r _; exec umount -l "$0"'
        self._unmount = subprocess.Popen(
            ["sh", "-c", script, str(folder)], stdin=subprocess.PIPE, stderr=subprocess.DEVNULL, start_new_session=True
        )
        self._ballast = folder / "ballast"

    def fill(self, leave: int = LEAVE) -> None:
        """All but `leave` bytes are taken, and taken again when something was freed meanwhile."""
        room = os.statvfs(self.folder)
        more = room.f_bavail * room.f_frsize - leave
        if more <= 0:
            return
        with self._ballast.open("ab") as file:
            try:
                os.posix_fallocate(file.fileno(), file.tell(), more)
            except OSError as error:
                if error.errno != errno.ENOSPC:  # somebody was faster: it is full all the same
                    raise

    def free(self) -> None:
        self._ballast.unlink(missing_ok=True)

    def close(self) -> None:
        self._unmount.communicate(timeout=20)
        assert self._unmount.returncode == 0, f"{self.folder} could not be unmounted"


def may_mount() -> bool:
    """Root alone is not enough: a container's root may lack the right."""
    with open("/proc/self/status", encoding="ascii") as file:
        (line,) = (line for line in file if line.startswith("CapEff"))
    return bool(int(line.split()[1], 16) >> 21 & 1)  # CAP_SYS_ADMIN


def limit_files(pids: list[int], size: int) -> None:
    """From now on these processes, and those they start, cannot write past `size` bytes in any file; -1 ends it."""
    for pid in pids:
        _, hard = resource.prlimit(pid, resource.RLIMIT_FSIZE)
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (size if size >= 0 else hard, hard))
