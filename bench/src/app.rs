//! The command line.

mod flags;
mod select;

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::Context;
use clap::Parser;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::compare::{self, Plan};
use crate::cores::{Cores, Role};
use crate::forward::Forward;
use crate::load::{self, Load, Pace};
use crate::peer::{Peer, Programs};
use crate::project::Project;
use crate::report::machine::Machine;
use crate::report::{Report, Settings, Version, html, json, summary, table};
use crate::{backend, scenario};
use flags::{BackendFlags, Command, CompareFlags, Flags, LoadFlags};

/// What a report consists of.
const FILES: [&str; 2] = ["report.json", "report.html"];

/// Runs the program.
///
/// # Errors
/// What cannot be measured at all; a peer that cannot be had is a row of the report instead.
pub fn run() -> anyhow::Result<()> {
    let flags = Flags::parse();
    // idle connections are counted by the thousand, and peers inherit the limit
    let most = getrlimit(Resource::Nofile).maximum;
    setrlimit(
        Resource::Nofile,
        Rlimit {
            current: most,
            maximum: most,
        },
    )
    .context("cannot raise the limit of open files")?;
    // sockets are waited for with deadlines of microseconds
    let _ = rustix::thread::set_current_timer_slack(std::num::NonZeroU64::new(1));
    match flags.command {
        Command::Compare(flags) => compare(&flags),
        Command::Scenarios => {
            for scenario in scenario::all() {
                println!("{:<18} {}", scenario.name, scenario.what);
            }
            Ok(())
        }
        Command::Load(flags) => generate(&flags),
        Command::Backend(flags) => serve(&flags),
        Command::Forward { file } => Forward::read(&file)?.run(),
    }
}

fn compare(flags: &CompareFlags) -> anyhow::Result<()> {
    let scenarios = select::scenarios(flags)?;
    let project = Project::find(flags.project.as_deref());
    let folder = flags.folder(&project)?;
    let peers = select::peers(flags, &project)?;
    let wanted: Vec<&str> = select::programs(&peers, flags);
    let programs = Programs::find(&wanted, &project);
    let cores = Cores::find()?;
    let (rounds, seconds) = flags.lengths();
    let plan = Plan {
        scenarios,
        peers,
        rounds,
        window: Duration::from_secs_f64(seconds),
        system_calls: flags.counts_system_calls(),
    };
    let version = |peer: &Peer| Version {
        peer: peer.label().to_owned(),
        version: peer.version(&programs),
    };
    let machine = Machine::look(cores);
    println!("{}; {}", machine.pinning, machine.processor);
    let proxies = plan
        .peers
        .iter()
        .filter(|peer| !matches!(peer, Peer::Direct | Peer::Floor));
    let peers: Vec<Version> = proxies.map(version).collect();
    for peer in &peers {
        println!("{}: {}", peer.peer, peer.version);
    }
    let command = std::env::args().skip(1).collect::<Vec<_>>().join(" ");
    let settings = Settings {
        command: format!("tulle-bench {command}"),
        rounds,
        seconds,
        minutes: 0.0,
    };
    let mut report = Report {
        machine,
        settings,
        peers,
        ..Report::default()
    };
    let began = Instant::now();
    compare::run(&plan, &programs, cores, &mut |compared| {
        print!("{}", table::render(&compared));
        report.add(compared);
        report.settings.minutes = began.elapsed().as_secs_f64() / 60.0;
        // after each scenario, so that a comparison can be stopped
        write(&report, &folder)
    })?;
    println!("{}", summary::render(&report));
    println!("{:.1} minutes", report.settings.minutes);
    for name in FILES {
        println!("{}", folder.join(name).display());
    }
    let broken = summary::broken(&report);
    anyhow::ensure!(
        broken.is_empty(),
        "rows of Tulle that do not count: {}",
        broken.join(", ")
    );
    Ok(())
}

fn write(report: &Report, folder: &Path) -> anyhow::Result<()> {
    fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    let texts = [json::render(report)?, html::render(report)];
    for (name, text) in FILES.into_iter().zip(texts) {
        let path = folder.join(name);
        fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))?;
    }
    Ok(())
}

fn generate(flags: &LoadFlags) -> anyhow::Result<()> {
    let load = Load {
        to: flags.to,
        exchange: flags.exchange.exchange(),
        connections: flags.connections,
        streams: flags.streams,
        life: flags.life(),
        pace: flags.rate.map_or(Pace::Closed, |rate| Pace::Open { rate }),
        warm_up: Duration::ZERO,
        window: Duration::from_secs_f64(flags.seconds),
    };
    let outcome = load::run(&load, &mut |_| Ok(()))?;
    let seconds = outcome.elapsed.as_secs_f64();
    println!(
        "{:.0} per s, {:.3} Gbit/s",
        outcome.completed as f64 / seconds,
        outcome.bytes as f64 * 8.0 / 1e9 / seconds
    );
    for quantile in [0.5, 0.9, 0.99, 0.999, 1.0] {
        let micros = outcome.latency.value_at_quantile(quantile) as f64 / 1_000.0;
        println!("{:>6.1} % within {micros:.1} µs", quantile * 100.0);
    }
    let error = outcome.error.unwrap_or_default();
    anyhow::ensure!(
        outcome.errors == 0,
        "{} errors, the first: {error}",
        outcome.errors
    );
    Ok(())
}

fn serve(flags: &BackendFlags) -> anyhow::Result<()> {
    if let Ok(cores) = Cores::find()
        && flags.pin
    {
        cores.enter(Role::Load)?;
    }
    let at = backend::start(flags.exchange.exchange(), flags.listen)?;
    println!("listening on {at}");
    loop {
        std::thread::park();
    }
}
