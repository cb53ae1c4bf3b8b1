//! Reading the protobuf wire format as strictly as upb does, and no stricter.

/// Wire types.
pub const VARINT: u32 = 0;
pub const I64: u32 = 1;
pub const LEN: u32 = 2;
pub const SGROUP: u32 = 3;
pub const EGROUP: u32 = 4;
pub const I32: u32 = 5;

/// How many messages and groups may stand inside one another, the outermost message not counted.
pub const MAX_LEVELS: u32 = 100;

/// What is wrong with the bytes, and where. Small, since every step of the walk may return it.
#[derive(Debug, Clone, Copy)]
pub struct Bad {
    pub what: What,
    pub at: u32,
}

#[derive(Debug, Clone, Copy)]
pub enum What {
    Truncated,
    FieldZero,
    WireType,
    LongTag,
    LongLength,
    LongVarint,
    PastTheEnd,
    EndOfGroup,
    TooDeep,
    NotUtf8,
    TooLarge,
}

impl What {
    pub fn text(self) -> &'static str {
        match self {
            What::Truncated => "truncated field",
            What::FieldZero => "field number 0",
            What::WireType => "unknown wire type",
            What::LongTag => "tag over 32 bits or five bytes",
            What::LongLength => "length over five bytes",
            What::LongVarint => "varint over ten bytes",
            What::PastTheEnd => "a field ends past its message",
            What::EndOfGroup => "unmatched end of a group",
            What::TooDeep => "more than 100 levels",
            What::NotUtf8 => "invalid UTF-8",
            What::TooLarge => "a request over 2 GiB",
        }
    }
}

/// A part of a buffer that is known from the context.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Range {
    pub start: usize,
    pub end: usize,
}

impl Range {
    pub fn of(self, buf: &[u8]) -> &[u8] {
        buf.get(self.start..self.end).unwrap_or(&[])
    }
}

/// A cursor over one message: `buf` ends where the message ends, positions count from the start of the buffer.
#[derive(Clone, Copy)]
pub struct Reader<'a> {
    pub buf: &'a [u8],
    pub pos: usize,
}

impl<'a> Reader<'a> {
    pub fn new(buf: &'a [u8]) -> Self {
        Reader { buf, pos: 0 }
    }

