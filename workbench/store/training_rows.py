"""`TrainingRows`: the rows of a training set, built or saved, as models and other libraries take them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import polars as pl
import polars.selectors as cs

from workbench.drivers import speaks_plainly
from workbench.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd
    import pyarrow as pa
    import torch

    from workbench.store.join import Question
    from workbench.store.ledger import Ledger


@speaks_plainly
class TrainingRows:
    """Mixin: what models take of a training set, by its frame, its question and the columns that were the spine's."""

    __slots__ = ()

    if TYPE_CHECKING:

        @property
        def question(self) -> Question:
            """What was asked for."""
            raise NotImplementedError

        @property
        def spine_columns(self) -> tuple[str, ...]:
            """The columns that were the spine's."""
            raise NotImplementedError

        @property
        def ledger(self) -> Ledger:
            """What became of every row of the spine, view by view."""
            raise NotImplementedError

        @property
        def columns(self) -> list[str]:
            """Names of the columns: the spine's, then one for each feature."""
            raise NotImplementedError

    @property
    def frame(self) -> pl.DataFrame:
        """All rows and columns: the spine's, then one for each feature."""
        return self._select(None)

    def _select(self, columns: Sequence[str] | None) -> pl.DataFrame:
        """Return these columns; all if None."""
        raise NotImplementedError

    @property
    def features(self) -> pl.DataFrame:
        """The columns of the features alone, in the order they were asked for: what a model learns from."""
        return self._select(self._feature_columns)

    @property
    def label(self) -> pl.Series | None:
        """The label column; None without a label."""
        name = self.question.label
        return None if name is None else self._select([name])[name]

    @property
    def _feature_columns(self) -> list[str]:
        own = set(self.spine_columns)
        return [column for column in self.columns if column not in own]

    @property
    def shape(self) -> tuple[int, int]:
        """Numbers of rows and columns."""
        return len(self), len(self.columns)

    def __len__(self) -> int:
        return self.ledger.rows_out

    def __bool__(self) -> bool:
        return True  # one without rows is a training set as well

    def explain(self) -> Ledger:
        """Return the row ledger: for each view how many rows matched, expired and had no value, and what to look at."""
        return self.ledger

    def to_arrow(self) -> pa.Table:
        """Return the frame as a ``pyarrow.Table``."""
        return self.frame.to_arrow()

    def to_pandas(self) -> pd.DataFrame:
        """Return the frame as a ``pandas.DataFrame``.

        Whole numbers with nulls are pandas' nullable integers, since floats would not hold each of them.

        Raises
        ------
        UsageError
            Where pandas is not installed.
        """
        try:
            import pandas as pd
        except ImportError:
            raise UsageError(
                "pandas is not installed.", remedy="Run `pip install pandas`, or take .frame or .to_arrow()."
            ) from None
        frame = self.frame
        result = frame.to_pandas()
        for column in frame.select(cs.integer()):
            if column.null_count():
                values, unknown = column.fill_null(0).to_numpy(), column.is_null().to_numpy()
                result[column.name] = pd.arrays.IntegerArray(values, unknown)
        return result

    def to_torch(self, *, dtype: torch.dtype | None = None) -> tuple[torch.Tensor, torch.Tensor | None]:
        """Return the features as a tensor of rows by features, and the label as one of rows.

        Parameters
        ----------
        dtype
            Of the features, and of a label that is not whole numbers or truth values; PyTorch's default if absent,
            which is ``float32``. A label of whole numbers is ``int64``, one of truth values ``bool``. Null is NaN.

        Returns
        -------
        tuple
            Features, and label (None where there is none). ``TensorDataset(*train.to_torch())`` takes both.

        Raises
        ------
        UsageError
            Where PyTorch is not installed, and for a column that does not hold numbers.
        """
        try:
            import torch
        except ImportError:
            raise UsageError(
                "PyTorch is not installed.", remedy="Run `pip install torch`, or take .features.to_numpy()."
            ) from None
        features, label = self.features, self.label
        _require_numbers(features if label is None else features.with_columns(label))
        kind = dtype or torch.get_default_dtype()
        numbers = features.select(pl.all().cast(pl.Float64)).to_numpy(order="c", writable=True)
        rows = torch.from_numpy(numbers.reshape(features.shape)).to(kind)
        if label is None:
            return rows, None
        if label.null_count() == 0 and (label.dtype == pl.Boolean or label.dtype.is_integer()):
            exact = label if label.dtype == pl.Boolean else label.cast(pl.Int64)
            return rows, torch.from_numpy(exact.to_numpy(writable=True))
        return rows, torch.from_numpy(label.cast(pl.Float64).to_numpy(writable=True)).to(kind)

    def __arrow_c_stream__(self, requested_schema: Any = None) -> object:
        return self.frame.__arrow_c_stream__(requested_schema)


def _require_numbers(frame: pl.DataFrame) -> None:
    other = {name: dtype for name, dtype in frame.schema.items() if not (dtype.is_numeric() or dtype == pl.Boolean)}
    if other:
        named = ", ".join(f"{name!r} ({dtype})" for name, dtype in other.items())
        raise UsageError(
            f"A tensor holds numbers only, not {named}.",
            remedy="Encode them in .frame first, as by .to_dummies() or .to_physical(), or leave them out.",
        )
