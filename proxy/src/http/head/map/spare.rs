//! Maps that were read serve again for what is written: the `h2` crate makes one for each head that it reads and drops each
//! that it writes, and a map is two allocations.

use std::cell::RefCell;

use ::http::HeaderMap;

/// How many maps a thread keeps for later.
const KEPT: usize = 16;

/// Maps with room for more fields are not kept.
const LARGE: usize = 96;

thread_local! {
    static SPARE: RefCell<Vec<HeaderMap>> = const { RefCell::new(Vec::new()) };
}

/// An empty map with room for so many fields.
pub(super) fn take(fields: usize) -> HeaderMap {
    let spare = SPARE.with_borrow_mut(|spare| spare.pop_if(|map| map.capacity() >= fields));
    // Only where more is written than read, or heads grow: then it stays an allocation.
    spare.unwrap_or_else(|| HeaderMap::with_capacity(fields))
}

/// Keeps the memory of `map`.
pub(super) fn give_back(mut map: HeaderMap) {
    if map.capacity() == 0 || map.capacity() > LARGE {
        return;
    }
    map.clear();
    SPARE.with_borrow_mut(|spare| {
        if spare.len() < KEPT {
            spare.push(map);
        }
    });
}

#[cfg(test)]
mod tests {
    use ::http::header::{COOKIE, HeaderValue};

    use super::*;

    #[test]
    fn a_map_comes_back_empty_and_only_for_what_fits_into_it() {
        let mut map = HeaderMap::with_capacity(3);
        for value in ["a=1", "b=2", "c=3"] {
            map.append(COOKIE, HeaderValue::from_static(value));
        }
        let room = map.capacity();
        give_back(map);
        assert!(take(room + 1).capacity() > room);
        let again = take(room);
        assert_eq!((again.len(), again.capacity()), (0, room));
        assert!(again.get(COOKIE).is_none());
        SPARE.with_borrow(|spare| assert!(spare.is_empty()));
    }

    #[test]
    fn neither_large_maps_nor_many_are_kept() {
        give_back(HeaderMap::with_capacity(LARGE + 1));
        give_back(HeaderMap::new());
        SPARE.with_borrow(|spare| assert!(spare.is_empty()));
        for _ in 0..KEPT + 1 {
            give_back(HeaderMap::with_capacity(1));
        }
        SPARE.with_borrow(|spare| assert_eq!(spare.len(), KEPT));
    }
}
