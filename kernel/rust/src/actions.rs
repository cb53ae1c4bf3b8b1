//! The actions of an edit: what they are, and how they are compiled.

use serde_json::{Map, Value as Json};

use crate::convert::To;
use crate::env::{Env, Where};
use crate::expr::Expr;
use crate::keys::{add, named, KeyId, Keys};
use crate::lookup::Finder;
use crate::ottl::Site;
use crate::regex::Pattern;
use crate::rewrite::Rewrite;
use crate::source::Source;
use crate::spec::{given, need, only_of, shown, text, Outcome};

/// An action with its own conditions, asked right before it.
pub struct Step {
    pub when: Option<Expr>,
    pub drop_if: Option<Expr>,
    pub action: Action,
}

pub enum Action {
    Write { key: KeyId, source: Source, update: bool, insert: bool },
    Each { key: Option<KeyId>, pattern: Option<Pattern>, change: To },
    Extract { key: KeyId, pattern: Pattern, names: Vec<(usize, KeyId)> },
    Rewrite(Box<Rewrite>),
    Lookup(Box<Finder>),
}

impl Step {
    pub fn compile(spec: &Json, on: Where, contexts: usize, keys: &mut Keys) -> Outcome<Step> {
        let map = spec.as_object().ok_or_else(|| format!("action: expected a mapping, not {spec}"))?;
        let drop_if = map.get("drop_if").map(|drop_if| {
            need(on >= Where::Span, || format!("drop_if is not there on a {on}"))?;
            Expr::compile(Some(drop_if), on, keys)
        });
        let drop_if = drop_if.transpose()?;
        let when = given(map, "if").map(|when| Expr::compile(Some(when), on, keys)).transpose()?;
        let mut rest = map.clone();
        rest.retain(|name, _| name != "if" && name != "drop_if");
        Ok(Step { when, drop_if, action: Action::compile(&rest, on, contexts, keys)? })
    }

    /// Whether the action is to be done; None: the span is dropped.
    #[inline]
    pub fn goes(&self, env: &Env<'_>) -> Option<bool> {
        if self.drop_if.as_ref().is_some_and(|drop_if| drop_if.holds(env)) {
            return None;
        }
        Some(self.when.as_ref().is_none_or(|when| when.holds(env)))
    }
}

impl Action {
    fn compile(spec: &Map<String, Json>, on: Where, contexts: usize, keys: &mut Keys) -> Outcome<Action> {
        let action = spec.get("do").and_then(Json::as_str).unwrap_or("");
        let allow = |allowed: &[&str]| only_of(spec, allowed, action);
        match action {
            "insert" | "update" | "upsert" => {
                allow(&["do", "key", "value", "from", "context", "of"])?;
                let key = named(spec, action, keys)?;
                let source = Source::compile(spec, (action, on, contexts), key, keys)?;
                Ok(Action::Write { key, source, update: action != "insert", insert: action != "update" })
            }
            "delete" | "hash" => {
                allow(&["do", "key", "pattern"])?;
                let chosen = given(spec, "key").map(|_| named(spec, action, keys)).transpose()?;
                let pattern = given(spec, "pattern").map(|one| text(Some(one), "pattern").and_then(Pattern::new));
                let pattern = pattern.transpose()?;
                need(chosen.is_some() || pattern.is_some(), || format!("{action}: key or pattern is missing"))?;
                Ok(Action::Each { key: chosen, pattern, change: if action == "hash" { To::Hash } else { To::Gone } })
            }
            "extract" => {
                allow(&["do", "key", "pattern"])?;
                let key = named(spec, action, keys)?;
                let pattern = Pattern::new(text(spec.get("pattern"), "pattern")?)?;
                let names = pattern.names().iter().map(|(name, group)| Ok((*group, add(name, keys)?)));
                let names = names.collect::<Outcome<_>>()?;
                Ok(Action::Extract { key, pattern, names })
            }
            "convert" => {
                allow(&["do", "key", "to"])?;
                let change = match spec.get("to").and_then(Json::as_str) {
                    Some("int") => To::Int,
                    Some("double") => To::Double,
                    Some("string") => To::Text,
                    _ => return Err(format!("convert: to {}", shown(spec.get("to")))),
                };
                Ok(Action::Each { key: Some(named(spec, action, keys)?), pattern: None, change })
            }
            "lookup" => Ok(Action::Lookup(Box::new(Finder::compile(spec, on, contexts, keys)?))),
            _ => {
                let rewrite = Rewrite::compile(action, spec, &mut Site { on, keys, depth: 0 })?;
                let rewrite = rewrite.ok_or_else(|| format!("unknown action {}", shown(spec.get("do"))))?;
                Ok(Action::Rewrite(Box::new(rewrite)))
            }
        }
    }
}
