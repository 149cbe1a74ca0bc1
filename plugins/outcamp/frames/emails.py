"""E-mail columns: which addresses are valid, and how they are written, exactly as `email-validator` says without looking anything up.

For short ASCII addresses without "--" the library's rules come down to one regular expression over the column (PLAIN below says why):
what matches is valid, what does not is not. The library itself is asked about the strange rest, once for each distinct address.
"""

from __future__ import annotations

from functools import lru_cache

import email_validator
import pyarrow as pa
import pyarrow.compute as pc
from email_validator.rfc_constants import CASE_INSENSITIVE_MAILBOX_NAMES

from outcamp.frames.text_columns import TextColumn, as_text

# Up to here no part can be too long: the longest label beside "a@" and ".b" has 62 characters of the 63 that are allowed.
PLAIN_LENGTH = 66

# What is left of the rules for ASCII: dot-separated atoms, then at least two host labels, the last of which ends in a letter. Quotes,
# display names and address literals are off by default. "--" in a host may be Punycode, so a label here has single hyphens only.
ATOM = r"[a-zA-Z0-9_!#$%&'*+\-/=?^`{|}~]+"
LABEL = r"[a-zA-Z0-9]+(?:-[a-zA-Z0-9]+)*"
LAST_LABEL = r"(?:[a-zA-Z0-9]+-)*[a-zA-Z0-9]*[a-zA-Z]"
PLAIN = rf"\A{ATOM}(?:\.{ATOM})*@(?:{LABEL}\.)+{LAST_LABEL}\z"


def email_verdicts(email: TextColumn) -> pa.Array:
    """Return each address as it is to be written, or null where it is missing or invalid."""
    addresses = as_text(email, "The e-mail column")
    plain = pc.and_(pc.match_substring_regex(addresses, PLAIN), pc.less_equal(pc.binary_length(addresses), PLAIN_LENGTH))
    verdicts = _plain(addresses, plain)
    others = pc.fill_null(pc.invert(plain), False)
    if not pc.any(others).as_py():
        return verdicts.cast(pa.string())
    return pc.replace_with_mask(verdicts, others, _others(addresses.filter(others))).cast(pa.string())


def _plain(addresses: pa.Array, plain: pa.Array) -> pa.Array:
    """Return the verdicts for plain addresses; null for all others."""
    lowered = pc.ascii_lower(addresses)
    valid = plain
    for name in email_validator.SPECIAL_USE_DOMAIN_NAMES:
        valid = pc.and_not(valid, pc.ends_with(lowered, f".{name}"))
    written = pc.if_else(valid, addresses, None)
    mixed_case = pc.fill_null(pc.and_(valid, pc.not_equal(lowered, addresses)), False)
    if not pc.any(mixed_case).as_py():
        return written
    return pc.replace_with_mask(written, mixed_case, _lower_case_domains(addresses.filter(mixed_case)))


def _others(addresses: pa.Array) -> pa.Array:
    """Return the verdicts for addresses that are not plain: all invalid but those that the library must look at."""
    strange = pc.or_(
        pc.or_(pc.invert(pc.string_is_ascii(addresses)), pc.match_substring(addresses, "--")),
        pc.greater(pc.binary_length(addresses), PLAIN_LENGTH),
    )
    return pc.replace_with_mask(pa.nulls(len(addresses), addresses.type), strange, _by_library(addresses.filter(strange)))


def _lower_case_domains(addresses: pa.Array) -> pa.Array:
    local, domain = pc.extract_regex(addresses, r"\A(?P<local>[^@]+)@(?P<domain>.+)\z").flatten()
    lowered = pc.ascii_lower(local)
    role = pc.is_in(lowered, value_set=pa.array(CASE_INSENSITIVE_MAILBOX_NAMES, type=lowered.type))
    return pc.binary_join_element_wise(pc.if_else(role, lowered, local), pc.ascii_lower(domain), pa.scalar("@", type=local.type))


def _by_library(addresses: pa.Array) -> pa.Array:
    distinct = addresses.dictionary_encode()
    verdicts = pa.array([ask_library(address) for address in distinct.dictionary.to_pylist()], type=addresses.type)
    return verdicts.take(distinct.indices)


@lru_cache(maxsize=1 << 18)
def ask_library(address: str) -> str | None:
    """Return what `email-validator` makes of one address: as it is to be written, or None."""
    try:
        return email_validator.validate_email(address, check_deliverability=False).normalized
    except email_validator.EmailNotValidError:
        return None
