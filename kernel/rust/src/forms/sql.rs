//! SQL without its literals: strings, numbers and comments are what people's data stands in.

/// Systems in whose strings a backslash escapes, and in which `"` begins a string.
const BACKSLASH: &[&[u8]] = &[
    b"mysql",
    b"mariadb",
    b"tidb",
    b"singlestore",
    b"clickhouse",
    b"snowflake",
    b"gcp.bigquery",
    b"hive",
    b"spark",
    b"databricks",
];
const STANDARD: &[&[u8]] = &[
    b"postgresql",
    b"oracle",
    b"oracle.db",
    b"mssql",
    b"microsoft.sql_server",
    b"sqlite",
    b"db2",
    b"ibm.db2",
    b"cockroachdb",
    b"redshift",
    b"aws.redshift",
    b"h2",
    b"h2database",
    b"hsqldb",
    b"derby",
    b"cassandra",
    b"trino",
    b"firebirdsql",
    b"sap.hana",
    b"hanadb",
];
const HASH: &[&[u8]] = &[b"mysql", b"mariadb", b"tidb", b"singlestore"];
const BRACKETS: &[&[u8]] = &[b"mssql", b"microsoft.sql_server", b"sqlite"];

struct Statement<'a> {
    text: &'a [u8],
    known: bool,
    backslash: bool,
    hash: bool,
    brackets: bool,
    nested: bool,
    out: Vec<u8>,
    /// 1 after a literal, 2 after a literal and a comma.
    list: u8,
    mark: usize,
}

/// The statement with `?` for literals, without comments.
pub fn sql(text: &[u8], system: &[u8]) -> Vec<u8> {
    let backslash = BACKSLASH.contains(&system);
    let mut statement = Statement {
        text,
        known: backslash || STANDARD.contains(&system),
        backslash,
        hash: HASH.contains(&system),
        brackets: BRACKETS.contains(&system),
        nested: system == b"postgresql",
        out: Vec::with_capacity(text.len()),
        list: 0,
        mark: 0,
    };
    let mut position = 0;
    while position < text.len() {
        position = statement.step(position);
    }
    statement.out
}

fn find(text: &[u8], from: usize, what: &[u8]) -> Option<usize> {
    Some(from + memchr::memmem::find(text.get(from..)?, what)?)
}

