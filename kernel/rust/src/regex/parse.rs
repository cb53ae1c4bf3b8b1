//! RE2's syntax, read into `regex-syntax`'s high-level form.

use regex_syntax::hir::{Capture, Hir, Look, Repetition};

use super::class;

const MAX_REPEAT: u32 = 1000;
/// Groups inside one another: what follows is recursive.
const MAX_NESTING: usize = 1000;

/// A pattern that was read.
pub struct Parsed {
    pub hir: Hir,
    pub names: Vec<(String, usize)>,
    pub groups: usize,
}

#[derive(Clone, Copy, Default)]
pub struct Flags {
    pub fold: bool,
    multi_line: bool,
    dot_newline: bool,
    ungreedy: bool,
}

/// A part of a concatenation with how often its innermost part may be repeated.
struct Item {
    hir: Hir,
    repeated: u32,
}

/// What stands between a parenthesis and its end: finished alternatives, and the one being read.
struct Level {
    capture: Option<u32>,
    flags: Flags,
    alternatives: Vec<Item>,
    items: Vec<Item>,
}

pub struct Parser<'a> {
    pub rest: &'a str,
    pub flags: Flags,
    levels: Vec<Level>,
    names: Vec<(String, usize)>,
    groups: usize,
}

pub type Outcome<T> = Result<T, String>;

/// Reads a pattern; the error is in RE2's words.
pub fn parse(pattern: &str) -> Outcome<Parsed> {
    let mut parser = Parser {
        rest: pattern,
        flags: Flags::default(),
        levels: vec![Level::new(None, Flags::default())],
        names: Vec::new(),
        groups: 0,
    };
    parser.run()?;
    if parser.levels.len() > 1 {
        return Err("missing )".into());
    }
    let hir = parser.levels.pop().map_or_else(Hir::empty, |level| level.finish().hir);
    Ok(Parsed { hir, names: parser.names, groups: parser.groups })
}

impl Level {
    fn new(capture: Option<u32>, flags: Flags) -> Self {
        Level { capture, flags, alternatives: Vec::new(), items: Vec::new() }
    }

    fn close_alternative(&mut self) {
        let items = std::mem::take(&mut self.items);
        let repeated = items.iter().map(|item| item.repeated).max().unwrap_or(1);
        let hir = Hir::concat(items.into_iter().map(|item| item.hir).collect());
        self.alternatives.push(Item { hir, repeated });
    }

    fn finish(mut self) -> Item {
        self.close_alternative();
        let repeated = self.alternatives.iter().map(|item| item.repeated).max().unwrap_or(1);
        let hir = Hir::alternation(self.alternatives.into_iter().map(|item| item.hir).collect());
        let hir = match self.capture {
            Some(index) => Hir::capture(Capture { index, name: None, sub: Box::new(hir) }),
            None => hir,
        };
        Item { hir, repeated }
    }
}

