//! What a request costs the proxy in instructions and allocations, against what is recorded in `cost/recorded.txt`.
//! Neither depends on the machine's load, so these are gates where times would flicker.
//!
//! The program is the real one, with the proxy's own crate optimised as for a release and everything below it as for all
//! tests: that build shares its dependencies with theirs. `BLESS=1` records anew.

mod bootstrap;
mod callgrind;
mod program;
mod traffic;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use self::bootstrap::Ports;
use self::callgrind::Callgrind;
use self::traffic::Caller;
use tulle_tests::skip;

/// Requests before counting begins, so that pools, buffers and tables are there.
const WARM: u32 = 50;
/// Requests that are counted.
const COUNTED: u32 = 200;
/// Instructions of a request may differ from the record by so many percent.
const TOLERANCE: f64 = 4.0;
/// Allocations of a request may differ from the record by so much: what happens once in a while, divided by requests.
const SLACK: f64 = 0.1;

/// The cost of one request.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Cost {
    instructions: f64,
    allocations: f64,
}

#[test]
fn a_request_costs_what_is_recorded() {
    if !callgrind::is_there() {
        skip(
            "a_request_costs_what_is_recorded",
            "no valgrind; .ci/install installs it",
        );
        return;
    }
    let backend = traffic::backend();
    let ports = Ports::free();
    let program = program::optimised();
    let proxy = Callgrind::start(&program, &bootstrap::yaml(&ports, backend));
    let measured: BTreeMap<String, Cost> = traffic::scenarios(&ports)
        .into_iter()
        .map(|(name, caller)| (name.to_owned(), measure(&proxy, caller)))
        .collect();
    if std::env::var_os("BLESS").is_some() {
        std::fs::write(record_path(), write(&measured)).unwrap();
        return;
    }
    let recorded = read(&std::fs::read_to_string(record_path()).unwrap());
    assert!(
        recorded.keys().eq(measured.keys())
            && recorded
                .iter()
                .all(|(name, cost)| cost.is_near(measured[name])),
        "costs have changed; find out why, or record them anew with BLESS=1.\nrecorded:\n{}measured:\n{}",
        write(&recorded),
        write(&measured)
    );
}

fn measure(proxy: &Callgrind, mut caller: Caller) -> Cost {
    proxy.wait_for(caller.address());
    caller.ask(WARM);
    proxy.forget();
    caller.ask(COUNTED);
    let counts = proxy.counts();
    let each = |count: u64| (100.0 * count as f64 / f64::from(COUNTED)).round() / 100.0;
    Cost {
        instructions: each(counts.instructions).round(),
        allocations: each(counts.allocations),
    }
}

impl Cost {
    fn is_near(self, other: Self) -> bool {
        let allowed = self.instructions * TOLERANCE / 100.0;
        (self.instructions - other.instructions).abs() <= allowed
            && (self.allocations - other.allocations).abs() <= SLACK
    }
}

fn record_path() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/cost/recorded.txt")
}

fn write(costs: &BTreeMap<String, Cost>) -> String {
    let mut text = String::new();
    for (name, cost) in costs {
        let Cost {
            instructions,
            allocations,
        } = cost;
        writeln!(
            text,
            "{instructions:>7} instructions {allocations:>6.2} allocations  {name}"
        )
        .unwrap();
    }
    text
}

fn read(text: &str) -> BTreeMap<String, Cost> {
    let line = |line: &str| {
        let mut words = line.split_whitespace();
        let mut number = || words.next().unwrap().parse().unwrap();
        let instructions = number();
        words.next();
        let allocations = words.next().unwrap().parse().unwrap();
        words.next();
        let name = words.collect::<Vec<_>>().join(" ");
        (
            name,
            Cost {
                instructions,
                allocations,
            },
        )
    };
    text.lines().map(line).collect()
}

#[test]
fn a_record_reads_as_it_was_written_and_costs_beyond_the_tolerance_differ() {
    let cost = Cost {
        instructions: 10_000.0,
        allocations: 2.25,
    };
    let costs = BTreeMap::from([("HTTP/1.1, one hop".to_owned(), cost)]);
    assert_eq!(read(&write(&costs)), costs);
    let with = |instructions, allocations| Cost {
        instructions,
        allocations,
    };
    assert!(cost.is_near(with(10_300.0, 2.3)) && cost.is_near(with(9_700.0, 2.2)));
    assert!(!cost.is_near(with(10_500.0, 2.25)) && !cost.is_near(with(9_500.0, 2.25)));
    assert!(!cost.is_near(with(10_000.0, 3.25)));
}
