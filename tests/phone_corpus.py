"""Made-up phone numbers, from plausible to hostile: what the fast way and `phonenumbers` are compared on."""

from __future__ import annotations

import random

import phonenumbers
from phonenumbers import PhoneNumberFormat, PhoneNumberType

TYPES = [PhoneNumberType.FIXED_LINE, PhoneNumberType.MOBILE, *range(2, 11), PhoneNumberType.UAN, PhoneNumberType.VOICEMAIL]
FORMATS = [PhoneNumberFormat.E164, PhoneNumberFormat.INTERNATIONAL, PhoneNumberFormat.NATIONAL, PhoneNumberFormat.RFC3966]


def words(text: str) -> list[str]:
    return text.split("|")


# What people, and other countries' people, put in front of a number.
INTERNATIONAL_PREFIXES = words("00|011|0011|001|810|009|119|010|000|00700|0014|1400|99|00414|140011")
NATIONAL_PREFIXES = words("0|1|8|06|80|015|021|0315|90|01|180020|1001|1831|00|15|9|003768|1200|0457")
STRANGE = words("ext. 12|x12|#|;ext=7|,,3| / x3|\t|\n|\u0660|\uff15|\uff0b|\u00a0|e|FLOWERS|~|*|[|\u200b")
EXTENSIONS = words("x| x |ext| ext. |Ext: | extn |  EXTENSION   |) ext.|-x|.ext|/x| / x|#|~|,|,,|;|int|xt|ex|anexo | x x")


def made_up_numbers(count: int, seed: int) -> list[tuple[str, str | None]]:
    """Return so many pairs of a phone number, as people may have typed it, and a country."""
    chance = random.Random(seed)
    examples = known_examples()
    return [_typed(chance, *chance.choice(examples)) for _ in range(count)]


def known_examples() -> list[tuple[str | None, phonenumbers.PhoneNumber]]:
    """Return the example that `phonenumbers` has for each region and type of number."""
    regions = sorted(phonenumbers.SUPPORTED_REGIONS)
    examples = [(region, phonenumbers.example_number_for_type(region, kind)) for region in regions for kind in TYPES]
    codes = sorted(phonenumbers.COUNTRY_CODES_FOR_NON_GEO_REGIONS)
    examples += [(None, phonenumbers.example_number_for_non_geo_entity(code)) for code in codes]
    return [(region, number) for region, number in examples if number is not None]


def _typed(chance: random.Random, region: str | None, example: phonenumbers.PhoneNumber) -> tuple[str, str | None]:
    code, national = str(example.country_code), _changed(chance, phonenumbers.national_significant_number(example))
    style = chance.random()
    if style < 0.25:
        text = f"+{code}{national}"
    elif style < 0.45:
        text = national
    elif style < 0.6:
        text = chance.choice(NATIONAL_PREFIXES) + national
    elif style < 0.7:
        text = code + chance.choice(["", *NATIONAL_PREFIXES]) + national
    elif style < 0.78:
        text = chance.choice(INTERNATIONAL_PREFIXES) + code + national
    elif style < 0.84:
        text = f"+{code}{chance.choice(NATIONAL_PREFIXES)}{national}"
    elif style < 0.95:
        text = phonenumbers.format_number(example, chance.choice(FORMATS))
    else:
        text = "".join(chance.choices("0123456789", k=chance.randint(0, 22)))
    return _decorated(chance, text), _country(chance, region)


def _changed(chance: random.Random, digits: str) -> str:
    """Return the digits as they are, or with another end, or with one of them more, less or otherwise."""
    style = chance.random()
    place = chance.randrange(len(digits))
    if style < 0.25:
        return digits
    if style < 0.8:
        return digits[:place] + "".join(chance.choices("0123456789", k=len(digits) - place))
    return digits[:place] + chance.choice(["", *"0123456789"]) + digits[place + chance.randint(0, 1) :]


def _decorated(chance: random.Random, text: str) -> str:
    style = chance.random()
    if style < 0.5 or not text:
        return text
    if style < 0.55:
        return text + chance.choice(EXTENSIONS) + str(chance.randrange(10 ** chance.randint(1, 10)))
    place = chance.randrange(len(text) + 1)
    if style < 0.9:
        return text[:place] + chance.choice(" -.()/ +") + text[place:]
    return text[:place] + chance.choice(STRANGE) + text[place:]


def _country(chance: random.Random, region: str | None) -> str | None:
    style = chance.random()
    if style < 0.7 and region:
        return region if style < 0.6 else region.lower()
    if style < 0.9:
        return chance.choice(sorted(phonenumbers.SUPPORTED_REGIONS))
    return chance.choice([None, "", "ZZ", "001", "XX", "Germany", " DE"])
