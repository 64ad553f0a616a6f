//! The currency of amounts: an ISO 4217 code, and how amounts in it are written. Nothing is converted: the currency names what
//! the events' amounts are in.
//!
//! The form is that of the Unicode CLDR for English (`€1,234.50`, `CHF 1,234.50`), which is what browsers show for
//! `Intl.NumberFormat('en', { style: 'currency' })`, so that sentences made here read like the figures beside them.

use serde::{Serialize, Serializer};

/// The codes in use (ISO 4217, list one), without those of precious metals, funds and tests.
const CODES: &str = "AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BGN BHD BIF BMD BND BOB BRL BSD BTN BWP BYN BZD CAD CDF \
    CHF CLP CNY COP CRC CUP CVE CZK DJF DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GNF GTQ GYD HKD HNL HTG HUF \
    IDR ILS INR IQD IRR ISK JMD JOD JPY KES KGS KHR KMF KPW KRW KWD KYD KZT LAK LBP LKR LRD LSL LYD MAD MDL MGA MKD MMK MNT \
    MOP MRU MUR MVR MWK MXN MYR MZN NAD NGN NIO NOK NPR NZD OMR PAB PEN PGK PHP PKR PLN PYG QAR RON RSD RUB RWF SAR SBD SCR \
    SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT TND TOP TRY TTD TWD TZS UAH UGX USD UYU UZS VED VES VND VUV \
    WST XAF XCD XCG XOF XPF YER ZAR ZMW ZWG";
/// Those whose amounts are written without decimals, and with three.
const WITHOUT_DECIMALS: &str = "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX VND VUV XAF XOF XPF";
const WITH_THREE_DECIMALS: &str = "BHD IQD JOD KWD LYD OMR TND";
/// The signs by which English knows a currency; all others are written as their code.
const SIGNS: [(&str, &str); 17] = [
    ("AUD", "A$"),
    ("BRL", "R$"),
    ("CAD", "CA$"),
    ("CNY", "CN¥"),
    ("EUR", "€"),
    ("GBP", "£"),
    ("HKD", "HK$"),
    ("ILS", "₪"),
    ("INR", "₹"),
    ("JPY", "¥"),
    ("KRW", "₩"),
    ("MXN", "MX$"),
    ("NZD", "NZ$"),
    ("PHP", "₱"),
    ("TWD", "NT$"),
    ("USD", "$"),
    ("VND", "₫"),
];
/// From this on amounts are written in whole units.
const WHOLE_FROM: f64 = 1_000.0;

/// A currency.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Currency(&'static str);

impl Currency {
    /// The currency of a code; `None`: there is none.
    pub fn of(code: &str) -> Option<Currency> {
        Currency::codes().find(|known| *known == code).map(Currency)
    }

    /// All codes, in alphabetical order.
    pub fn codes() -> impl Iterator<Item = &'static str> {
        CODES.split_whitespace()
    }

    /// Its code.
    pub fn code(self) -> &'static str {
        self.0
    }

    /// How many decimals its amounts have.
    pub fn decimals(self) -> usize {
        let is_in = |codes: &str| codes.split(' ').any(|code| code == self.0);
        match () {
            () if is_in(WITHOUT_DECIMALS) => 0,
            () if is_in(WITH_THREE_DECIMALS) => 3,
            () => 2,
        }
    }

    /// What stands before an amount: its sign, or its code and a space that does not break.
    fn prefix(self) -> String {
        let sign = SIGNS.iter().find(|(code, _)| *code == self.0);
        sign.map_or_else(|| format!("{}\u{a0}", self.0), |(_, sign)| (*sign).to_owned())
    }
}

impl Serialize for Currency {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.0)
    }
}

/// An amount in a currency, or without a sign where none is known: in whole units from a thousand on, with decimals below.
pub fn amount_in_words(currency: Option<Currency>, amount: f64) -> String {
    amount_in_words_beside(currency, amount, amount)
}

/// The same, with as many decimals as another amount has that it is read together with.
pub fn amount_in_words_beside(currency: Option<Currency>, amount: f64, other: f64) -> String {
    let decimals = currency.map_or(2, Currency::decimals);
    let decimals = if other.abs() >= WHOLE_FROM { 0 } else { decimals };
    let number = grouped_decimal(amount.abs(), decimals);
    let is_negative = amount < 0.0 && number.bytes().any(|digit| (b'1'..=b'9').contains(&digit));
    let minus = if is_negative { "−" } else { "" };
    format!("{minus}{}{number}", currency.map(Currency::prefix).unwrap_or_default())
}

/// A number that is not negative, with commas between its thousands.
pub fn grouped_decimal(number: f64, decimals: usize) -> String {
    let text = format!("{number:.decimals$}");
    let (whole, rest) = text.split_at(text.find('.').unwrap_or(text.len()));
    let mut grouped = String::with_capacity(text.len() + whole.len() / 3);
    for (at, digit) in whole.chars().enumerate() {
        if at > 0 && (whole.len() - at) % 3 == 0 {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(code: &str, amount: f64) -> String {
        amount_in_words(Currency::of(code), amount)
    }

    #[test]
    fn amounts_are_written_as_english_writes_them() {
        assert_eq!(written("EUR", 25_268.4), "€25,268");
        assert_eq!(written("EUR", -999.5), "−€999.50");
        assert_eq!(written("USD", 0.005_1), "$0.01");
        assert_eq!(written("USD", -0.004), "$0.00", "what rounds to nothing has no sign");
        assert_eq!(written("JPY", 980.0), "¥980");
        assert_eq!(written("KWD", 1.5), "KWD\u{a0}1.500");
        assert_eq!(written("CHF", 1_234_567.0), "CHF\u{a0}1,234,567");
        assert_eq!(amount_in_words(None, 25_268.4), "25,268");
        assert_eq!(amount_in_words(None, 12.0), "12.00");
        assert_eq!(amount_in_words_beside(None, 815.43, 12_682.0), "815");
        assert_eq!(amount_in_words_beside(None, 1_815.43, 12.0), "1,815.43");
    }

    #[test]
    fn only_codes_in_use_are_currencies() {
        for code in ["eur", "EURO", "€", "", "EU", "XXX", "DEM"] {
            assert_eq!(Currency::of(code), None, "{code}");
        }
        let codes: Vec<&str> = Currency::codes().collect();
        assert!(codes.is_sorted() && codes.iter().all(|code| code.len() == 3), "{codes:?}");
        let named =
            WITHOUT_DECIMALS.split(' ').chain(WITH_THREE_DECIMALS.split(' ')).chain(SIGNS.map(|(code, _)| code));
        named.for_each(|code| assert!(codes.contains(&code), "{code}"));
    }
}
