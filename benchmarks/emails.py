"""E-mail columns against `email-validator` one by one: the same verdicts, and how much faster.

python benchmarks/emails.py --addresses 1000000
"""

from __future__ import annotations

import argparse
import random
import sys
import time

import pyarrow as pa
from table import Row, show

from outcamp.frames.emails import ask_library, email_verdicts

SAMPLE = 20_000
NAMES = [
    "anna",
    "bob",
    "carol.ann",
    "dave",
    "Eve",
    "frank",
    "grace",
    "heidi",
    "Ivan",
    "judy",
    "olivia",
    "peggy",
    "sybil",
    "trent",
    "o'neil",
]
HOSTS = ["gmail.com", "yahoo.com", "outlook.com", "web.de", "Example.org", "mail.example.co.uk", "company-name.io", "uni-muenchen.de"]


def plausible_addresses(count: int, seed: int) -> list[str]:
    """Return a list as it comes from a shop: mostly valid, some in mixed case, a few broken, a few international."""
    chance = random.Random(seed)
    addresses = []
    for number in range(count):
        address = f"{chance.choice(NAMES)}.{chance.choice(NAMES)}{number}@{chance.choices(HOSTS, [9, 9, 9, 4, 1, 3, 3, 3])[0]}"
        style = chance.random()
        if style < 0.01:
            address = address.replace("@", chance.choice(["", " @ ", "@@"]))
        elif style < 0.02:
            address += chance.choice(["!", ".", ",", " ", ".test"])
        elif style < 0.0205:
            address = address.replace("@", chance.choice(["ü@", "@bücher-", "@xn--bcher-kva."]))
        addresses.append(address)
    return addresses


def main() -> int:
    """Print the differences and the table; return 1 if there was any difference."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--addresses", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    addresses = plausible_addresses(arguments.addresses, arguments.seed)
    column = pa.array(addresses)

    times = []
    for _ in range(5):
        ask_library.cache_clear()
        begin = time.perf_counter()
        verdicts = email_verdicts(column)
        times.append(time.perf_counter() - begin)
    columns = min(times) / len(addresses) * 1e6

    sample = addresses[:SAMPLE]
    begin = time.perf_counter()
    exact = [ask_library.__wrapped__(address) for address in sample]
    one_by_one = (time.perf_counter() - begin) / len(sample) * 1e6
    differences = [
        (address, got, expected) for address, got, expected in zip(sample, verdicts.to_pylist(), exact, strict=False) if got != expected
    ]
    for difference in differences:
        print("{!r}: got {!r}, expected {!r}".format(*difference))
    ratio = one_by_one / columns
    show(
        f"e-mail addresses: {len(addresses):,}, of which {verdicts.null_count:,} are invalid",
        [
            Row("email-validator, one by one", f"{one_by_one:.1f} µs an address"),
            Row("columns", f"{columns:.3f} µs an address"),
            Row("columns, against one by one", f"{ratio:.0f} x", "50 x", ratio >= 50),
            Row(f"differences on {len(sample):,} addresses", f"{len(differences)}", "0", not differences),
        ],
    )
    return 1 if differences else 0


if __name__ == "__main__":
    sys.exit(main())
