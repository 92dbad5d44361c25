"""How many minor units make one whole unit of a currency? (ISO 4217, active codes)"""


def _codes(text: str) -> frozenset[str]:
    return frozenset(text.split())


_TWO_DIGITS = _codes(
    "AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BGN BMD BND BOB BRL BSD BTN BWP BYN BZD "
    "CAD CDF CHF CNY COP CRC CUP CVE CZK DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP "
    "GMD GTQ GYD HKD HNL HTG HUF IDR ILS INR IRR JMD KES KGS KHR KPW KYD KZT LAK LBP LKR LRD "
    "LSL MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MYR MZN NAD NGN NIO NOK NPR NZD PAB "
    "PEN PGK PHP PKR PLN QAR RON RSD RUB SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC "
    "SYP SZL THB TJS TMT TOP TRY TTD TWD TZS UAH USD UYU UZS VES WST XCD YER ZAR ZMW ZWG"
)
_NO_DIGITS = _codes("BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX VND VUV XAF XOF XPF")
_THREE_DIGITS = _codes("BHD IQD JOD KWD LYD OMR TND")


def minor_digits(currency: str) -> int | None:
    """Decimal digits of the currency's minor unit (EUR 2, JPY 0, KWD 3); None: not a known
    currency."""
    if currency in _TWO_DIGITS:
        return 2
    if currency in _NO_DIGITS:
        return 0
    return 3 if currency in _THREE_DIGITS else None


def money_text(amount_minor: int, currency: str) -> str:
    """An amount for people: `1,250.00 EUR`; minor units as they are if the currency is not
    known."""
    digits = minor_digits(currency)
    if digits is None:
        return f"{amount_minor:,} minor units of {currency}"
    whole, rest = divmod(abs(amount_minor), 10**digits)
    sign = "-" if amount_minor < 0 else ""
    return f"{sign}{whole:,}{f'.{rest:0{digits}d}' if digits else ''} {currency}"


def currencies_of(digits: int) -> tuple[str, ...]:
    """Known currencies whose minor unit has so many decimal digits, sorted."""
    return tuple(sorted({0: _NO_DIGITS, 2: _TWO_DIGITS, 3: _THREE_DIGITS}.get(digits, ())))
