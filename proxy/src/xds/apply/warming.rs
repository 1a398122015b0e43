//! What is not complete yet: what each of them waits for, and how long it may. A look at one of them costs the same however
//! many there are, and happens when something came that it waits for.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use hashbrown::HashMap;
use tokio::time::{Duration, Instant};
use tracing::warn;

use crate::config::source::Source;
use crate::secret::SecretCell;

/// How long something that nothing serves in place of may stay cold before it takes effect as it is (Envoy's default
/// `initial_fetch_timeout`). What would replace something that serves waits until it is complete.
const LIMIT: Duration = Duration::from_secs(15);

/// How often clusters that wait for addresses are looked at: names resolve without telling anybody.
const LOOK: Duration = Duration::from_millis(50);

/// What something lacks.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum Need {
    /// Endpoints of this name from this source.
    Endpoints(Source, Arc<str>),
    /// Addresses of its own names.
    Addresses,
    /// The route table of this name from this source.
    Routes(Source, Arc<str>),
    /// The first value of this secret.
    Secret(Awaited),
}

/// A cell whose first value is awaited; the same cell is the same need.
#[derive(Debug, Clone)]
pub(super) struct Awaited(pub(super) Arc<SecretCell>);

impl PartialEq for Awaited {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl Eq for Awaited {}

impl Hash for Awaited {
    fn hash<H: Hasher>(&self, state: &mut H) {
        Arc::as_ptr(&self.0).hash(state);
    }
}

/// Resources that wait for others.
#[derive(Debug)]
pub(super) struct Warming<T> {
    cold: BTreeMap<Arc<str>, Cold<T>>,
    /// In the order of their time; entries of what is cold no more are passed over.
    limits: VecDeque<(Instant, Arc<str>, u64)>,
    /// Who waits for what; those that are told of what comes.
    told: HashMap<Need, BTreeSet<Arc<str>>>,
    /// Who waits for what comes without a word.
    untold: HashMap<Need, BTreeSet<Arc<str>>>,
    /// Worth a look.
    due: BTreeSet<Arc<str>>,
    counter: u64,
}

#[derive(Debug)]
struct Cold<T> {
    value: Arc<T>,
    number: u64,
}

/// Something that takes effect now.
pub(super) type Ready<T> = (Arc<str>, Arc<T>);

impl<T> Default for Warming<T> {
    fn default() -> Self {
        Self {
            cold: BTreeMap::new(),
            limits: VecDeque::new(),
            told: HashMap::new(),
            untold: HashMap::new(),
            due: BTreeSet::new(),
            counter: 0,
        }
    }
}

impl<T> Warming<T> {
    /// Whether nothing waits.
    pub(super) fn is_empty(&self) -> bool {
        self.cold.is_empty()
    }

    /// What waits under a name.
    pub(super) fn get(&self, name: &str) -> Option<&Arc<T>> {
        self.cold.get(name).map(|cold| &cold.value)
    }

    /// Puts in something that replaces what serves; what waited under its name before comes back.
    pub(super) fn replace(&mut self, name: &Arc<str>, value: Arc<T>) -> Option<Arc<T>> {
        self.counter += 1;
        let number = self.counter;
        self.due.insert(Arc::clone(name));
        let before = self.cold.insert(Arc::clone(name), Cold { value, number });
        before.map(|cold| cold.value)
    }

    /// Puts in something new, which waits for a limited time; what waited under its name before comes back.
    pub(super) fn insert(
        &mut self,
        name: &Arc<str>,
        value: Arc<T>,
        now: Instant,
    ) -> Option<Arc<T>> {
        let before = self.replace(name, value);
        self.limits
            .push_back((now + LIMIT, Arc::clone(name), self.counter));
        before
    }

    /// Takes something out that is not wanted any more.
    pub(super) fn remove(&mut self, name: &str) -> Option<Arc<T>> {
        self.cold.remove(name).map(|cold| cold.value)
    }

    /// Something has come: whoever waits for it is worth a look.
    pub(super) fn met(&mut self, need: &Need) {
        let names = match need {
            Need::Endpoints(..) | Need::Routes(..) => self.told.remove(need),
            Need::Addresses | Need::Secret(_) => self.untold.remove(need),
        };
        self.due.extend(names.into_iter().flatten());
    }

    /// Takes out all that is complete or has waited long enough.
    pub(super) fn settle(
        &mut self,
        now: Instant,
        lacks: impl Fn(&T) -> Option<Need>,
    ) -> Vec<Ready<T>> {
        self.look_for_untold();
        let mut ready = self.over(now);
        for name in std::mem::take(&mut self.due) {
            let Some(cold) = self.cold.get(&name) else {
                continue;
            };
            match lacks(&cold.value) {
                Some(need) => self.wait(need, name),
                None => ready.extend(self.take(name)),
            }
        }
        if self.cold.is_empty() {
            self.told.clear();
            self.untold.clear();
            self.limits.clear();
        }
        ready
    }

