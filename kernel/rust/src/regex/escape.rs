//! Escapes and character classes of a pattern.

use regex_syntax::hir::{Hir, Look};

use super::class;
use super::parse::{Outcome, Parser};

impl Parser<'_> {
    pub fn escape(&mut self) -> Outcome<()> {
        let look = match self.rest.chars().nth(1) {
            Some('b') => Look::WordAscii,
            Some('B') => Look::WordAsciiNegate,
            Some('A') => Look::Start,
            Some('z') => Look::End,
            Some('C') => return Err("\\C is not supported".into()),
            Some('Q') => {
                self.quoted();
                return Ok(());
            }
            _ => {
                let mut one = class::Builder::new(self.flags.fold);
                if self.class_escape(&mut one)? {
                    self.push(one.finish(false));
                } else {
                    let code = self.character_escape()?;
                    self.literal(code);
                }
                return Ok(());
            }
        };
        self.advance(2);
        self.push(Hir::look(look));
        Ok(())
    }

    fn quoted(&mut self) {
        self.advance(2);
        while !self.rest.is_empty() {
            if self.rest.starts_with("\\E") {
                self.advance(2);
                return;
            }
            if let Some(letter) = self.next() {
                self.literal(u32::from(letter));
            }
        }
    }

    /// `\d`, `\pN` and the like; false (and nothing read) when something else stands here.
    fn class_escape(&mut self, into: &mut class::Builder) -> Outcome<bool> {
        let Some(letter) = self.rest.strip_prefix('\\').and_then(|rest| rest.chars().next()) else {
            return Ok(false);
        };
        if let Some((class, negated)) = class::perl(letter) {
            self.advance(2);
            into.add(&class, negated);
            return Ok(true);
        }
        if !letter.eq_ignore_ascii_case(&'p') {
            return Ok(false);
        }
        self.advance(2);
        let mut name = String::from(self.next().ok_or("invalid character class range: \\p")?);
        if name == "{" {
            let end = self.rest.find('}').ok_or("invalid character class range: \\p{")?;
            self.rest.get(..end).unwrap_or("").clone_into(&mut name);
            self.advance(end + 1);
        }
        let (name, inner) = name.strip_prefix('^').map_or((name.as_str(), false), |rest| (rest, true));
        let class = class::unicode(name).ok_or_else(|| format!("invalid character class range: \\p{{{name}}}"))?;
        into.add(&class, inner != (letter == 'P'));
        Ok(true)
    }

    /// A backslash and what stands for one character.
    fn character_escape(&mut self) -> Outcome<u32> {
        self.advance(1);
        let letter = self.next().ok_or("trailing \\")?;
        let bad = || format!("invalid escape sequence: \\{letter}");
        match letter {
            '1'..='7' if !self.rest.starts_with(|next| ('0'..='7').contains(&next)) => Err(bad()),
            '0'..='7' => {
                let mut code = u32::from(letter) - 48;
                for _ in 0..2 {
                    let Some(digit) = self.rest.chars().next().filter(|next| ('0'..='7').contains(next)) else {
                        break;
                    };
                    code = code * 8 + u32::from(digit) - 48;
                    self.advance(1);
                }
                Ok(code)
            }
            'x' => self.hexadecimal().ok_or_else(bad),
            'a' => Ok(7),
            'f' => Ok(12),
            'n' => Ok(10),
            'r' => Ok(13),
            't' => Ok(9),
            'v' => Ok(11),
            _ if letter.is_ascii() && !letter.is_ascii_alphanumeric() => Ok(u32::from(letter)),
            _ => Err(bad()),
        }
    }

    fn hexadecimal(&mut self) -> Option<u32> {
        let (start, end, size) = if self.rest.starts_with('{') {
            let end = self.rest.find('}')?;
            (1, end, end + 1)
        } else {
            (0, 2, 2)
        };
        let digits = self.rest.get(start..end)?;
        if digits.is_empty() || !digits.chars().all(|digit| digit.is_ascii_hexdigit()) {
            return None;
        }
        let significant = digits.trim_start_matches('0');
        let code = if significant.is_empty() { 0 } else { u32::from_str_radix(significant, 16).ok()? };
        self.advance(size);
        (code <= 0x10_ffff).then_some(code)
    }

    pub fn class(&mut self) -> Outcome<Hir> {
        self.advance(1);
        let negated = self.rest.starts_with('^');
        if negated {
            self.advance(1);
        }
        let mut class = class::Builder::new(self.flags.fold);
        let mut first = true;
        while !self.rest.is_empty() && (first || !self.rest.starts_with(']')) {
            first = false;
            if self.rest.starts_with("[:") && self.posix(&mut class)? {
                continue;
            }
            if self.class_escape(&mut class)? {
                continue;
            }
            let low = self.class_character()?;
            let ranged = self.rest.starts_with('-') && self.rest.len() > 1 && !self.rest.starts_with("-]");
            let high = if ranged {
                self.advance(1);
                self.class_character()?
            } else {
                low
            };
            if high < low {
                return Err("invalid character class range".into());
            }
            class.range(low, high);
        }
        if self.rest.is_empty() {
            return Err("missing ]".into());
        }
        self.advance(1);
        Ok(class.finish(negated))
    }

    fn class_character(&mut self) -> Outcome<u32> {
        if self.rest.starts_with('\\') {
            return self.character_escape();
        }
        self.next().map(u32::from).ok_or_else(|| "missing ]".into())
    }

    fn posix(&mut self, class: &mut class::Builder) -> Outcome<bool> {
        let Some(end) = self.rest.get(2..).and_then(|rest| rest.find(":]")) else {
            return Ok(false);
        };
        let name = self.rest.get(2..2 + end).unwrap_or("");
        let (name, negated) = name.strip_prefix('^').map_or((name, false), |rest| (rest, true));
        let posix = class::posix(name).ok_or_else(|| format!("invalid character class range: [:{name}:]"))?;
        class.add(&posix, negated);
        self.advance(end + 4);
        Ok(true)
    }
}
