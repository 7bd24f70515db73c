"""Text files, compressed or not, on their way to Parquet: in memory, and on disk where rows are many."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from workbench.files import UNFINISHED
from workbench.lazy import deferred
from workbench.memory import memory_share
from workbench.sources.arrow import as_frame

if TYPE_CHECKING:
    import polars as pl
else:
    pl = deferred("polars")

_IN_MEMORY = 1 << 30
"""The most bytes of Arrow that are kept in memory; what is larger goes through a file beside its destination."""
_LEAST = 1 << 26


class Spool:
    """Collects batches of rows in memory, and in a temporary file from a gigabyte on, or what memory allows."""

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder
        self._batches: list[Any] = []
        self._bytes = 0
        self._most = memory_share(0.25, least=_LEAST, most=_IN_MEMORY)
        self._file: Path | None = None
        self._writer: Any = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._writer is not None:
            self._writer.close()
        if self._file is not None:
            self._file.unlink(missing_ok=True)

    def add(self, batch: Any) -> None:
        """Add a ``pyarrow.RecordBatch``; all have the same schema."""
        self._batches.append(batch)
        self._bytes += batch.nbytes
        if self._bytes > self._most:
            self._spill()

    def _spill(self) -> None:
        import pyarrow as pa

        if self._writer is None:
            if self._folder is not None:
                self._folder.mkdir(parents=True, exist_ok=True)
            with tempfile.NamedTemporaryFile(dir=self._folder, prefix=UNFINISHED, suffix=".rows", delete=False) as file:
                self._file = Path(file.name)
            options = pa.ipc.IpcWriteOptions(compression="lz4")
            self._writer = pa.ipc.new_file(str(self._file), self._batches[0].schema, options=options)
        for batch in self._batches:
            self._writer.write_batch(batch)
        self._batches, self._bytes = [], 0

    def frame(self) -> pl.LazyFrame | None:
        """Return all rows; None where no batch was added."""
        import pyarrow as pa

        if self._file is not None:
            self._spill()
            self._writer.close()
            self._writer = None
            return pl.scan_ipc(self._file, glob=False)
        if not self._batches:
            return None
        frame = as_frame(pa.Table.from_batches(self._batches))
        self._batches = []
        return frame.lazy()


_MAGIC = {b"\x1f\x8b": "gzip", b"\x28\xb5\x2f\xfd": "zstd"}


@contextmanager
def decompress(file: Path) -> Iterator[Any]:
    """Yield the bytes of `file`, decompressed where it is gzip or zstd, as a ``pyarrow.NativeFile``."""
    import pyarrow as pa

    with pa.OSFile(str(file)) as stored:
        start = stored.read(4)
        stored.seek(0)
        packing = next((name for magic, name in _MAGIC.items() if start.startswith(magic)), None)
        if packing is None:
            yield stored
            return
        with pa.CompressedInputStream(stored, packing) as stream:
            yield stream
