//! What must hold of long texts, tried on rules and texts that are put together at random: places, groups and families never
//! change what is found.

use serde_json::{json, Value as Json};

use super::family::Family;
use super::groups::{self, Groups};
use super::lanes::Kind;
use super::scan::{Scan, Wanted};
use super::shapes::{Fit, Shapes};
use super::starts::starts;
use super::walker::{Part, Walked, Walker};
use super::{Cache, Way};
use crate::regex::{hir, Pattern};
use crate::scrub::matcher::Matcher;
use crate::scrub::rule::{Found, Group, ValueRule};
use crate::scrub::sought::Sought;

/// Numbers that look random, the same every time.
struct Dice(u64);

impl Dice {
    fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % end
    }

    fn text(&mut self, most: usize) -> String {
        (0..self.below(most)).map(|_| PARTS[self.below(PARTS.len())]).collect()
    }
}

const PARTS: [&str; 26] = [
    "id ",
    "123456789",
    "1234",
    "#",
    "tok_",
    "7",
    "key=",
    "abc",
    "pass:",
    "x",
    " ",
    "Q",
    "a",
    "é",
    "\u{17f}",
    "\n",
    "aaaa",
    "passkey= ",
    "4111111111111111",
    "4111 1111 1111 1112 ",
    "%20",
    "-",
    "_",
    "secret",
    ";",
    "\\n",
];

/// Patterns, each with a group.
const PATTERNS: [(&str, usize); 24] = [
    ("#", 0),
    ("tok_[0-9a-z]+;?", 0),
    (r"\btok_[0-9]", 0),
    ("(?:^|[^0-9])([0-9]{4,9})(?:x|$)", 1),
    (r"(?:%[0-9A-F]{2}|\\n|^|_|[^0-9A-Za-z-])(?:[0-9]{9}[0-9a-z]|([0-9]{9}))", 1),
    (r"(?i)(?:\b|_)(pass|secret)(key)?[=:] ?", 2),
    ("(?i:pass|secret|key)s?[:=] ?([^ ;]+)", 1),
    ("[a-z]*pass[a-z]*[:=]([a-z]+)", 1),
    ("(?:^|[^a-z])[a-z]{1,12}key=(?:abc|([0-9a-z]+))", 1),
    ("[a-z #]*key= ?([a-z0-9]{3,})", 1),
    ("Q(?:([a-z])$|[a-z])", 1),
    ("(?:#|Q)(a)?(?:a|x|$)", 1),
    ("#(Q)|Q{2,}", 1),
    ("a*", 0),
    ("x|", 0),
    ("aa|aaaa|aaa", 0),
    ("a.*?x", 0),
    ("Q[^;]*;", 0),
    ("(?s)secret.*x", 0),
    ("(?:4[0-9]{3}[ -]?){4}", 0),
    ("4[0-9]{3}([ -]?[0-9]{4}){3}", 1),
    ("^#+|x$", 0),
    ("(?m)^key", 0),
    ("é+(a?)é*", 1),
];

const NEARS: [&str; 4] = [r"\bid\b", "(?i)secret|pass", "a+", "7|-"];

fn rule(dice: &mut Dice) -> Json {
    let (pattern, group) = PATTERNS[dice.below(PATTERNS.len())];
    let text = ["", "X", "#", "tok_", "id ", "pass:a"][dice.below(6)];
    let mut rule = json!({"pattern": pattern, "group": group, "action": {"do": "redact", "text": text}});
    if dice.below(3) == 0 {
        rule["near"] = json!({"pattern": NEARS[dice.below(NEARS.len())], "within": dice.below(9)});
    }
    if dice.below(3) == 0 {
        rule["check"] =
            [json!("payment_card"), json!({"digits": "luhn"}), json!({"entropy": 150})][dice.below(3)].clone();
    }
    rule
}

/// The text behind the rules and, rule by rule, how many matches were replaced, and whether it was tired.
type Outcome = (String, Vec<(u64, bool)>);

fn one_by_one(rules: &[ValueRule], text: &str) -> Outcome {
    let mut now = text.as_bytes().to_vec();
    let mut told = Vec::new();
    for rule in rules {
        let mut new = Vec::new();
        let applied = rule.apply(&now, &mut new);
        if applied.count > 0 {
            now = new;
        }
        told.push((applied.count, applied.tired));
    }
    (String::from_utf8_lossy(&now).into_owned(), told)
}