impl Statement<'_> {
    fn at(&self, position: usize) -> u8 {
        self.text.get(position).copied().unwrap_or(0)
    }

    fn has(&self, position: usize, what: &[u8]) -> bool {
        self.text.get(position..).is_some_and(|rest| rest.starts_with(what))
    }

    /// Where bytes that pass the test end, from a position on.
    fn while_(&self, from: usize, test: impl Fn(u8) -> bool) -> usize {
        from + self.text.get(from..).map_or(0, |rest| rest.iter().take_while(|&&byte| test(byte)).count())
    }

    /// Takes one token; where the next one begins.
    fn step(&mut self, at: usize) -> usize {
        let one = self.at(at);
        match one {
            b'\'' => {
                let end = self.string(at, self.backslash);
                self.literal(end)
            }
            b'"' if self.backslash || !self.known => {
                let end = self.string(at, self.backslash);
                self.literal(end)
            }
            b'"' | b'`' => self.identifier(at, one),
            b'[' if self.brackets => self.identifier(at, b']'),
            _ if self.has(at, b"--") || (one == b'#' && self.hash) => {
                find(self.text, at, b"\n").unwrap_or(self.text.len())
            }
            _ if self.has(at, b"/*") => {
                self.copy(b" ");
                self.comment(at)
            }
            _ => self.other(at, one),
        }
    }

    fn other(&mut self, at: usize, one: u8) -> usize {
        if let Some(tag) = self.dollar(at) {
            let end = find(self.text, at + tag.len(), &tag).map_or(self.text.len(), |end| end + tag.len());
            return self.literal(end);
        }
        if one.is_ascii_digit() || (one == b'.' && self.at(at + 1).is_ascii_digit()) {
            let end = self.number(at);
            return self.literal(end);
        }
        if b"$:@?".contains(&one) && self.at(at + 1).is_ascii_digit() {
            let end = self.while_(at + 1, |byte| byte.is_ascii_digit());
            return self.word(at, end);
        }
        if one.is_ascii_alphabetic() || one == b'_' || !one.is_ascii() {
            let end = self.while_(at, |byte| byte.is_ascii_alphanumeric() || b"_$".contains(&byte) || !byte.is_ascii());
            return self.word(at, end);
        }
        self.copy(&[one]);
        at + 1
    }

    /// The tag of a dollar quote that begins here.
    fn dollar(&self, at: usize) -> Option<Vec<u8>> {
        if self.at(at) != b'$' {
            return None;
        }
        let end = self.while_(at + 1, |byte| byte.is_ascii_alphanumeric() || byte == b'_');
        let tag = self.text.get(at..=end)?;
        (tag.last() == Some(&b'$') && !tag.get(1)?.is_ascii_digit()).then(|| tag.to_vec())
    }

    fn copy(&mut self, part: &[u8]) {
        if part == b"," && self.list == 1 {
            self.list = 2;
        } else if !part.iter().all(|byte| b" \t\r\n\x0c\x0b".contains(byte)) {
            self.list = 0;
        }
        self.out.extend_from_slice(part);
    }

    /// Writes a literal that ends there; several in a row, with commas between them, are one.
    fn literal(&mut self, end: usize) -> usize {
        if self.list == 2 {
            self.out.truncate(self.mark);
        } else {
            self.out.push(b'?');
        }
        self.list = 1;
        self.mark = self.out.len();
        end
    }

    /// Where the string that begins here ends; where nobody can tell, at the end of the statement.
    fn string(&self, at: usize, backslash: bool) -> usize {
        let (quote, mut position) = (self.at(at), at + 1);
        while let Some(&one) = self.text.get(position) {
            let quoted = self.text.get(position + 1) == Some(&quote);
            position += match one {
                b'\\' if backslash => 2,
                b'\\' if quoted && !self.known => return self.text.len(),
                _ if one == quote && quoted => 2,
                _ if one == quote => return position + 1,
                _ => 1,
            };
        }
        self.text.len()
    }

    fn identifier(&mut self, at: usize, close: u8) -> usize {
        let Some(end) = find(self.text, at + 1, &[close]) else {
            return self.literal(self.text.len());
        };
        self.copy(self.text.get(at..=end).unwrap_or(&[]));
        end + 1
    }

    fn comment(&self, at: usize) -> usize {
        let (mut depth, mut position) = (1, at + 2);
        while depth > 0 && position < self.text.len() {
            if self.has(position, b"*/") {
                (depth, position) = (depth - 1, position + 2);
            } else if self.nested && self.has(position, b"/*") {
                (depth, position) = (depth + 1, position + 2);
            } else {
                position += 1;
            }
        }
        position
    }

    /// Where a number ends, with what stands behind the sign of its exponent.
    fn number(&self, at: usize) -> usize {
        let digits =
            |from| self.while_(from, |byte| byte.is_ascii_alphanumeric() || b"_.".contains(&byte) || !byte.is_ascii());
        let end = digits(at);
        let signed = b"eE".contains(&self.at(end - 1)) && b"+-".contains(&self.at(end));
        let dot = usize::from(self.at(end + 1) == b'.');
        if signed && self.at(end + 1 + dot).is_ascii_digit() {
            digits(end + 1)
        } else {
            end
        }
    }

    fn word(&mut self, at: usize, end: usize) -> usize {
        let word = self.text.get(at..end).unwrap_or(&[]).to_ascii_lowercase();
        if word == b"u" && self.has(end, b"&'") {
            let end = self.string(end + 1, false);
            return self.literal(end);
        }
        if [b"x", b"b", b"n", b"e"].iter().any(|prefix| word == *prefix) && self.has(end, b"'") {
            let end = self.string(end, self.backslash || word == b"e");
            return self.literal(end);
        }
        self.copy(self.text.get(at..end).unwrap_or(&[]));
        end
    }
}
