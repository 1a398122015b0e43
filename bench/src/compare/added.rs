//! What a path with proxies takes longer than one without, in the same round.

use crate::figure::{Figures, Metric};
use crate::peer::Peer;
use crate::report::{Entry, Outcome};

const ADDED: [(Metric, Metric); 2] = [
    (Metric::AddedP50, Metric::P50),
    (Metric::AddedP99, Metric::P99),
];

/// Adds the differences to `direct`, the figures of the same round.
pub(super) fn over(direct: &Figures, figures: &mut Figures) {
    for (added, of) in ADDED {
        if let (Some(with), Some(without)) = (figures.get(&of), direct.get(&of)) {
            figures.insert(added, with - without);
        }
    }
}

/// Takes the differences back where the way without proxies did not answer rightly in all rounds.
pub(super) fn forget_unfounded(entries: &mut [Entry]) {
    let direct = entries
        .iter()
        .find(|entry| entry.peer == Peer::Direct.label());
    if direct.is_some_and(|direct| direct.outcome == Outcome::Valid) {
        return;
    }
    for entry in entries {
        for (added, _) in ADDED {
            if entry.figures.remove(&added).is_some() {
                let why = "is not known, since direct did not answer rightly in all rounds";
                entry.remarks.push(format!("{} {why}", added.title()));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::example::entry;

    #[test]
    fn differences_go_with_their_ground() {
        for (outcome, known) in [(Outcome::Valid, true), (Outcome::Invalid, false)] {
            let direct = Entry {
                outcome,
                ..entry("direct", Metric::P50, &[1.0])
            };
            let mut figures = Figures::from([(Metric::P50, 3.0)]);
            over(&Figures::from([(Metric::P50, 1.0)]), &mut figures);
            assert_eq!(figures[&Metric::AddedP50], 2.0);
            let mut entries = [direct, entry("tulle", Metric::AddedP50, &[2.0])];
            forget_unfounded(&mut entries);
            let own = &entries[1];
            assert_eq!(own.figures.contains_key(&Metric::AddedP50), known);
            assert_eq!(own.remarks.is_empty(), known);
        }
    }
}
