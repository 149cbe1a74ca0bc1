"""The demo's customers: made up from a seed, with everything that real lists have wrong with them."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

COUNT = 20_000
SEED = 20_26
# The zone whose window opens while the demo runs; the others are open from the start.
OPENING = "Asia/Tokyo"
OPEN_AT_ONCE = ("America/New_York", "Europe/London", "Europe/Berlin")
RECENT = "spring-news"  # the campaign that wrote to some of them yesterday

_FIRST = ("Ada", "Ben", "Cleo", "Dora", "Emil", "Fay", "Gus", "Hana", "Ivo", "June", "Kai", "Lena", "Mira", "Nils", "Olga", "Pia", "Rosa")
_LAST = ("Adams", "Brown", "Chen", "Diaz", "Evans", "Fischer", "Garcia", "Haas", "Ito", "Jones", "Klein", "Meyer", "Novak", "Sato")
_PLANS = ("Home 50", "Home 100", "Family 250", "Office 500")


@dataclass
class People:
    """Customers as rows of their table, in the order of its columns, and what else is known of them."""

    rows: list[tuple[Any, ...]] = field(default_factory=list)
    employees: list[str] = field(default_factory=list)
    suppressed: list[str] = field(default_factory=list)
    contacted: list[tuple[str, datetime]] = field(default_factory=list)


def make_people(now: datetime, count: int = COUNT, seed: int = SEED) -> People:
    """Return customers of four countries; the same seed gives the same people."""
    draw = random.Random(seed)  # noqa: S311 - made-up people need no cryptographic randomness
    people = People()
    for number in range(count):
        customer = f"C{100_000 + number}"
        people.rows.append((number, *_customer(draw, customer)))
        chance = draw.random()
        if chance < 0.003:
            people.employees.append(customer)
        elif chance < 0.015:
            people.suppressed.append(customer)
        elif chance < 0.045:
            # Three times within a day: one more would be over the limit.
            people.contacted += [(customer, now - timedelta(hours=hours)) for hours in (3, 8, 20)]
    for double in draw.sample(people.rows, count // 100):
        people.rows.append((len(people.rows), *double[1:]))
    return people


def _customer(draw: random.Random, customer: str) -> tuple[Any, ...]:
    first, last = draw.choice(_FIRST), draw.choice(_LAST)
    country, cell, line, postal_code, city = _place(draw)
    mobile: str | None = cell
    home: str | None = line
    email: str | None = f"{first}.{last}.{customer[1:]}@{draw.choice(('example.com', 'example.org', 'mail.example.net'))}".lower()
    chance = draw.random()
    if chance < 0.01:
        mobile = home = None  # nothing to call
    elif chance < 0.02:
        mobile, home = cell[:5], None  # typed in a hurry
    elif chance < 0.06:
        mobile = None  # a land line only
    if draw.random() < 0.04:
        email = draw.choice((None, f"{first}.{last}@abc!com", f"gone.{email}"))
    return customer, mobile, home, email, country, postal_code, city, first, draw.choice(_PLANS), draw.random() < 0.98


def _place(draw: random.Random) -> tuple[str, str, str, str, str]:
    """Return country, mobile, land line, postal code and city, as people of that country write them."""
    four, six, eight = draw.randrange(10_000), draw.randrange(1_000_000), draw.randrange(100_000_000)
    chance = draw.random()
    if chance < 0.48:
        area, exchange = draw.choice(("212", "646", "718", "917")), draw.randrange(220, 900)
        if draw.random() < 0.01:
            area = "888"  # toll-free: it says nothing about where somebody is
        number = f"({area}) {exchange // 10 * 10 + 3}-{four:04d}"
        return "US", number, f"+1 {area} {exchange // 10 * 10 + 4} {four:04d}", f"1{draw.randrange(1, 280):04d}", "New York"
    if chance < 0.73:
        return "GB", f"074{draw.randrange(10, 99)} {six:06d}", f"020 7{draw.randrange(100, 999)} {four:04d}", "SW1A 1AA", "London"
    if chance < 0.85:
        return "DE", f"0151 {eight:08d}", f"030 {eight:08d}", f"10{draw.randrange(100, 999)}", "Berlin"
    return "JP", f"090-{draw.randrange(1000, 9999)}-{four:04d}", f"03-{draw.randrange(3000, 3999)}-{four:04d}", "100-0001", "Tokyo"
