"""Byte strings in one piece are those of a list, whatever becomes of them."""

from __future__ import annotations

from dataclasses import replace
from itertools import accumulate

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.online.backend import StoredBlock, Tally
from workbench.online.keys import HASHED, PLAIN, EntityKeys
from workbench.online.packed import Packed, joined, packed, pairs_of

STRINGS = st.integers(1, 9).flatmap(lambda size: st.lists(st.binary(min_size=size, max_size=size), min_size=1))


def whole(strings: list[bytes]) -> Packed:
    found = packed(strings)
    assert found is not None
    return found


@given(strings=STRINGS)
def test_strings_in_one_piece_are_the_same_strings(strings: list[bytes]) -> None:
    found = whole(strings)
    assert list(found) == strings
    assert [found[place] for place in range(-len(strings), len(strings))] == strings * 2
    assert found[1:] == strings[1:]
    assert len(found) == len(strings)
    assert joined(found) == joined(strings)
    with pytest.raises(IndexError):
        found[len(strings)]
    if len(strings[0]) > 1:
        assert list(found.ends(1)) == [each[1:] for each in strings]


@pytest.mark.parametrize("strings", [[], [b"a", b"bc"], [b"", b""]])
def test_strings_of_several_sizes_are_not_put_in_one_piece(strings: list[bytes]) -> None:
    assert packed(strings) is None


@given(keys=STRINGS, data=st.data())
def test_pairs_are_those_of_lists(keys: list[bytes], data: st.DataObject) -> None:
    values = data.draw(st.lists(st.binary(min_size=3, max_size=3), min_size=len(keys), max_size=len(keys)))
    right = [(b"\x00\x07" + key, value) for key, value in zip(keys, values, strict=True)]
    for of_keys in (keys, whole(keys)):
        for of_values in (values, whole(values)):
            assert list(pairs_of(b"\x00\x07", of_keys, of_values)) == right


@given(counts=st.lists(st.integers(1, 4), min_size=1), data=st.data())
def test_a_block_in_one_piece_is_written_as_one_of_lists(counts: list[int], data: st.DataObject) -> None:
    size = sum(counts)
    block = StoredBlock(
        keys=[PLAIN + bytes([place]) for place in range(len(counts))],
        starts=np.array([0, *accumulate(counts)][:-1], np.int64),
        known=np.array(data.draw(st.lists(st.integers(-(2**62), 2**62), min_size=size, max_size=size)), np.int64),
        rows=data.draw(st.lists(st.binary(min_size=4, max_size=4), min_size=size, max_size=size)),
        latest=np.array([data.draw(st.integers(0, count - 1)) for count in counts], np.int64),
    )
    single = list(block.entities())
    right = [pair for entity in single for pair in entity.keyed(b"")]
    tallies = []
    for each in (block, replace(block, keys=whole([*block.keys]), rows=whole([*block.rows]))):
        assert list(zip(each.row_keys(), each.rows, strict=True)) == right
        assert list(each.answers()) == [entity.answer for entity in single]
        assert list(each.entities()) == single
        assert not each.has_hashes
        tally = Tally()
        tally.add_all(each.row_keys(), each.rows)
        tallies.append(tally.written)
    assert tallies[0] == tallies[1]
    assert replace(block, keys=whole([HASHED + key[1:] for key in block.keys])).has_hashes


@pytest.mark.parametrize(
    "columns",
    [
        {"a": pl.Series([-(2**63), -1, 0, 2**63 - 1])},
        {"a": pl.Series([1, 2, 3, 4], dtype=pl.Int8), "b": pl.Series([4, 3, 2, 1], dtype=pl.UInt32)},
        {"a": pl.Series(["x", "", "x\x00", "y" * 500]), "b": pl.Series([4, 3, 2, 1])},
        {"a": pl.Series([2**64 - 1, 0, 1, 2], dtype=pl.UInt64)},
        {f"c{number}": pl.Series([number, 1, 2, 3]) for number in range(60)},
    ],
    ids=["number", "numbers", "text and number", "unsigned", "too long for a key"],
)
def test_keys_of_columns_are_those_of_their_entities(columns: dict[str, pl.Series]) -> None:
    frame = pl.DataFrame(columns)
    keys = EntityKeys("view", tuple(frame.schema.items()))
    found = keys.encode_columns([frame[name] for name in columns])
    assert list(found) == [keys.encode(entity) for entity in frame.iter_rows(named=True)]
