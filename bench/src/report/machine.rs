//! Where it was measured.

use std::fs;

use serde::Serialize;

use crate::cores::Cores;

/// The machine, as far as it matters to figures.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Machine {
    pub(crate) kernel: String,
    pub(crate) processor: String,
    pub(crate) cores: usize,
    /// Who runs where.
    pub(crate) pinning: String,
    pub(crate) congestion_control: String,
    /// Load averages when it began: other work makes all figures worse.
    pub(crate) load_average: String,
}

impl Machine {
    pub(crate) fn look(cores: Cores) -> Machine {
        let processors = read("/proc/cpuinfo");
        let models = || {
            processors
                .lines()
                .filter(|line| line.starts_with("model name"))
        };
        let model = models()
            .next()
            .and_then(|line| line.split_once(':'))
            .map_or("unknown", |(_, name)| name.trim());
        Machine {
            kernel: read("/proc/version"),
            processor: model.to_owned(),
            cores: std::thread::available_parallelism().map_or(1, usize::from),
            pinning: match cores {
                Cores::Apart { proxies, load } => {
                    format!(
                        "all proxies on core {proxies}, generator and backend on core {load}; one worker each"
                    )
                }
                Cores::Shared => "one core for everything; one worker each".to_owned(),
            },
            congestion_control: read("/proc/sys/net/ipv4/tcp_congestion_control"),
            load_average: read("/proc/loadavg"),
        }
    }
}

fn read(path: &str) -> String {
    fs::read_to_string(path)
        .unwrap_or_default()
        .trim()
        .to_owned()
}
