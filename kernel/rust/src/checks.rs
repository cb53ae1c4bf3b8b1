//! Validators that a match must pass before a scrub rule counts it.

use std::net::{Ipv4Addr, Ipv6Addr};

use serde::de::IgnoredAny;
use serde_json::Value as Json;

use crate::digits::{Digits, Random};
use crate::spec::{base64, shown, Outcome};

/// A validator of ASCII text.
#[derive(Debug)]
pub enum Check {
    Named(fn(&str) -> bool),
    Digits(Digits),
    Random(Random),
}

impl Check {
    pub fn compile(spec: &Json) -> Outcome<Check> {
        match spec {
            Json::Object(given) if given.contains_key("entropy") => Random::compile(spec).map(Check::Random),
            Json::Object(_) => Digits::compile(spec).map(Check::Digits),
            _ => {
                let named = spec.as_str().and_then(by_name);
                named.map(Check::Named).ok_or_else(|| format!("unknown check {}", shown(Some(spec))))
            }
        }
    }

    /// Whether a text passes; what is not ASCII passes no check.
    pub fn passes(&self, text: &[u8]) -> bool {
        let Some(text) = std::str::from_utf8(text).ok().filter(|text| text.is_ascii()) else { return false };
        match self {
            Check::Named(check) => check(text),
            Check::Digits(digits) => digits.passes(text),
            Check::Random(random) => random.passes(text),
        }
    }
}

/// A check by the name that rules know it under.
fn by_name(name: &str) -> Option<fn(&str) -> bool> {
    Some(match name {
        "payment_card" => payment_card,
        "iban" => iban,
        "us_ssn" => us_ssn,
        "e164" => e164,
        "ipv4" => |text| text.parse::<Ipv4Addr>().is_ok(),
        "ipv6" => |text| ipv6(text).is_some(),
        "public_ipv4" => |text| text.parse().is_ok_and(is_public_4),
        "public_ipv6" => |text| ipv6(text).is_some_and(is_public_6),
        "jwt" => jwt,
        "basic_credentials" => basic_credentials,
        "github_token" => github_token,
        _ => return None,
    })
}

/// First and last prefix of an issuer, shortest and longest number.
const ISSUERS: &[(&str, &str, usize, usize)] = &[
    ("4", "4", 13, 13),
    ("4", "4", 16, 16),
    ("4", "4", 19, 19),
    ("51", "55", 16, 16),
    ("2221", "2720", 16, 16),
    ("34", "34", 15, 15),
    ("37", "37", 15, 15),
    ("6011", "6011", 16, 19),
    ("644", "649", 16, 19),
    ("65", "65", 16, 19),
    ("300", "305", 14, 19),
    ("309", "309", 14, 19),
    ("36", "36", 14, 19),
    ("38", "39", 14, 19),
    ("35", "35", 16, 19),
    ("1", "1", 15, 15),
    ("2131", "2131", 15, 15),
    ("2200", "2204", 16, 16),
    ("81", "82", 16, 16),
    ("9792", "9792", 16, 16),
    ("62", "62", 16, 19),
    ("50", "50", 12, 19),
    ("56", "58", 12, 19),
    ("6", "6", 12, 19),
];

/// Without blanks, also where they are written as in URLs.
fn in_one_piece(text: &str) -> String {
    let plain: String = text.chars().filter(|one| !matches!(one, ' ' | '+')).collect();
    if plain.contains('%') {
        plain.replace("%20", "")
    } else {
        plain
    }
}

fn payment_card(text: &str) -> bool {
    if text.contains('%') {
        return card_number(in_one_piece(text).replace('-', "").replace("%2D", "").as_bytes());
    }
    let mut digits = [0; MOST_OF_CARD];
    packed(text.bytes().filter(|byte| !matches!(byte, b' ' | b'+' | b'-')), &mut digits).is_some_and(card_number)
}

/// What is left of a text, written into `memory` where there is room for all of it.
fn packed(left: impl Iterator<Item = u8>, memory: &mut [u8]) -> Option<&[u8]> {
    let mut size = 0;
    for byte in left {
        *memory.get_mut(size)? = byte;
        size += 1;
    }
    memory.get(..size)
}

/// Of the longest card number.
const MOST_OF_CARD: usize = 19;

fn card_number(digits: &[u8]) -> bool {
    if !(12..=MOST_OF_CARD).contains(&digits.len()) || !digits.iter().all(u8::is_ascii_digit) {
        return false;
    }
    if digits.iter().all(|byte| Some(byte) == digits.first()) || !luhn(digits) {
        return false;
    }
    ISSUERS.iter().any(|&(low, high, shortest, longest)| {
        let start = digits.get(..low.len()).unwrap_or(b"");
        (shortest..=longest).contains(&digits.len()) && low.as_bytes() <= start && start <= high.as_bytes()
    })
}

