"""The hash of ids: pinned for ever, equal to its definition, and well spread."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from oracle.holdout import hash_of
from outcamp.core.errors import DataError
from outcamp.frames.hashing import buckets, hash_column

IDS = ["", "1", "customer-000001", "Zoë", "日本", None]


def test_hashes_never_change() -> None:
    """The hash of these ids is the one that it was in the first release."""
    pinned = [16294208416658607535, 13477024926058894539, 6764107013714630803, 7474979869770334150, 15936716949530495937, 0]
    assert pinned == [int(value) for value in hash_column(pa.array(IDS))]
    salted = [11419106832124616665, 5739300921061430468, 12728170562316205884, 13932537168251672562, 13325660630054890993, 0]
    assert salted == [int(value) for value in hash_column(pa.array(IDS), salt="spring-renewal")]


def test_buckets_never_change() -> None:
    """The bucket of these ids is the one that it was in the first release."""
    assert [56, 46, 23, 25, 55, 0] == buckets(pa.array(IDS)).tolist()


@given(st.lists(st.none() | st.text(max_size=30), max_size=30), st.text(max_size=5), st.data())
def test_a_column_hashes_like_its_definition(texts: list[str | None], salt: str, data: st.DataObject) -> None:
    """Each value of any column, slice or width of text has the hash that the definition gives it."""
    kind = data.draw(st.sampled_from([pa.string(), pa.large_string(), pa.string_view(), pa.dictionary(pa.int32(), pa.string())]))
    first = data.draw(st.integers(0, len(texts)))
    column = pa.array(texts, type=pa.string()).cast(kind).slice(first)
    expected = [0 if text is None else hash_of(text, salt) for text in texts[first:]]
    assert expected == [int(value) for value in hash_column(column, salt)]


def test_long_columns_and_chunks_hash_like_their_values_alone() -> None:
    """A value's hash does not depend on the rows around it, on chunks or on blocks."""
    texts = [f"recipient-{number}" for number in range(150_000)]
    chunked = pa.chunked_array([texts[:70_001], [], texts[70_001:]], type=pa.string())
    whole = hash_column(chunked)
    assert [hash_of(texts[row]) for row in (0, 8_191, 8_192, 70_000, 149_999)] == [
        int(whole[row]) for row in (0, 8_191, 8_192, 70_000, 149_999)
    ]
    assert 150_000 == len(np.unique(whole))


def test_no_rows_hash_to_no_rows() -> None:
    """An empty column has no hashes."""
    assert [] == hash_column(pa.array([], type=pa.string())).tolist()
    assert [] == buckets(pa.chunked_array([], type=pa.string())).tolist()


@pytest.mark.parametrize("pattern", ["{}", "{:08d}", "customer-{}", "{}@example.org", "00000000-0000-4000-8000-{:012x}"])
@pytest.mark.parametrize("salt", ["", "spring-renewal"])
def test_sequential_ids_spread_evenly(pattern: str, salt: str) -> None:
    """Ids that count up fill 64 buckets, and a share of 5 %, as evenly as chance would."""
    hashes = hash_column(pa.array([pattern.format(number) for number in range(64_000)]), salt)
    filled = np.bincount((hashes >> np.uint64(58)).astype(int), minlength=64)
    chi_square = ((filled - 1000) ** 2 / 1000).sum()
    assert chi_square < 120  # 63 degrees of freedom: chance exceeds 120 once in 50,000
    in_share = int((hashes < np.uint64(2**64 // 20)).sum())
    assert abs(in_share - 3200) < 4.5 * (64_000 * 0.05 * 0.95) ** 0.5


def test_salts_choose_independently() -> None:
    """Being in one campaign's 5 % says nothing about being in another's."""
    ids = pa.array([str(number) for number in range(200_000)])
    share = np.uint64(2**64 // 20)
    in_both = int(((hash_column(ids, "spring") < share) & (hash_column(ids, "autumn") < share)).sum())
    assert abs(in_both - 500) < 4.5 * 500**0.5


def test_numbers_are_not_hashed_as_text() -> None:
    """A column that is not text is refused, with what to do."""
    with pytest.raises(DataError) as caught:
        hash_column(pa.array([1, 2]))
    assert "The column to hash holds int64; it must hold text.\n  Next: Cast it to text in the segment's SQL or file." == str(caught.value)