    /// A reader of the message that stands at `range`, which must lie within this one.
    #[inline]
    pub fn sub(&self, range: Range) -> Reader<'a> {
        Reader { buf: self.buf.get(..range.end).unwrap_or(self.buf), pos: range.start }
    }

    #[inline]
    pub fn done(&self) -> bool {
        self.pos >= self.buf.len()
    }

    #[inline]
    fn bad<T>(&self, what: What) -> Result<T, Bad> {
        Err(Bad { what, at: self.pos as u32 })
    }

    /// The next tag. Field number 0, wire types 6 and 7 and tags over 32 bits or five bytes are refused.
    #[inline(always)]
    pub fn tag(&mut self) -> Result<u32, Bad> {
        match self.buf.get(self.pos) {
            Some(&byte) if byte < 0x80 => {
                let tag = u32::from(byte);
                if tag < 8 || tag & 7 > I32 {
                    return self.long_tag();
                }
                self.pos += 1;
                Ok(tag)
            }
            _ => self.long_tag(),
        }
    }

    #[cold]
    fn long_tag(&mut self) -> Result<u32, Bad> {
        let start = self.pos;
        let tag = self.tag_in_group()?;
        if tag < 8 {
            return Err(Bad { what: What::FieldZero, at: start as u32 });
        }
        Ok(tag)
    }

    /// The next tag inside a group of unknown fields, where upb lets field number 0 pass.
    fn tag_in_group(&mut self) -> Result<u32, Bad> {
        let start = self.pos;
        let tag = self.short_varint(What::LongTag)?;
        if tag & 7 > u64::from(I32) {
            return Err(Bad { what: What::WireType, at: start as u32 });
        }
        u32::try_from(tag).map_err(|_| Bad { what: What::LongTag, at: start as u32 })
    }

    /// A varint of at most five bytes.
    fn short_varint(&mut self, too_long: What) -> Result<u64, Bad> {
        let mut value = 0u64;
        for index in 0..5 {
            let Some(&byte) = self.buf.get(self.pos + index) else {
                return self.bad(What::Truncated);
            };
            value |= u64::from(byte & 0x7f) << (7 * index);
            if byte < 0x80 {
                self.pos += index + 1;
                return Ok(value);
            }
        }
        self.bad(too_long)
    }

    #[inline(always)]
    pub fn varint(&mut self) -> Result<u64, Bad> {
        match self.buf.get(self.pos) {
            Some(&byte) if byte < 0x80 => {
                self.pos += 1;
                Ok(u64::from(byte))
            }
            _ => self.long_varint(),
        }
    }

    fn long_varint(&mut self) -> Result<u64, Bad> {
        let mut value = 0u64;
        for index in 0..10 {
            let Some(&byte) = self.buf.get(self.pos + index) else {
                return self.bad(What::Truncated);
            };
            value |= u64::from(byte & 0x7f) << (7 * index);
            if byte < 0x80 {
                self.pos += index + 1;
                return Ok(value);
            }
        }
        self.bad(What::LongVarint)
    }

    /// The payload of a length-delimited field; the cursor moves past it.
    #[inline(always)]
    pub fn len(&mut self) -> Result<Range, Bad> {
        let size = match self.buf.get(self.pos) {
            Some(&byte) if byte < 0x80 => {
                self.pos += 1;
                usize::from(byte)
            }
            _ => self.short_varint(What::LongLength)? as usize,
        };
        if size > self.buf.len() - self.pos {
            return self.bad(What::PastTheEnd);
        }
        let start = self.pos;
        self.pos += size;
        Ok(Range { start, end: self.pos })
    }

    #[inline]
    pub fn fixed64(&mut self) -> Result<u64, Bad> {
        let Some(bytes) = self.buf.get(self.pos..).and_then(|rest| rest.first_chunk::<8>()) else {
            return self.bad(What::Truncated);
        };
        self.pos += 8;
        Ok(u64::from_le_bytes(*bytes))
    }

    #[inline]
    pub fn fixed32(&mut self) -> Result<u32, Bad> {
        let Some(bytes) = self.buf.get(self.pos..).and_then(|rest| rest.first_chunk::<4>()) else {
            return self.bad(What::Truncated);
        };
        self.pos += 4;
        Ok(u32::from_le_bytes(*bytes))
    }

    /// Moves past the field whose tag was just read; `level` is that of the message it stands in.
    #[inline]
    pub fn skip(&mut self, tag: u32, level: u32) -> Result<(), Bad> {
        match tag & 7 {
            VARINT => self.varint().map(drop),
            I64 => self.fixed64().map(drop),
            LEN => self.len().map(drop),
            I32 => self.fixed32().map(drop),
            SGROUP => self.group(tag >> 3, level + 1),
            _ => self.bad(What::EndOfGroup),
        }
    }

    fn group(&mut self, number: u32, level: u32) -> Result<(), Bad> {
        let mut open = vec![number];
        let mut level = level;
        while let Some(&innermost) = open.last() {
            if level > MAX_LEVELS {
                return self.bad(What::TooDeep);
            }
            let tag = self.tag_in_group()?;
            match tag & 7 {
                SGROUP => {
                    open.push(tag >> 3);
                    level += 1;
                }
                EGROUP if tag >> 3 == innermost => {
                    open.pop();
                    level -= 1;
                }
                EGROUP => return self.bad(What::EndOfGroup),
                _ => self.skip(tag, level)?,
            }
        }
        Ok(())
    }

    /// The payload of a `string` field, which must be UTF-8.
    #[inline(always)]
    pub fn string(&mut self) -> Result<Range, Bad> {
        let range = self.len()?;
        if is_utf8(range.of(self.buf)) {
            Ok(range)
        } else {
            Err(self.not_utf8(range))
        }
    }

    #[cold]
    fn not_utf8(&self, range: Range) -> Bad {
        let valid = std::str::from_utf8(range.of(self.buf)).map_or_else(|error| error.valid_up_to(), str::len);
        Bad { what: What::NotUtf8, at: (range.start + valid) as u32 }
    }

    /// All that is left, which must be UTF-8.
    pub fn rest_as_string(&self) -> Result<(), Bad> {
        let rest = Range { start: self.pos, end: self.buf.len() };
        if is_utf8(rest.of(self.buf)) {
            Ok(())
        } else {
            Err(self.not_utf8(rest))
        }
    }

    /// The payload of a message field inside a message of `level`.
    #[inline]
    pub fn message(&mut self, level: u32) -> Result<Range, Bad> {
        if level >= MAX_LEVELS {
            return self.bad(What::TooDeep);
        }
        self.len()
    }
}

