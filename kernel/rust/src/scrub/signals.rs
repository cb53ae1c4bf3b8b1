//! Log records and metrics.

use super::pass::{changed, whole, Pass};
use super::{marks, reread, Scrub, Types};
use crate::env::SpanFields;
use crate::keys::Keys;
use crate::log::{BODY, EVENT_NAME, SEVERITY_TEXT};
use crate::metric::{is_data, point_attributes, point_exemplars, FILTERED};
use crate::program::Scratch;
use crate::splice::{Change, Splice};
use crate::value::{read, Value};
use crate::wire::fields;
use crate::work::{key_value_parts, Item, State};

impl Scrub {
    /// Scrubs a log record.
    pub fn log(&self, base: &[u8], log: &mut SpanFields, at: (usize, &Keys), scratch: &mut Scratch) {
        let (positions, careful) = (self.positions, self.is_careful());
        self.items(base, log, at, scratch, |pass, work, index, item, out| {
            let body = work.bytes(base, item.body);
            Some(match item.number {
                _ if item.attribute => {
                    if !positions.span || (!careful && pass.leaves(work, base, index, item)) {
                        return None;
                    }
                    pass.at = marks::LOG;
                    pass.attribute(work.bytes(base, item.key), body, out)
                }
                SEVERITY_TEXT if positions.severity_text => pass.plain_at(marks::SEVERITY_TEXT, body, out),
                EVENT_NAME if positions.event_name => pass.plain_at(marks::EVENT_NAME, body, out),
                BODY if positions.body => pass.body(body, out),
                _ => return None,
            })
        });
    }

    /// Scrubs a metric and its data points.
    pub fn metric(&self, base: &[u8], metric: &mut SpanFields, at: (usize, &Keys), scratch: &mut Scratch) {
        let positions = self.positions;
        self.items(base, metric, at, scratch, |pass, work, _, item, out| {
            let body = work.bytes(base, item.body);
            Some(match item.number {
                _ if item.attribute => {
                    if !positions.span {
                        return None;
                    }
                    pass.at = marks::METRIC;
                    pass.attribute(work.bytes(base, item.key), body, out)
                }
                1 if positions.metric_name => pass.plain_at(marks::METRIC_NAME, body, out),
                2 if positions.metric_description => pass.plain_at(marks::METRIC_DESCRIPTION, body, out),
                3 if positions.metric_unit => pass.plain_at(marks::METRIC_UNIT, body, out),
                data if is_data(data) && (positions.event || positions.link) => pass.points(body, data, out),
                _ => return None,
            })
        });
    }

    /// Takes each item through `scrub`: None where it is not looked at.
    fn items(
        &self,
        base: &[u8],
        read: &mut SpanFields,
        (stage, known): (usize, &Keys),
        scratch: &mut Scratch,
        mut scrub: impl FnMut(&mut Pass<'_>, &crate::work::Work, usize, &Item, &mut Vec<u8>) -> Option<Change>,
    ) {
        let Scratch { work, text, counts, places, scrub: caches, .. } = scratch;
        let Some(cache) = caches.get_mut(stage) else {
            return;
        };
        if let Some(databases) = &self.known {
            cache.system = databases.of(work, base);
        }
        let mut pass = Pass { scrub: self, cache, counts, places, known, at: marks::LOG };
        let mut again = false;
        for index in 0..work.items.len() {
            let Some(item) = work.items.get(index).copied().filter(|item| item.state != State::Gone) else {
                continue;
            };
            text.clear();
            let Some(change) = scrub(&mut pass, work, index, &item, text) else { continue };
            again |= change != Change::Same && !item.attribute;
            self.apply(work, index, change, text, known);
        }
        work.refresh();
        pass.summarize(work, base, text);
        self.say(&mut pass, work, base, text);
        if again {
            reread(work, base, read);
        }
    }
}

impl Pass<'_> {
    fn plain_at(&mut self, at: usize, content: &[u8], out: &mut Vec<u8>) -> Change {
        self.at = at;
        self.plain(content, out)
    }

    /// The body of a log record: the entries of a map as attributes, else as the value of one.
    pub fn body(&mut self, payload: &[u8], out: &mut Vec<u8>) -> Change {
        let start = out.len();
        self.at = marks::BODY;
        let change = if matches!(read(payload), Value::Map(_)) {
            let outer = std::mem::take(&mut self.cache.tally); // the summary is one of attributes
            let change = self.members(payload, out, true);
            self.cache.tally = outer;
            change
        } else if self.scrub.keep.as_ref().is_some_and(|keep| keep.is_match(&self.seen(payload))) {
            Change::Same
        } else if self.scrub.types == Types::All {
            self.any_type(payload, out)
        } else {
            self.any_value(payload, out)
        };
        if change != Change::Drop {
            return change;
        }
        out.truncate(start);
        changed(!payload.is_empty())
    }

    pub fn entries(&mut self, payload: &[u8], out: &mut Vec<u8>) -> Change {
        let (mut splice, mut new) = (Splice::new(payload), Vec::new());
        fields(payload, whole(payload), |field| {
            if field.is(1) {
                let pair = field.body.of(payload);
                new.clear();
                match self.attribute(key_value_parts(pair).0.of(pair), pair, &mut new) {
                    Change::Same => {}
                    Change::New => splice.replace(&field, &new, out),
                    Change::Drop => splice.remove(&field, out),
                }
            }
        });
        changed(splice.finish(None, out))
    }

    /// The data points in the data of a metric.
    fn points(&mut self, payload: &[u8], data: u32, out: &mut Vec<u8>) -> Change {
        let (mut splice, mut new) = (Splice::new(payload), Vec::new());
        fields(payload, whole(payload), |field| {
            if field.is(1) {
                new.clear();
                if self.point(field.body.of(payload), data, &mut new) == Change::New {
                    splice.replace(&field, &new, out);
                }
            }
        });
        changed(splice.finish(None, out))
    }

    fn point(&mut self, payload: &[u8], data: u32, out: &mut Vec<u8>) -> Change {
        let at = self.scrub.positions;
        let exemplars = point_exemplars(data).filter(|_| at.link);
        self.message(payload, (point_attributes(data), at.event, marks::DATAPOINT), out, |pass, field, content, new| {
            let exemplar = exemplars.is_some_and(|number| field.is(number));
            exemplar.then(|| pass.part(content, (FILTERED, true, marks::EXEMPLAR), (0, false, marks::EXEMPLAR), new))
        })
    }
}
