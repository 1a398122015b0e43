use super::Grade::Commit;
use super::*;
use crate::report::Outcome;
use crate::report::example::{compared, entry};
use crate::topology::Features;

#[test]
fn every_bound_is_of_a_scenario_that_exists() {
    let all = crate::scenario::all();
    for name in ROWS.iter().flat_map(|row| row.scenarios) {
        assert!(all.iter().any(|scenario| scenario.name == *name), "{name}");
    }
}

#[test]
fn a_bound_says_how_it_stands() {
    let verdict = |against, at_most, standing| Verdict {
        grade: Commit,
        against,
        at_most,
        floor: None,
        standing,
    };
    let measured = 0.5;
    let why = String::new();
    for (verdict, text) in [
        (
            verdict(Envoy, 0.4, Standing::Missed { measured }),
            "commit ≤ 0.40 × envoy MISSED",
        ),
        (
            verdict(Itself, 1.15, Standing::Met { measured }),
            "commit ≤ 1.15 × all off",
        ),
        (
            verdict(Nothing, 12.0, Standing::NotMeasured { why }),
            "commit ≤ 12 not measured",
        ),
    ] {
        assert_eq!(verdict.text(), text);
    }
}

#[test]
fn a_bound_without_figures_is_neither_met_nor_missed() {
    let figures = |peer, value| entry(peer, Metric::Cpu, &[value]);
    let mut failed = figures("tulle", 1.0);
    failed.outcome = Outcome::Failed { why: String::new() };
    let missed = |measured| Standing::Missed { measured };
    let unmeasured = |why: &str| Standing::NotMeasured {
        why: why.to_owned(),
    };
    for (entries, standing) in [
        (
            vec![figures("tulle", 1.0), figures("envoy", 4.0)],
            Standing::Met { measured: 0.25 },
        ),
        (
            vec![figures("tulle", 2.0), figures("envoy", 4.0)],
            missed(0.5),
        ),
        (
            vec![figures("tulle", 1.0)],
            unmeasured("envoy did not take part"),
        ),
        (
            vec![failed, figures("envoy", 4.0)],
            unmeasured("tulle FAILED"),
        ),
        (
            vec![entry("tulle", Metric::P50, &[1.0]), figures("envoy", 4.0)],
            unmeasured("tulle has no CPU µs"),
        ),
    ] {
        let compared = compared("h1-sat", entries);
        let verdicts = verdicts(&compared, &compared.entries[0], Metric::Cpu);
        assert_eq!(verdicts[0].standing, standing);
        assert_eq!(verdicts.len(), 3);
    }
}

#[test]
fn features_are_bounded_with_metrics_and_log() {
    let row = |name: &str, features, value| Entry {
        name: name.to_owned(),
        features,
        ..entry("tulle", Metric::Cpu, &[value])
    };
    let compared = compared(
        "features",
        vec![
            row("off", Features::Nothing, 10.0),
            row("metrics", Features::Metrics, 30.0),
            row("log", Features::Logged, 11.0),
        ],
    );
    let of = |at: usize| verdicts(&compared, &compared.entries[at], Metric::Cpu);
    assert!(of(0).is_empty() && of(1).is_empty());
    let standings: Vec<Standing> = of(2).into_iter().map(|verdict| verdict.standing).collect();
    let measured = 1.1;
    assert_eq!(
        standings,
        [Standing::Met { measured }, Standing::Missed { measured }]
    );
}

#[test]
fn a_time_that_the_kernel_alone_takes_is_not_attainable_and_never_met() {
    let judged = |own: f64, floor: &[f64]| {
        let compared = compared(
            "h1-c1",
            vec![
                entry("tulle", Metric::P50, &[own, own]),
                entry("floor", Metric::P50, floor),
                entry("envoy", Metric::P50, &[100.0, 100.0]),
            ],
        );
        verdicts(&compared, &compared.entries[0], Metric::P50)[0].text()
    };
    for (own, floor, text) in [
        (42.0, [40.0, 42.0], "NOT ATTAINABLE (floor 0.41)"),
        (42.0, [37.0, 41.0], "MISSED (floor 0.39)"),
        (37.0, [40.0, 40.0], "(floor 0.40)"),
    ] {
        assert_eq!(judged(own, &floor), format!("commit ≤ 0.38 × envoy {text}"));
    }
}
