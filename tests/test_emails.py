"""E-mail columns: the same verdicts as `email-validator` gives one by one."""

from __future__ import annotations

import random

import email_validator
import pyarrow as pa
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from outcamp.core.errors import DataError
from outcamp.frames.emails import email_verdicts


def words(text: str) -> list[str]:
    return text.split("|")


LOCALS = words("""jane.doe|a|Info|POSTMASTER|x+tag|o'hara|j--d|.a|a.|a..b||jürgen|a b|"a b"|a\u0301|%|a@b|-""")
HOSTS = [*words("gmail|Example|a-b|ab--cd|abc--d|xn--bcher-kva|XN--BCHER-KVA|xn--a|-a|a-||bücher|1|a_b|ﬁ"), "l" * 63]
ENDS = words("com|CO.UK|de|test|Test|invalid|localhost|arpa|onion|x1|1x|1|c-m|рф|xn--p1ai|com.||abc!com|a。b")
WHOLE = [
    *["", "@", "a", "a@b", "a@.com", "a@" + "l" * 62 + ".b", "a@" + "l" * 63 + ".b", "a@" + "l" * 64 + ".b", "a@" + "l." * 126 + "c"],
    *["Bob <bob@x.com>", "<bob@x.com>", "bob@[127.0.0.1]", '"bob"@x.com', "bob@x.com\n", " bob@x.com", "bob@x.com ", "bob@x.com>"],
    *["bob＠x.com", "bob@x\x00.com", "bob@x.com\u200b", "jane.doe@abc!com", "info@x.Com", "Info@x.com", "news@News.com"],
    *["a" * 63 + "@b.c", "a" * 64 + "@b.c", "a" * 260 + "@b.com"],
]


def asked_one_by_one(address: str | None) -> str | None:
    """Return what `email-validator` itself says."""
    if address is None:
        return None
    try:
        return email_validator.validate_email(address, check_deliverability=False).normalized
    except email_validator.EmailNotValidError:
        return None


def made_up_addresses(count: int) -> list[str]:
    """Return valid, invalid and strange addresses, half of them with one character changed."""
    chance = random.Random(20260115)
    addresses = []
    for _ in range(count):
        hosts = ".".join(chance.choice(HOSTS) for _ in range(chance.randint(1, 2)))
        address = f"{chance.choice(LOCALS)}@{hosts}.{chance.choice(ENDS)}"
        if chance.random() < 0.5 and address:
            place = chance.randrange(len(address))
            address = address[:place] + chance.choice('a1Z-.@!_ "<>[]\\é\u0301\u200d\n\t;') + address[place + chance.randint(0, 1) :]
        addresses.append(address)
    return addresses


def test_a_corpus_of_strange_addresses_gets_the_verdicts_of_the_library() -> None:
    """Valid, invalid and strange addresses are judged and written as the library does, without one difference."""
    addresses = [*WHOLE, *made_up_addresses(12_000)]
    expected = [asked_one_by_one(address) for address in addresses]
    assert expected == email_verdicts(pa.array(addresses)).to_pylist()
    assert 1000 < sum(verdict is not None for verdict in expected) < 11_000


ASCII = st.text(st.characters(max_codepoint=127), max_size=12)
ANY = st.text(max_size=8)


@given(st.lists(st.none() | ASCII | st.builds("{}@{}.{}".format, ASCII | ANY, ASCII | ANY, st.sampled_from(ENDS) | ANY), max_size=20))
@example(["a@b.c\n", "a@b.c\r", "\x00@b.c", "a@b.c\x7f"])
def test_any_text_gets_the_verdict_of_the_library(addresses: list[str | None]) -> None:
    """Whatever stands in the column, each row has the library's verdict; missing stays missing."""
    assert [asked_one_by_one(address) for address in addresses] == email_verdicts(pa.array(addresses, type=pa.string())).to_pylist()


@pytest.mark.parametrize("kind", [pa.string(), pa.large_string(), pa.string_view(), pa.dictionary(pa.int32(), pa.string())])
def test_every_kind_of_text_column_is_read(kind: pa.DataType) -> None:
    """Any Arrow type of text, sliced or in chunks, gives one string array."""
    column = pa.array(["skipped", "Jane@Example.ORG", None, "Info@x.com", "nobody", "ü@x.com"], type=pa.string()).cast(kind)
    expected = pa.array(["Jane@example.org", None, "info@x.com", None, "ü@x.com"], type=pa.string())
    assert expected.equals(email_verdicts(column.slice(1)))
    assert expected.equals(email_verdicts(pa.chunked_array([column.slice(1, 2), column.slice(3)])))
    assert pa.array([], type=pa.string()).equals(email_verdicts(pa.chunked_array([], type=kind)))


def test_a_column_without_a_value_has_no_valid_address() -> None:
    """A column of nothing but nulls, even without a type, is all null."""
    assert [None, None] == email_verdicts(pa.nulls(2)).to_pylist()


def test_a_column_that_is_not_text_is_refused() -> None:
    """Numbers in the e-mail column are an error that says what to do."""
    with pytest.raises(DataError) as caught:
        email_verdicts(pa.array([1.5]))
    assert "The e-mail column holds double; it must hold text.\n  Next: Cast it to text in the segment's SQL or file." == str(caught.value)