impl Parser<'_> {
    fn run(&mut self) -> Outcome<()> {
        let mut after_repetition = false;
        while let Some(next) = self.rest.chars().next() {
            let was_repetition = std::mem::take(&mut after_repetition);
            match next {
                '*' | '+' | '?' => {
                    self.advance(1);
                    let (min, max) = [(0, None), (1, None), (0, Some(1))]["*+?".find(next).unwrap_or(0)];
                    self.repeat(min, max, was_repetition, false)?;
                    after_repetition = true;
                }
                '{' => match counted(self.rest) {
                    Some((min, max, size)) => {
                        self.advance(size);
                        self.repeat(min, max, was_repetition, true)?;
                        after_repetition = true;
                    }
                    None => self.literal_here(next),
                },
                '(' => self.open()?,
                ')' => self.close()?,
                '|' => {
                    self.advance(1);
                    self.top().close_alternative();
                }
                _ => self.atom(next)?,
            }
        }
        Ok(())
    }

    fn atom(&mut self, next: char) -> Outcome<()> {
        match next {
            '^' => self.look_here(if self.flags.multi_line { Look::StartLF } else { Look::Start }),
            '$' => self.look_here(if self.flags.multi_line { Look::EndLF } else { Look::End }),
            '.' => {
                self.advance(1);
                let mut any = class::Builder::new(false);
                if !self.flags.dot_newline {
                    any.range(10, 10);
                }
                self.push(any.finish(true));
            }
            '[' => {
                let class = self.class()?;
                self.push(class);
            }
            '\\' => self.escape()?,
            _ => self.literal_here(next),
        }
        Ok(())
    }

    pub fn advance(&mut self, bytes: usize) {
        self.rest = self.rest.get(bytes..).unwrap_or("");
    }

    pub fn next(&mut self) -> Option<char> {
        let next = self.rest.chars().next()?;
        self.advance(next.len_utf8());
        Some(next)
    }

    fn top(&mut self) -> &mut Level {
        if self.levels.is_empty() {
            self.levels.push(Level::new(None, Flags::default()));
        }
        let last = self.levels.len() - 1;
        &mut self.levels[last]
    }

    pub fn push(&mut self, hir: Hir) {
        self.top().items.push(Item { hir, repeated: 1 });
    }

    fn look_here(&mut self, look: Look) {
        self.advance(1);
        self.push(Hir::look(look));
    }

    fn literal_here(&mut self, letter: char) {
        self.advance(letter.len_utf8());
        self.literal(u32::from(letter));
    }

    pub fn literal(&mut self, code: u32) {
        let hir = match char::from_u32(code) {
            Some(letter) if !self.flags.fold => {
                let mut bytes = [0; 4];
                Hir::literal(letter.encode_utf8(&mut bytes).as_bytes())
            }
            _ => {
                let mut one = class::Builder::new(self.flags.fold);
                one.range(code, code);
                one.finish(false)
            }
        };
        self.push(hir);
    }

    fn repeat(&mut self, min: u32, max: Option<u32>, stacked: bool, counted: bool) -> Outcome<()> {
        let lazy = self.rest.starts_with('?');
        if lazy {
            self.advance(1);
        }
        if stacked {
            return Err("bad repetition operator".into());
        }
        if min > MAX_REPEAT || max.is_some_and(|max| max > MAX_REPEAT || max < min) {
            return Err(format!("invalid repetition size: {{{min},{}}}", max.unwrap_or(min)));
        }
        let greedy = lazy == self.flags.ungreedy;
        let Some(item) = self.top().items.pop() else {
            return Err("no argument for repetition operator".into());
        };
        let repeated = if counted { item.repeated.saturating_mul(max.unwrap_or(min).max(1)) } else { item.repeated };
        if repeated > MAX_REPEAT && (min >= 2 || max.is_some_and(|max| max >= 2)) {
            return Err(format!("invalid repetition size: {{{min},{}}}", max.unwrap_or(min)));
        }
        let hir = Hir::repetition(Repetition { min, max, greedy, sub: Box::new(item.hir) });
        self.top().items.push(Item { hir, repeated });
        Ok(())
    }

    fn open(&mut self) -> Outcome<()> {
        if self.levels.len() > MAX_NESTING {
            return Err("nested too deep".into());
        }
        if !self.rest.starts_with("(?") {
            self.advance(1);
            self.open_group(None);
            return Ok(());
        }
        let size = ["(?P<", "(?<"].iter().find(|start| self.rest.starts_with(**start)).map(|start| start.len());
        // `(?<=` and `(?<!` look behind, which RE2 has not.
        if let (Some(size), false) = (size, self.rest.starts_with("(?<=") || self.rest.starts_with("(?<!")) {
            let end = self.rest.find('>').ok_or("invalid named capture group")?;
            let name = self.rest.get(size..end).unwrap_or("").to_owned();
            if name.is_empty() || !name.chars().all(class::in_group_name) {
                return Err(format!("invalid named capture group: {name:?}"));
            }
            self.advance(end + 1);
            self.open_group(Some(name));
            return Ok(());
        }
        self.advance(2);
        self.flags_group()
    }

    fn open_group(&mut self, name: Option<String>) {
        self.groups += 1;
        let index = self.groups;
        if let Some(name) = name {
            if !self.names.iter().any(|(known, _)| *known == name) {
                self.names.push((name, index));
            }
        }
        let flags = self.flags;
        self.levels.push(Level::new(u32::try_from(index).ok(), flags));
    }

    fn flags_group(&mut self) -> Outcome<()> {
        let (mut flags, mut negated, mut saw) = (self.flags, false, false);
        loop {
            let letter = self.next().ok_or("invalid perl operator: (?")?;
            let flag = match letter {
                'i' => &mut flags.fold,
                'm' => &mut flags.multi_line,
                's' => &mut flags.dot_newline,
                'U' => &mut flags.ungreedy,
                '-' if !negated => {
                    negated = true;
                    saw = false;
                    continue;
                }
                ':' | ')' if !negated || saw => {
                    if letter == ':' {
                        let outer = self.flags;
                        self.levels.push(Level::new(None, outer));
                    }
                    self.flags = flags;
                    return Ok(());
                }
                _ => return Err(format!("invalid perl operator: (?{letter}")),
            };
            *flag = !negated;
            saw = true;
        }
    }

    fn close(&mut self) -> Outcome<()> {
        if self.levels.len() < 2 {
            return Err("unexpected )".into());
        }
        self.advance(1);
        if let Some(level) = self.levels.pop() {
            self.flags = level.flags;
            let item = level.finish();
            self.top().items.push(item);
        }
        Ok(())
    }
}

/// `{2}`, `{2,}` or `{2,5}` at the start of `rest`: least, most, length. Anything else is literal text.
fn counted(rest: &str) -> Option<(u32, Option<u32>, usize)> {
    let inner = rest.strip_prefix('{')?;
    let (min, after) = integer(inner)?;
    if let Some(end) = after.strip_prefix('}') {
        return Some((min, Some(min), rest.len() - end.len()));
    }
    let after = after.strip_prefix(',')?;
    if let Some(end) = after.strip_prefix('}') {
        return Some((min, None, rest.len() - end.len()));
    }
    let (max, after) = integer(after)?;
    let end = after.strip_prefix('}')?;
    Some((min, Some(max), rest.len() - end.len()))
}

/// A decimal integer as RE2 reads one: no leading zeros, below 100 million.
fn integer(text: &str) -> Option<(u32, &str)> {
    let size = text.bytes().take_while(u8::is_ascii_digit).count();
    let digits = text.get(..size)?;
    if digits.len() > 1 && digits.starts_with('0') {
        return None;
    }
    let value = digits.parse().ok().filter(|value| *value < 100_000_000)?;
    Some((value, text.get(size..)?))
}
