"""What every backend of the online store promises, on each of them."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from hashlib import sha256
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.online.conftest import Place, unpacked
from tests.online.stage import Shelf, minutes, rows
from workbench.config import OnlineSettings
from workbench.online.backend import BOUNDS, FOREVER, OnlineBackend, OnlineWriter, StoredEntity, Written, prefix_of
from workbench.online.keys import whole_key
from workbench.store import parse_all

INSTANTS = st.integers(-(2**62), 2**62) | st.sampled_from([2**53, 2**53 + 1, -(2**53) - 1, -1, 0, 1])


def entity(name: bytes, *rows: tuple[int, bytes], latest: int = 0) -> StoredEntity:
    return StoredEntity(whole_key(name), rows, latest)


def load(backend: OnlineBackend, *entities: StoredEntity) -> int:
    """Write a generation that the catalogue names, and return its number."""
    with backend.writing() as writer:
        number = writer.new_generation()
        assert writer.append(number, entities) == writer.read_back(number)
        writer.change({"generation/view": str(number).encode()})
    return number


def keyed(number: int, *names: bytes) -> list[bytes]:
    return [prefix_of(number) + whole_key(name) for name in names]


# names in the order of keys, none the beginning of another, as entities are encoded
NAMES = [b"\x00\xff\x00\x01", b"\x00\xffb\x00\x01", b"a\x00\x01", b"a\n\r:*?[\x00\x01", b"\xff\xff\x00\x01"]
LONG = [b"a" * 401, b"b" * 10_000, b"a" * 401 + b"\x00"]
MANY = [
    *(entity(name, (30, b"third"), (20, b"\x00second\xff"), (10, b""), latest=1) for name in NAMES),
    *(entity(name, (7, b"only " + name[:1])) for name in LONG),
]


def test_a_store_that_was_never_loaded_is_empty(backend: OnlineBackend) -> None:
    keys = keyed(1, b"a", b"b")
    assert backend.version() == 0
    assert backend.catalog() == (0, {})
    assert backend.latest(keys) == (0, [None, None])
    assert backend.latest([]) == (0, [])
    assert backend.as_of(keys, 10) == (0, [None, None])
    assert list(backend.rows(1)) == []
    with backend.writing() as writer:
        assert writer.generations() == set()
        writer.remove(1)


def test_rows_are_read_back_as_they_were_written(backend: OnlineBackend) -> None:
    with backend.writing() as writer:
        number = writer.new_generation()
        written = writer.append(number, iter(MANY))
        assert writer.read_back(number) == written
    ordered = sorted((key, row) for each in MANY for key, row in each.keyed(b""))
    assert list(backend.rows(number)) == ordered
    digest = "".join(sha256(b"".join(part)).hexdigest() for part in zip(*ordered, strict=True))
    assert written == Written(len(MANY), 3 * len(NAMES) + len(LONG), digest)


def test_each_key_that_is_asked_has_one_answer_in_the_order_asked(backend: OnlineBackend) -> None:
    number = load(backend, *MANY)
    asked = [LONG[1], b"unknown", NAMES[2], LONG[1], NAMES[0], b"a" * 402]
    second, long = (20, 30, b"\x00second\xff"), (7, FOREVER, b"only b")
    version, found = backend.latest(keyed(number, *asked))
    assert version == backend.version() > 0
    assert list(map(unpacked, found)) == [long, None, second, long, second, None]
    assert backend.as_of(keyed(number, *asked), 25) == (
        version,
        [long[2], None, second[2], long[2], second[2], None],
    )
    assert backend.latest(keyed(number + 1, *asked)) == (version, [None] * len(asked))
    assert backend.as_of(keyed(number - 1, *asked), 25) == (version, [None] * len(asked))


@pytest.mark.parametrize(
    ("instant", "row"),
    [(9, None), (10, b""), (19, b""), (20, b"\x00second\xff"), (29, b"\x00second\xff"), (30, b"third")],
)
def test_a_row_answers_from_the_instant_on_at_which_it_is_known(
    backend: OnlineBackend, instant: int, row: bytes | None
) -> None:
    number = load(backend, *MANY)
    assert backend.as_of(keyed(number, *NAMES), instant)[1] == [row] * len(NAMES)
    only = None if instant < 7 else b"only a"
    assert backend.as_of(keyed(number, LONG[0]), instant)[1] == [only]
    assert backend.as_of(keyed(number, LONG[0]), 6)[1] == [None]


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_at_every_instant_the_row_that_is_known_then_answers(backend: OnlineBackend, data: st.DataObject) -> None:
    histories = data.draw(st.lists(st.sets(INSTANTS, min_size=1, max_size=6), min_size=1, max_size=4))
    entities = []
    for place, history in enumerate(histories):
        rows = [(known, f"{place} {known}".encode()) for known in sorted(history, reverse=True)]
        entities.append(entity(bytes([place]), *rows, latest=data.draw(st.integers(0, len(rows) - 1))))
    number = load(backend, *entities)
    keys = [prefix_of(number) + each.key for each in entities]
    assert backend.latest(keys)[1] == [each.answer for each in entities]
    instants = {each + by for history in histories for each in history for by in (-1, 0, 1)}
    for instant in instants:
        known = [[row for at, row in each.rows if at <= instant] for each in entities]
        assert backend.as_of(keys, instant)[1] == [rows[0] if rows else None for rows in known], instant


@pytest.mark.parametrize("count", [1_999, 2_000, 2_001, 9_000])
def test_an_entity_may_have_more_rows_than_one_batch(backend: OnlineBackend, count: int) -> None:
    rows = [(known, b"%d" % known) for known in range(count, 0, -1)]
    number = load(backend, entity(b"a", (1, b"before")), entity(b"b", *rows, latest=3), entity(b"c", (1, b"after")))
    assert list(map(unpacked, backend.latest(keyed(number, b"a", b"b", b"c"))[1])) == [
        (1, FOREVER, b"before"),
        (count - 3, count - 2, b"%d" % (count - 3)),
        (1, FOREVER, b"after"),
    ]
    assert backend.as_of(keyed(number, b"b"), 17)[1] == [b"17"]
    assert [row for key, row in backend.rows(number) if key[:-8] == whole_key(b"b")] == [row for _, row in rows]
    with backend.writing() as writer:
        writer.remove(number)
        assert writer.generations() == set()
    assert list(backend.rows(number)) == []
    assert backend.as_of(keyed(number, b"b"), count)[1] == [None]


def test_many_entities_are_read_and_removed(backend: OnlineBackend) -> None:
    names = [place.to_bytes(4, "big") for place in range(12_000)]
    number = load(backend, *(entity(name, (1, name)) for name in names))
    keys = keyed(number, *reversed(names))
    expected = list(reversed(names))
    assert [answer and answer[BOUNDS.size :] for answer in backend.latest(keys)[1]] == expected
    assert backend.as_of(keys, 1)[1] == expected
    with backend.writing() as writer:
        writer.remove(number)
        assert writer.generations() == set()
    assert backend.latest(keys)[1] == [None] * len(keys)


def test_a_generation_without_rows_is_one(backend: OnlineBackend) -> None:
    with backend.writing() as writer:
        number = writer.new_generation()
        written = writer.append(number, [])
        assert writer.read_back(number) == written == Written(0, 0, sha256().hexdigest() * 2)
        assert writer.generations() == set()
        writer.remove(number)


def test_a_number_is_never_given_twice(place: Place) -> None:
    numbers = []
    for _ in range(3):
        with place.open().writing() as writer:
            numbers += [writer.new_generation(), writer.new_generation()]
            writer.append(numbers[-1], MANY)
            writer.remove(numbers[-1])
    assert numbers == sorted(set(numbers))
    assert all(0 < number < 2**32 for number in numbers)


def test_the_catalogue_changes_in_one_step_and_its_version_grows(place: Place) -> None:
    backend = place.open()
    with backend.writing() as writer:
        first = writer.change({"generation/a": b"\x00\xff", "release/\u00e9": b"", "set/x": b"x"})
    assert first > 0
    assert backend.catalog() == (first, {"generation/a": b"\x00\xff", "release/\u00e9": b"", "set/x": b"x"})
    with place.open().writing() as writer:
        second = writer.change({"generation/a": b"2", "set/x": None, "set/never": None})
        third = writer.change({})
    assert first < second < third == backend.version()
    assert backend.catalog() == (third, {"generation/a": b"2", "release/\u00e9": b""})
    assert backend.latest([])[0] == backend.as_of([], 0)[0] == third


def test_a_handle_that_was_opened_before_the_first_load_sees_it(place: Place) -> None:
    early = place.open()
    assert early.version() == 0
    number = load(place.open(), *MANY)
    assert list(map(unpacked, early.latest(keyed(number, LONG[0]))[1])) == [(7, FOREVER, b"only a")]


def test_only_the_generation_that_is_removed_goes(backend: OnlineBackend) -> None:
    numbers = [load(backend, *MANY) for _ in range(3)]
    with backend.writing() as writer:
        writer.remove(numbers[1])
        assert writer.generations() == {numbers[0], numbers[2]}
        assert writer.read_back(numbers[1]).entities == 0
        assert writer.read_back(numbers[0]) == writer.read_back(numbers[2])
    counts = [sum(1 for _ in backend.rows(number)) for number in numbers]
    assert counts[0] == counts[2] > 0 == counts[1]


def test_what_an_append_left_that_failed_can_be_removed(backend: OnlineBackend) -> None:
    def some() -> Iterator[StoredEntity]:
        for place in range(30_000):
            yield entity(place.to_bytes(4, "big"), (2, b"x"), (1, b"y"))
        raise ZeroDivisionError

    kept = load(backend, *MANY)
    with backend.writing() as writer:
        number = writer.new_generation()
    with pytest.raises(ZeroDivisionError), backend.writing() as writer:
        writer.append(number, some())
    with backend.writing() as writer:  # the lock was given back
        assert writer.generations() - {number} == {kept}  # a part is left, or none
        writer.remove(number)
        assert writer.generations() == {kept}
    assert list(backend.rows(number)) == []
    assert backend.latest(keyed(number, (0).to_bytes(4, "big")))[1] == [None]


def test_generations_are_kept_replaced_and_brought_back(backend: OnlineBackend, tmp_path: Path) -> None:
    shelf = Shelf(tmp_path, backend)

    def loaded() -> tuple[str, float, int]:
        (view,) = shelf.load().views
        (answer,) = shelf.reader().read(parse_all("spend:value"), [{"user": "a"}]).values()
        return view.how, answer["value"].value, answer["value"].generation or 0

    shelf.publish("spend", rows(["a", "b"], minutes(0, 0), [1.0, 10.0]))
    how, value, first = loaded()
    assert (how, value) == ("loaded", 1.0)
    assert loaded() == ("kept", 1.0, first)
    shelf.publish("spend", rows(["a", "b"], minutes(0, 0), [2.0, 20.0]), number="1.1")
    how, value, second = loaded()
    assert (how, value) == ("loaded", 2.0)
    shelf.roll_back("spend", "1.0")
    assert loaded() == ("back", 1.0, first)
    shelf.publish("spend", rows(["a", "b"], minutes(0, 0), [3.0, 30.0]), number="1.2")
    how, value, third = loaded()
    assert (how, value) == ("loaded", 3.0)
    assert first < second < third
    with backend.writing() as writer:
        assert writer.generations() == {first, third}


@pytest.mark.parametrize("kind", ["redis", "postgres"])
def test_a_server_needs_an_address(kind: str) -> None:
    with pytest.raises(ValueError, match=f'kind "{kind}" needs a url'):
        OnlineSettings.read({"kind": kind})


def test_there_is_one_writer_at_a_time(place: Place) -> None:
    happened: list[str] = []
    waiting = threading.Event()

    def write() -> None:
        waiting.set()
        with place.open().writing():
            happened.append("second in")

    thread = threading.Thread(target=write)
    backend = place.open()
    with backend.writing() as writer:
        thread.start()
        waiting.wait()
        for _ in range(20):
            writer.append(writer.new_generation(), MANY)
        happened.append("first out")
    thread.join()
    assert happened == ["first out", "second in"]


def test_rows_and_version_are_of_one_moment(place: Place) -> None:
    """Each generation's rows are its number: a reader that finds the version of its catalogue finds all of them."""
    names = [place.to_bytes(2, "big") for place in range(40)]
    done = threading.Event()
    checked: list[int] = []
    wrong: list[object] = []

    def read() -> None:
        backend = place.open()
        while not done.is_set() or not checked:
            version, values = backend.catalog()
            number = int(values["generation"])
            keys = keyed(number, *names)
            at, latest = backend.latest(keys)
            then, rows = backend.as_of(keys, 5)
            if at == version:
                wrong.extend(row for row in latest if unpacked(row) != (1, FOREVER, b"%d" % number))
            if then == version:
                wrong.extend(row for row in rows if row != b"%d" % number)
            if at == then == version:
                checked.append(number)

    def write(writer: OnlineWriter, older: Sequence[int]) -> int:
        number = writer.new_generation()
        writer.append(number, [entity(name, (1, b"%d" % number)) for name in names])
        writer.change({"generation": b"%d" % number})
        for each in older:
            writer.remove(each)
        return number

    with place.open().writing() as writer:
        number = write(writer, [])
        thread = threading.Thread(target=read)
        thread.start()
        try:
            for _ in range(60):
                number = write(writer, [number])
        finally:
            done.set()
            thread.join()
    assert wrong == []
    assert checked == sorted(checked)
