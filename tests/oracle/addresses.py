"""A few addresses of which the zone is common knowledge; the cases draw no others.

The order in which an address is asked is that of docs/time-zones.md: a country with one clock, postal code, city in its region, region,
city alone.
"""

from __future__ import annotations

from oracle.records import Row

EASTERN, CENTRAL, HAWAII = "America/New_York", "America/Chicago", "Pacific/Honolulu"
MADRID, CANARIES = "Europe/Madrid", "Atlantic/Canary"

ONE_CLOCK = {"GB": "Europe/London", "DE": "Europe/Berlin", "IN": "Asia/Kolkata"}
POSTAL_CODES = {
    ("US", "10001"): {EASTERN},
    ("US", "02139"): {EASTERN},
    ("US", "32501"): {CENTRAL},
    ("US", "96813"): {HAWAII},
    ("AU", "2000"): {"Australia/Sydney"},
    ("ES", "28001"): {MADRID},
    ("ES", "35001"): {CANARIES},
}
REGIONS = {
    ("US", "FL"): {EASTERN, CENTRAL},
    ("US", "IL"): {CENTRAL},
    ("US", "HI"): {HAWAII},
    ("AU", "SA"): {"Australia/Adelaide"},
    ("ES", "Madrid"): {MADRID},
}
CITIES = {
    ("US", "FL", "Pensacola"): {CENTRAL},
    ("US", "FL", "Miami"): {EASTERN},
    ("US", "HI", "Honolulu"): {HAWAII},
    ("AU", "SA", "Adelaide"): {"Australia/Adelaide"},
    ("ES", "Madrid", "Madrid"): {MADRID},
}
# No other place of their country bears such a name.
UNIQUE_CITIES = {("US", "Pensacola"): {CENTRAL}, ("US", "Honolulu"): {HAWAII}, ("AU", "Adelaide"): {"Australia/Adelaide"}}
UNKNOWN_PLACE = "Nowhere at all"

# What may stand in region, city and postal_code of somebody in this country.
PLACES: dict[str, list[tuple[str | None, str | None, str | None]]] = {
    country: [
        (None, None, None),
        (UNKNOWN_PLACE, None, "?"),
        *[(None, None, code) for where, code in POSTAL_CODES if where == country],
        *[(region, UNKNOWN_PLACE, None) for where, region in REGIONS if where == country],
        *[(region, city, "") for where, region, city in CITIES if where == country],
        *[(UNKNOWN_PLACE, city, None) for where, city in UNIQUE_CITIES if where == country],
    ]
    for country in ["US", "AU", "ES"]
}
# The postal code is the narrowest, whatever else is said.
PLACES["US"] += [("FL", "Miami", "32501"), ("HI", None, "10001"), (None, "Honolulu", "2139"), ("CA", None, "21394307")]


def zones_in_address(row: Row) -> set[str]:
    """Return the zones that an address says, the first answer of its parts."""
    country = (row.get("country") or "").upper()
    region, city = row.get("region"), row.get("city")
    # A spreadsheet took the code for a number.
    postal_code = "02139" if row.get("postal_code") in {"2139", "21394307"} else row.get("postal_code")
    if country in ONE_CLOCK:
        return {ONE_CLOCK[country]}
    if (country, postal_code) in POSTAL_CODES:
        return POSTAL_CODES[country, postal_code]
    if (country, region) in REGIONS:
        return CITIES.get((country, region, city), REGIONS[country, region])
    return UNIQUE_CITIES.get((country, city), set())