fn on_its_way(specs: &[Json], rules: &[ValueRule], text: &str, asked: bool, cache: &mut Cache) -> Outcome {
    let matcher = Matcher::of(specs.iter().zip(rules).filter_map(Sought::of));
    let mut now = text.as_bytes().to_vec();
    let mut way = Way::new(matcher.long(), cache, text.as_bytes());
    let mut told = Vec::new();
    for (index, rule) in rules.iter().enumerate() {
        let (mut new, mut edits) = (Vec::new(), Vec::new());
        if asked && !way.may_find(index, &now) {
            told.push((0, false));
            continue;
        }
        let applied = way.apply((index, rule), &now, &mut new, &mut edits);
        told.push((applied.count, applied.tired));
        if applied.count > 0 {
            way.edited(index, &new, &edits);
            now = new;
        }
    }
    (String::from_utf8_lossy(&now).into_owned(), told)
}

#[test]
fn a_long_text_becomes_what_rules_make_of_it_one_by_one() {
    let mut dice = Dice(1);
    for _ in 0..120 {
        let specs: Vec<Json> = (0..=dice.below(7)).map(|_| rule(&mut dice)).collect();
        let rules: Vec<ValueRule> = specs.iter().map(|spec| ValueRule::compile(spec).unwrap()).collect();
        let mut cache = Cache::default();
        for _ in 0..8 {
            let text = dice.text(120);
            let expected = one_by_one(&rules, &text);
            for asked in [true, false] {
                let found = on_its_way(&specs, &rules, &text, asked, &mut cache);
                assert_eq!(found, expected, "{text:?} {asked} {specs:#?}");
            }
        }
    }
}

#[test]
fn who_is_tired_is_so_on_either_way() {
    let specs = [
        json!({"pattern": "Q[^;]*;;", "action": {"do": "redact", "text": "X"}}),
        json!({"pattern": "#([0-9]{20})|#{20}", "group": 1, "check": {"digits": "luhn"}, "action": {"do": "redact", "text": "X"},
            "near": {"pattern": " id", "within": 5}}),
        json!({"pattern": "4[0-9 ]+", "check": "payment_card", "action": {"do": "redact", "text": "X"}}),
    ];
    let rules: Vec<ValueRule> = specs.iter().map(|spec| ValueRule::compile(spec).unwrap()).collect();
    let text =
        format!("{}; Q;; {} id #12345678901234567891 {}", "Q".repeat(3000), "#".repeat(5000), "41 ".repeat(2000));
    let expected = one_by_one(&rules, &text);
    assert!(expected.1.iter().any(|(_, tired)| *tired));
    assert_eq!(on_its_way(&specs, &rules, &text, true, &mut Cache::default()), expected);
}

#[test]
fn every_match_begins_where_it_may_begin() {
    let mut dice = Dice(2);
    let known = PATTERNS.iter().filter_map(|(pattern, _)| Some((*pattern, starts(&hir(pattern).unwrap())?)));
    let (patterns, all): (Vec<&str>, Vec<_>) = known.map(|(pattern, starts)| (pattern, (starts, Kind::Plain))).unzip();
    assert!(patterns.len() > 8);
    let scan = Scan::new(&all, false);
    for _ in 0..200 {
        let text = dice.text(60);
        let (mut wanted, mut places) = (Wanted::default(), vec![Vec::new(); patterns.len()]);
        (0..patterns.len()).for_each(|thing| scan.want(thing, &mut wanted));
        scan.search(text.as_bytes(), (0, text.len()), &mut wanted, |thing, at| {
            places[thing].push(at);
            true
        });
        for (pattern, places) in patterns.iter().zip(&places) {
            let walker = Walker::new(pattern, Part::Whole);
            let begins = |at: &usize| walker.walk(&mut None, text.as_bytes(), *at, &mut 1000) != Walked::To(None);
            let missing: Vec<usize> = (0..text.len()).filter(begins).filter(|at| !places.contains(at)).collect();
            assert!(missing.is_empty(), "{pattern} in {text:?} at {missing:?}");
        }
    }
}

#[test]
fn a_walk_ends_where_the_match_does() {
    let mut dice = Dice(3);
    for (pattern, _) in PATTERNS {
        let (walker, whole) = (Walker::new(pattern, Part::Whole), Pattern::new(pattern).unwrap());
        for _ in 0..40 {
            let text = dice.text(40);
            let Some(found) = whole.find(text.as_bytes(), 0, 0) else { continue };
            let walked = walker.walk(&mut None, text.as_bytes(), found.start, &mut 1000);
            assert_eq!(walked, Walked::To(Some(found.end)), "{pattern} in {text:?}");
        }
    }
}

