"""`Kernels`: where the kernels of a server work; a cell may have changed the folder."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from jupyter_server.services.kernels.kernelmanager import MappingKernelManager


@dataclass(slots=True)
class Kernels:
    """The kernels that run on this machine.

    Parameters
    ----------
    manager
        The server's kernels; None for a server without any.
    """

    manager: MappingKernelManager | None
    _last: dict[str, Path] = field(default_factory=dict)

    def folder(self, kernel: str) -> Path | None:
        """Return the folder that a kernel works in, or worked in until it ended; None where that is unknown."""
        if self.manager is not None and kernel in self.manager:
            import psutil

            provisioner = self.manager.get_kernel(kernel).provisioner
            pid = getattr(provisioner, "pid", None)  # a gateway's kernel has none here
            with suppress(psutil.Error, OSError):  # it is ending
                if pid is not None:
                    self._last[kernel] = Path(psutil.Process(pid).cwd())
        return self._last.get(kernel)