    fn wait(&mut self, need: Need, name: Arc<str>) {
        let waiting = match need {
            Need::Endpoints(..) | Need::Routes(..) => &mut self.told,
            Need::Addresses | Need::Secret(_) => &mut self.untold,
        };
        waiting.entry(need).or_default().insert(name);
    }

    fn look_for_untold(&mut self) {
        let arrived = |need: &&Need| match need {
            Need::Secret(Awaited(cell)) => cell.is_ready(),
            Need::Addresses | Need::Endpoints(..) | Need::Routes(..) => true,
        };
        let arrived: Vec<_> = self.untold.keys().filter(arrived).cloned().collect();
        for need in arrived {
            self.met(&need);
        }
    }

    fn take(&mut self, name: Arc<str>) -> Option<Ready<T>> {
        let cold = self.cold.remove(&name)?;
        Some((name, cold.value))
    }

    /// What has waited for as long as it may; says so in the log.
    fn over(&mut self, now: Instant) -> Vec<Ready<T>> {
        let mut ready = Vec::new();
        while let Some((until, name, number)) = self.limits.front() {
            let waits = self
                .cold
                .get(name)
                .is_some_and(|cold| cold.number == *number);
            if waits && *until > now {
                break;
            }
            let name = Arc::clone(name);
            self.limits.pop_front();
            if waits {
                warn!(
                    "xds: {name} takes effect although what it names has not come within {LIMIT:?}"
                );
                ready.extend(self.take(name));
            }
        }
        ready
    }

    /// The secrets that are waited for.
    pub(super) fn secrets(&self) -> impl Iterator<Item = &Arc<SecretCell>> {
        self.untold.keys().filter_map(|need| match need {
            Need::Secret(Awaited(cell)) => Some(cell),
            Need::Endpoints(..) | Need::Addresses | Need::Routes(..) => None,
        })
    }

    /// When there may be something to do although nothing comes.
    pub(super) fn next_look(&self, now: Instant) -> Option<Instant> {
        let limit = self.limits.front().map(|(until, _, _)| *until);
        let look = self
            .untold
            .contains_key(&Need::Addresses)
            .then(|| now + LOOK);
        limit.into_iter().chain(look).min()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(ready: &[Ready<u32>]) -> Vec<&str> {
        ready.iter().map(|(name, _)| &**name).collect()
    }

    #[test]
    fn something_takes_effect_when_its_need_is_met_and_nothing_else_is_looked_at() {
        let (mut warming, now) = (Warming::default(), Instant::now());
        let need = |value: &u32| Need::Endpoints(Source::Ads, value.to_string().into());
        for number in 0..3 {
            warming.insert(&number.to_string().into(), Arc::new(number), now);
        }
        assert!(warming.settle(now, |value| Some(need(value))).is_empty());
        warming.met(&need(&1));
        let looked = std::cell::RefCell::new(Vec::new());
        let ready = warming.settle(now, |value| {
            looked.borrow_mut().push(*value);
            None
        });
        assert_eq!((names(&ready), looked.into_inner()), (vec!["1"], vec![1]));
    }

    #[test]
    fn a_wait_ends_at_its_limit_counted_from_the_last_version() {
        let (mut warming, start) = (Warming::default(), Instant::now());
        let never = |_: &u32| Some(Need::Routes(Source::Ads, "80".into()));
        warming.insert(&"a".into(), Arc::new(1), start);
        let half = start + LIMIT / 2;
        assert_eq!(
            warming.insert(&"a".into(), Arc::new(2), half),
            Some(Arc::new(1))
        );
        assert!(
            warming.settle(start + LIMIT, never).is_empty(),
            "half its time is left"
        );
        assert_eq!(warming.next_look(start + LIMIT), Some(half + LIMIT));
        assert_eq!(names(&warming.settle(half + LIMIT, never)), ["a"]);
        assert!(warming.is_empty() && warming.next_look(start).is_none());
    }

    #[test]
    fn what_would_replace_something_waits_without_a_limit() {
        let (mut warming, start) = (Warming::default(), Instant::now());
        let never = |_: &u32| Some(Need::Routes(Source::Ads, "80".into()));
        warming.replace(&"a".into(), Arc::new(1));
        assert!(warming.settle(start + LIMIT * 100, never).is_empty());
        assert!(!warming.is_empty() && warming.next_look(start).is_none());
    }

    #[test]
    fn a_secret_that_arrives_completes_what_waits_for_it() {
        let (mut warming, now) = (Warming::default(), Instant::now());
        let cell = Arc::new(SecretCell::empty("default"));
        warming.insert(&"a".into(), Arc::new(1), now);
        let lacks = |_: &u32| (!cell.is_ready()).then(|| Need::Secret(Awaited(Arc::clone(&cell))));
        assert!(warming.settle(now, lacks).is_empty());
        assert!(warming.secrets().all(|awaited| Arc::ptr_eq(awaited, &cell)));
        let anybody = crate::secret::ValidationContext::default();
        cell.set(crate::secret::Secret::Validation(Arc::new(anybody)));
        assert_eq!(names(&warming.settle(now, lacks)), ["a"]);
    }
}