#[test]
fn what_has_another_shape_is_no_match_with_the_group() {
    let (mut dice, mut left_out, mut told) = (Dice(6), 0, 0);
    for (pattern, group) in PATTERNS {
        let (walker, whole) = (Walker::new(pattern, Part::Whole), Pattern::new(pattern).unwrap());
        let groups = (group > 0).then(|| Groups::new(pattern, &hir(pattern).unwrap(), group));
        let Some(shapes) = Shapes::of(&walker, groups.as_ref()) else { continue };
        for _ in 0..120 {
            let text = dice.text(30);
            for at in 0..text.len() {
                let found = whole.find_at(text.as_bytes(), (at, text.len()), group);
                match shapes.fit(text.as_bytes(), at) {
                    Fit::No => {}
                    Fit::Maybe => continue,
                    Fit::To(end) => {
                        assert_eq!(found.map(|found| found.end), Some(end), "{pattern} in {text:?} at {at}");
                        told += 1;
                        continue;
                    }
                }
                let missing = |found: Found| shapes.leaves_out && found.group == Group::None;
                assert!(found.is_none_or(|found| missing(found.into())), "{pattern} in {text:?} at {at}");
                left_out += usize::from(found.is_some());
            }
        }
    }
    assert!(left_out > 20 && told > 20, "{left_out} {told}");
}

#[test]
fn a_run_of_digits_is_as_long_as_a_pattern_wants() {
    let pattern = "(?:^|[^0-9A-Z])(?:[0-9]{9}[0-9A-Z]|([0-9]{9}))";
    let groups = Groups::new(pattern, &hir(pattern).unwrap(), 1);
    let shapes = Shapes::of(&Walker::new(pattern, Part::Whole), Some(&groups)).unwrap();
    let fits = |text: String| shapes.fit(text.as_bytes(), 0) != Fit::No;
    let lengths = |before: &str| -> Vec<usize> {
        (0..30).filter(|&size| fits(format!("{before}{} of", "1".repeat(size)))).collect()
    };
    // Nobody looks at more than 24 digits.
    assert_eq!(lengths(" "), [9, 25, 26, 27, 28, 29]);
    assert_eq!(shapes.fit(b" 123456789 of", 0), Fit::To(10));
    assert_eq!(lengths("X"), [25, 26, 27, 28, 29]);
    assert_eq!(lengths("é"), (0..30).collect::<Vec<_>>());
    assert!(fits(format!(" {}", "1".repeat(8))) && !fits(format!(" {}A", "1".repeat(8))));
}

#[test]
fn a_walk_takes_no_more_steps_than_it_may() {
    let (walker, mut steps) = (Walker::new("Q[^;]*;", Part::Whole), 10);
    assert_eq!(walker.walk(&mut None, b"QQQ;QQ", 0, &mut steps), Walked::To(Some(4)));
    assert_eq!((steps, walker.walk(&mut None, b"QQQQQQQQQ", 0, &mut steps)), (5, Walked::Tired));
}

#[test]
fn groups_stand_where_the_pattern_says() {
    let (mut dice, mut known) = (Dice(4), 0);
    for (pattern, group) in PATTERNS.into_iter().filter(|(_, group)| *group > 0) {
        let (groups, whole, mut cache) = (
            Groups::new(pattern, &hir(pattern).unwrap(), group),
            Pattern::new(pattern).unwrap(),
            groups::Cache::default(),
        );
        for _ in 0..60 {
            let text = dice.text(20);
            let Some(found) = whole.find(text.as_bytes(), 0, group) else { continue };
            let found = Found::from(found);
            let told = groups.of(&mut cache, text.as_bytes(), (found.start, found.end));
            assert!(
                told.is_none_or(|told| told == found.group),
                "{pattern} in {text:?}: {told:?}, not {:?}",
                found.group
            );
            known += usize::from(told.is_some());
            let mut places = groups.places(text.as_bytes(), (found.start, found.end)).into_iter().flatten();
            let is_there = !matches!(found.group, Group::At(..))
                || places.any(|(start, end)| found.group == Group::At(start, end));
            assert!(
                is_there || groups.places(text.as_bytes(), (found.start, found.end)).is_none(),
                "{pattern} in {text:?}"
            );
        }
    }
    assert!(known > 100, "{known}");
}

#[test]
fn a_family_leaves_out_no_member_that_finds_something() {
    let (mut dice, mut left_out) = (Dice(5), 0);
    let specs: Vec<Json> = PATTERNS[6..10]
        .iter()
        .map(|(pattern, group)| json!({"pattern": pattern, "group": group, "action": {"do": "drop"}}))
        .collect();
    let rules: Vec<ValueRule> = specs.iter().map(|spec| ValueRule::compile(spec).unwrap()).collect();
    let sought: Vec<Sought> = specs.iter().zip(&rules).filter_map(Sought::of).collect();
    let (family, mut cache) = (Family::new(sought.iter(), None), None);
    for _ in 0..200 {
        let text = dice.text(30);
        let told = family.told(&mut cache, text.as_bytes(), None);
        for (rule, told) in rules.iter().zip(told) {
            let finds = rule.apply(text.as_bytes(), &mut Vec::new()).count > 0;
            assert!(told || !finds, "{text:?}");
            left_out += usize::from(!told);
        }
    }
    assert!(left_out > 100, "{left_out}");
}
