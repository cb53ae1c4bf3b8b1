//! What was made of equal data, shared by all who need it at the same time: equal rules are compiled once in a process.

use std::borrow::Borrow;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, Weak};

use crate::program::lock;

/// What is made of a `K`. It lives as long as somebody holds it.
pub struct Shared<K, V>(Mutex<Known<K, V>>);

struct Known<K, V> {
    all: BTreeMap<K, Weak<V>>,
    /// With so many those are taken out that nobody holds.
    most: usize,
}

/// So many may be left behind by those who held them.
const LEFT: usize = 64;

impl<K: Ord, V> Shared<K, V> {
    pub const fn new() -> Shared<K, V> {
        Shared(Mutex::new(Known { all: BTreeMap::new(), most: LEFT }))
    }

    /// What was made of an equal key, if it is still held, else what `make` makes of this one.
    pub fn get<Q, E>(&self, key: &Q, make: impl FnOnce() -> Result<V, E>) -> Result<Arc<V>, E>
    where
        K: Borrow<Q>,
        Q: Ord + ToOwned<Owned = K> + ?Sized,
    {
        if let Some(held) = lock(&self.0).held(key) {
            return Ok(held);
        }
        let new = Arc::new(make()?);
        let mut known = lock(&self.0);
        // Somebody else may have been as quick.
        if let Some(held) = known.held(key) {
            return Ok(held);
        }
        if known.all.len() >= known.most {
            known.all.retain(|_, one| one.strong_count() > 0);
            known.most = 2 * known.all.len() + LEFT;
        }
        known.all.insert(key.to_owned(), Arc::downgrade(&new));
        Ok(new)
    }
}

impl<K: Ord, V> Known<K, V> {
    fn held<Q: Ord + ?Sized>(&self, key: &Q) -> Option<Arc<V>>
    where
        K: Borrow<Q>,
    {
        self.all.get(key).and_then(Weak::upgrade)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn get(shared: &Shared<String, usize>, key: &str, made: &mut usize) -> Arc<usize> {
        let new = shared.get(key, || {
            *made += 1;
            Ok::<usize, ()>(*made)
        });
        new.unwrap()
    }

    #[test]
    fn it_is_made_once_while_it_is_held() {
        let (shared, mut made) = (Shared::new(), 0);
        let (one, two) = (get(&shared, "a", &mut made), get(&shared, "a", &mut made));
        assert!(Arc::ptr_eq(&one, &two) && made == 1);
        get(&shared, "b", &mut made);
        get(&shared, "b", &mut made);
        assert_eq!(made, 3);
    }

    #[test]
    fn what_failed_is_tried_again() {
        let shared: Shared<String, usize> = Shared::new();
        assert_eq!(shared.get("a", || Err("no")), Err("no"));
        assert_eq!(shared.get("a", || Ok::<usize, ()>(1)), Ok(Arc::new(1)));
    }

    #[test]
    fn what_nobody_holds_is_forgotten() {
        let (shared, mut made) = (Shared::new(), 0);
        let held = get(&shared, "held", &mut made);
        for number in 0..10 * LEFT {
            get(&shared, &number.to_string(), &mut made);
        }
        assert!(lock(&shared.0).all.len() <= 2 * LEFT);
        assert!(Arc::ptr_eq(&held, &get(&shared, "held", &mut made)));
    }
}