fn luhn(digits: &[u8]) -> bool {
    let sum: u32 = digits
        .iter()
        .rev()
        .enumerate()
        .map(|(index, byte)| {
            let digit = u32::from(byte.saturating_sub(b'0')) << (index % 2);
            if digit > 9 {
                digit - 9
            } else {
                digit
            }
        })
        .sum();
    sum.is_multiple_of(10)
}

/// Length of an IBAN by country, from the registry of ISO 13616.
const IBAN_LENGTHS: &[(usize, &str)] = &[
    (15, "NO"),
    (16, "BE"),
    (18, "DK FI FK FO GL NL SD"),
    (19, "MK SI"),
    (20, "AT BA EE KZ LT LU MN XK"),
    (21, "CH HR LI LV"),
    (22, "BG BH CR DE GB GE IE ME RS VA"),
    (23, "AE GI IL IQ OM SO TL"),
    (24, "AD CZ ES MD PK RO SA SE SK TN VG"),
    (25, "LY PT ST"),
    (26, "IS TR"),
    (27, "BI DJ FR GR IT MC MR SM"),
    (28, "AL AZ BY CY DO GT HN HU LB NI PL SV"),
    (29, "BR EG PS QA UA"),
    (30, "JO KW MU YE"),
    (31, "MT SC"),
    (32, "LC"),
    (33, "RU"),
];

fn iban(text: &str) -> bool {
    if text.contains('%') {
        return iban_number(in_one_piece(text).to_ascii_uppercase().as_bytes());
    }
    let mut number = [0; MOST_OF_IBAN];
    let left = text.bytes().filter(|byte| !matches!(byte, b' ' | b'+')).map(|byte| byte.to_ascii_uppercase());
    packed(left, &mut number).is_some_and(iban_number)
}

/// Of the longest IBAN.
const MOST_OF_IBAN: usize = 33;

fn iban_number(number: &[u8]) -> bool {
    let Some((&[one, two, check @ ..], account)) = number.split_first_chunk::<4>() else { return false };
    let is_known = |countries: &str| countries.as_bytes().chunks(3).any(|country| country.starts_with(&[one, two]));
    let known = IBAN_LENGTHS.iter().any(|(length, countries)| *length == number.len() && is_known(countries));
    let valid = |byte: &u8| byte.is_ascii_digit() || byte.is_ascii_uppercase();
    if !known || !check.iter().all(u8::is_ascii_digit) || !account.iter().all(valid) {
        return false;
    }
    let rest = account.iter().chain(number.iter().take(4)).fold(0u64, |rest, &byte| {
        let rest = if rest < u64::MAX >> 8 { rest } else { rest % 97 };
        match byte {
            b'0'..=b'9' => rest * 10 + u64::from(byte - b'0'),
            _ => rest * 100 + u64::from(byte - b'A') + 10,
        }
    });
    rest % 97 == 1
}

fn us_ssn(text: &str) -> bool {
    let &[a, b, c, first, d, e, second, f, g, h, i] = text.as_bytes() else {
        return false;
    };
    let (area, group, serial) = ([a, b, c], [d, e], [f, g, h, i]);
    let digits = [area.as_slice(), &group, &serial].concat();
    if !digits.iter().all(u8::is_ascii_digit) || first != second || first.is_ascii_digit() {
        return false;
    }
    if area == *b"000" || area == *b"666" || a == b'9' || group == *b"00" || serial == *b"0000" {
        return false;
    }
    ![b"078051120", b"219099999", b"123456789"].iter().any(|known| digits == *known)
}

fn e164(text: &str) -> bool {
    let number: String = text.chars().filter(|letter| !" ().-".contains(*letter)).collect();
    let Some(digits) = number.strip_prefix('+') else {
        return false;
    };
    (7..=15).contains(&digits.len()) && !digits.starts_with('0') && digits.bytes().all(|byte| byte.is_ascii_digit())
}

/// An IPv6 address, with or without a zone.
/// The address, without its zone.
pub fn ipv6(text: &str) -> Option<Ipv6Addr> {
    let (address, zone) = text.split_once('%').map_or((text, None), |(address, zone)| (address, Some(zone)));
    if zone.is_some_and(|zone| zone.is_empty() || zone.contains(['%', '/'])) {
        return None;
    }
    address.parse().ok()
}

