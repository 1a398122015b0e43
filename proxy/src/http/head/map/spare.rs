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
    let mut map = SPARE.with_borrow_mut(|spare| {
        let fits = spare.iter().rposition(|map| map.capacity() >= fields);
        // Where none fits one grows, so that small ones do not stay in the way of those to come.
        let at = fits.or(spare.len().checked_sub(1));
        at.map(|at| spare.swap_remove(at)).unwrap_or_default()
    });
    // Allocates only where more is written than read, or heads grow.
    map.reserve(fields);
    map
}

/// Keeps the memory of `map`.
pub(super) fn give_back(mut map: HeaderMap) {
    // The capacity counts names; further values of a name are kept elsewhere.
    if map.capacity() == 0 || map.capacity().max(map.len()) > LARGE {
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

    fn spare() -> usize {
        SPARE.with_borrow(Vec::len)
    }

    #[test]
    fn a_map_comes_back_empty() {
        let mut map = HeaderMap::with_capacity(3);
        for value in ["a=1", "b=2", "c=3"] {
            map.append(COOKIE, HeaderValue::from_static(value));
        }
        let room = map.capacity();
        give_back(map);
        let again = take(room);
        assert_eq!((again.len(), again.capacity(), spare()), (0, room, 0));
        assert!(again.get(COOKIE).is_none());
    }

    #[test]
    fn small_maps_neither_stay_in_the_way_nor_are_lost() {
        for _ in 0..100 {
            give_back(HeaderMap::with_capacity(50));
            give_back(HeaderMap::with_capacity(1));
            assert!(take(40).capacity() >= 40 && spare() == 1);
            assert!(take(40).capacity() >= 40 && spare() == 0);
        }
    }

    #[test]
    fn neither_large_maps_nor_many_are_kept() {
        give_back(HeaderMap::with_capacity(LARGE + 1));
        give_back(HeaderMap::new());
        let mut crumbs = HeaderMap::with_capacity(1);
        for _ in 0..=LARGE {
            crumbs.append(COOKIE, HeaderValue::from_static("a=1"));
        }
        give_back(crumbs);
        SPARE.with_borrow(|spare| assert!(spare.is_empty()));
        for _ in 0..KEPT + 1 {
            give_back(HeaderMap::with_capacity(1));
        }
        SPARE.with_borrow(|spare| assert_eq!(spare.len(), KEPT));
    }
}
