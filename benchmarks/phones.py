"""Phone columns against `phonenumbers` one by one: differences on made-up numbers, then speed on plausible lists.

python benchmarks/phones.py --numbers 1000000
"""

from __future__ import annotations

import argparse
import random
import sys
import time
from pathlib import Path

import phonenumbers
import pyarrow as pa
from phonenumbers import PhoneNumberFormat
from phonenumbers.timezone import time_zones_for_number
from table import Row, show

sys.path.append(str(Path(__file__).resolve().parents[1] / "tests"))

from phone_corpus import known_examples, made_up_numbers

Pair = tuple[str, str | None]

PIECE = 100_000
SAMPLE = 10_000


def plausible_numbers(count: int, regions: list[str], seed: int) -> list[Pair]:
    """Return a list as it comes from a shop: fixed and mobile numbers, mostly valid, two thirds E.164, a few with extensions or junk."""
    chance = random.Random(seed)
    examples = [(region, number) for region, number in known_examples() if region in regions]
    examples = [(region, number) for region, number in examples if phonenumbers.number_type(number) in (0, 1, 2)]
    numbers: list[Pair] = []
    for _ in range(count):
        region, example = chance.choice(examples)
        national = phonenumbers.national_significant_number(example)
        end = min(6, len(national) - 2)
        text = f"+{example.country_code}{national[:-end]}{chance.randrange(10**end):0{end}d}"
        style = chance.random()
        if style > 0.65:
            number = phonenumbers.parse(text)
            text = phonenumbers.format_number(number, PhoneNumberFormat.NATIONAL if style > 0.8 else PhoneNumberFormat.INTERNATIONAL)
        if style > 0.99:
            text = chance.choice([text + " ext. 12", "unknown", text[:-4]])
        numbers.append((text, region))
    return numbers


def one_by_one(pairs: list[Pair]) -> float:
    """Return the microseconds that `phonenumbers` takes for one number when it is called row by row."""
    begin = time.perf_counter()
    for phone, country in pairs:
        try:
            number = phonenumbers.parse(phone, country)
        except phonenumbers.NumberParseException:
            continue
        if phonenumbers.is_valid_number(number):
            phonenumbers.format_number(number, PhoneNumberFormat.E164)
            time_zones_for_number(number)
    return (time.perf_counter() - begin) / len(pairs) * 1e6


def main() -> int:
    """Print the differences and the table; return 1 if there was any difference."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--numbers", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()

    lists = {
        "US": plausible_numbers(arguments.numbers, ["US"], arguments.seed),
        "world": plausible_numbers(arguments.numbers, sorted(phonenumbers.SUPPORTED_REGIONS), arguments.seed),
    }
    as_it_comes = {name: one_by_one(pairs[:SAMPLE]) for name, pairs in lists.items()}
    # Importing this turns the library's pattern cache on, which makes it faster too.
    from outcamp.frames.phone_cache import phone_automaton
    from outcamp.frames.phone_library import ask_library
    from outcamp.frames.phones import known_countries, verdicts_by_automaton, verdicts_by_library

    begin = time.perf_counter()
    automaton = phone_automaton()
    rows = [Row(f"automaton of {len(automaton.valid):,} states, ready", f"{time.perf_counter() - begin:.2f} s")]
    for name, pairs in lists.items():
        cached = one_by_one(pairs[:SAMPLE])
        phone = pa.array([phone for phone, _ in pairs])
        country = pa.array([country for _, country in pairs])
        times = []
        for _ in range(5):
            ask_library.cache_clear()
            begin = time.perf_counter()
            verdicts_by_automaton(phone, known_countries(country, len(phone)), automaton)
            times.append(time.perf_counter() - begin)
        columns = min(times) / len(pairs) * 1e6
        ratio = as_it_comes[name] / columns
        rows += [
            Row(f"{name}: phonenumbers, one by one", f"{as_it_comes[name]:.0f} µs a number"),
            Row(f"{name}: the same with its pattern cache", f"{cached:.0f} µs a number"),
            Row(f"{name}: columns", f"{columns:.3f} µs a number"),
            Row(f"{name}: columns, against one by one", f"{ratio:.0f} x", "100 x", ratio >= 100),
        ]

    differences = valid = 0
    for first in range(0, arguments.numbers, PIECE):
        pairs = made_up_numbers(min(PIECE, arguments.numbers - first), arguments.seed + first)
        phone = pa.array([phone for phone, _ in pairs])
        country = known_countries(pa.array([country for _, country in pairs], type=pa.string()), len(pairs))
        fast = verdicts_by_automaton(phone, country, automaton).to_pylist()
        exact = verdicts_by_library(phone, country).to_pylist()
        valid += sum(verdict["e164"] is not None for verdict in exact)
        for pair, got, expected in zip(pairs, fast, exact, strict=True):
            if got != expected:
                differences += 1
                print(f"{pair}: got {got}, expected {expected}")
    what = f"differences on {arguments.numbers:,} made-up numbers, {valid:,} valid"
    show(f"phone numbers: {arguments.numbers:,} of each list", [*rows, Row(what, f"{differences}", "0", not differences)])
    return 1 if differences else 0


if __name__ == "__main__":
    sys.exit(main())