fn is_public_4(address: Ipv4Addr) -> bool {
    let [a, b, c, _] = address.octets();
    let private = matches!(
        (a, b, c),
        (0 | 10 | 127 | 224.., _, _)
            | (100, 64..=127, _)
            | (169, 254, _)
            | (172, 16..=31, _)
            | (192, 0, 0)
            | (192, 168, _)
    );
    !private
}

fn is_public_6(address: Ipv6Addr) -> bool {
    if let Some(mapped) = address.to_ipv4_mapped() {
        return is_public_4(mapped);
    }
    let [first, ..] = address.segments();
    let unicast_local = first & 0xfe00 == 0xfc00 || first & 0xffc0 == 0xfe80;
    !(address.is_unspecified() || address.is_loopback() || unicast_local || first & 0xff00 == 0xff00)
}

fn jwt(text: &str) -> bool {
    let Some((head, _)) = text.split_once('.') else {
        return false;
    };
    if head.contains(['+', '/']) {
        return false;
    }
    if is_cut(head) || is_other(head) {
        return false;
    }
    let Some(header) = unbase64url(head).and_then(|bytes| String::from_utf8(bytes).ok()) else {
        return false;
    };
    // Half a surrogate pair is no character, but still JSON: any other character stands for it here.
    let header = header.replace("\\ud", "\\u1").replace("\\uD", "\\u1");
    let parsed = serde_json::from_str::<std::collections::HashMap<String, IgnoredAny>>(&header);
    parsed.is_ok_and(|fields| fields.contains_key("alg"))
}

/// Whether the end of a base64 text says that no JSON object ends there.
fn is_cut(head: &str) -> bool {
    let start = head.len().saturating_sub(1) / 4 * 4;
    let Some(last) = head.get(start..).filter(|last| !last.contains('=')) else { return false };
    let last = unbase64url(last).and_then(|bytes| bytes.last().copied());
    last.is_some_and(|byte| !matches!(byte, b'}' | b' ' | b'\t' | b'\n' | b'\r'))
}

/// Of what is looked at first.
const GLANCE: usize = 256;

/// Whether the first part of a long base64 text says that it is no JSON.
fn is_other(head: &str) -> bool {
    let Some(first) = head.get(..GLANCE).filter(|_| head.len() > GLANCE).and_then(unbase64url) else { return false };
    let first = String::from_utf8_lossy(&first).replace("\\ud", "\\u1").replace("\\uD", "\\u1");
    serde_json::from_str::<IgnoredAny>(&first).is_err_and(|error| error.is_syntax())
}

fn unbase64url(text: &str) -> Option<Vec<u8>> {
    if !text.contains(['-', '_']) {
        return base64(text.as_bytes(), false);
    }
    base64(text.replace('-', "+").replace('_', "/").as_bytes(), false)
}

fn basic_credentials(text: &str) -> bool {
    unbase64url(text).is_some_and(|bytes| bytes.contains(&b':'))
}

/// Whether the last six characters are the CRC-32 of the others behind the prefix, in base 62.
fn github_token(text: &str) -> bool {
    const DIGITS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    let Some((head, body)) = text.rsplit_once('_') else { return false };
    let Some((random, digits)) = body.len().checked_sub(6).and_then(|at| body.split_at_checked(at)) else {
        return false;
    };
    let mut left = crc32(random.as_bytes()) as usize;
    let same = digits.bytes().rev().all(|digit| {
        let wanted = DIGITS[left % 62];
        left /= 62;
        digit == wanted
    });
    !head.is_empty() && !random.is_empty() && same
}

fn crc32(bytes: &[u8]) -> u32 {
    let bit = |sum: u32, _| (sum >> 1) ^ ((sum & 1) * 0xedb8_8320);
    !bytes.iter().fold(!0, |sum, &byte| (0..8).fold(sum ^ u32::from(byte), bit))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_numbers() {
        assert!(payment_card("4111 1111 1111 1111") && !payment_card("4111 1111 1111 1112"));
        assert!(iban("GB82 WEST 1234 5698 7654 32") && !iban("GB82 WEST 1234 5698 7654 33"));
        assert!(us_ssn("536-90-4399") && !us_ssn("536-90 4399") && !us_ssn("078-05-1120"));
    }

    #[test]
    fn addresses() {
        assert!(ipv6("fe80::1%eth0").is_some() && ipv6("fe80::1%").is_none());
        assert!(is_public_4(Ipv4Addr::new(8, 8, 8, 8)) && !is_public_4(Ipv4Addr::new(240, 0, 0, 1)));
    }
}