#[inline]
fn is_utf8(bytes: &[u8]) -> bool {
    is_ascii(bytes) || std::str::from_utf8(bytes).is_ok()
}

/// As the standard library's, but quick for the few dozen bytes that keys and values have.
#[inline(always)]
pub fn is_ascii(bytes: &[u8]) -> bool {
    let mut bits = 0;
    match (bytes.first_chunk::<8>(), bytes.last_chunk::<8>()) {
        (Some(first), Some(last)) => {
            bits |= u64::from_ne_bytes(*first) | u64::from_ne_bytes(*last);
            let (chunks, _) = bytes.as_chunks::<8>();
            for chunk in chunks {
                bits |= u64::from_ne_bytes(*chunk);
            }
        }
        _ => {
            if let (Some(first), Some(last)) = (bytes.first_chunk::<4>(), bytes.last_chunk::<4>()) {
                bits |= u64::from(u32::from_ne_bytes(*first) | u32::from_ne_bytes(*last));
            } else {
                for &byte in bytes {
                    bits |= u64::from(byte);
                }
            }
        }
    }
    bits & 0x8080_8080_8080_8080 == 0
}

/// Whether two texts of the same length are equal; quick for the few dozen bytes that keys and values have.
#[inline(always)]
pub fn equal(one: &[u8], two: &[u8]) -> bool {
    let (Some(last), Some(other)) = (one.last_chunk::<8>(), two.last_chunk::<8>()) else {
        return one == two;
    };
    let ((chunks, _), (others, _)) = (one.as_chunks::<8>(), two.as_chunks::<8>());
    let word = |bytes: &[u8; 8]| u64::from_ne_bytes(*bytes);
    let differences = chunks.iter().zip(others).fold(0, |all, (one, two)| all | (word(one) ^ word(two)));
    differences | (word(last) ^ word(other)) == 0
}

/// Appends a varint in as few bytes as it needs.
#[inline]
pub fn put_varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// Appends a length-delimited field with a minimal tag and length.
#[inline]
pub fn put_field(out: &mut Vec<u8>, number: u32, payload: &[u8]) {
    put_head(out, number, payload.len());
    out.extend_from_slice(payload);
}

/// Appends the tag and length of a length-delimited field.
#[inline]
pub fn put_head(out: &mut Vec<u8>, number: u32, size: usize) {
    put_varint(out, u64::from(number << 3 | LEN));
    put_varint(out, size as u64);
}

/// The bytes that `put_varint` would append.
#[inline]
pub fn varint_size(value: u64) -> usize {
    (64 - (value | 1).leading_zeros() as usize).div_ceil(7)
}

/// The bytes that `put_field` would append, for field numbers below 16.
#[inline]
pub fn field_size(payload: usize) -> usize {
    1 + varint_size(payload as u64) + payload
}

/// Calls `each` with tag and field (tag included) of a message known to be valid; what cannot be read ends it.
pub fn fields(buf: &[u8], range: Range, mut each: impl FnMut(Field)) {
    let mut reader = Reader::new(buf).sub(range);
    while !reader.done() {
        let start = reader.pos;
        let Ok(tag) = reader.tag() else { return };
        let body = if tag & 7 == LEN {
            let Ok(body) = reader.len() else { return };
            body
        } else {
            let from = reader.pos;
            if reader.skip(tag, 0).is_err() {
                return;
            }
            Range { start: from, end: reader.pos }
        };
        each(Field { tag, start, body });
    }
}

/// A field as it stands in a message: `start` is where its tag stands, `body` what follows tag and length.
#[derive(Debug, Clone, Copy)]
pub struct Field {
    pub tag: u32,
    pub start: usize,
    pub body: Range,
}

impl Field {
    /// The field with its tag.
    pub fn whole(&self) -> Range {
        Range { start: self.start, end: self.body.end }
    }

    /// Whether this is the length-delimited field of that number.
    pub fn is(&self, number: u32) -> bool {
        self.tag == number << 3 | LEN
    }
}
