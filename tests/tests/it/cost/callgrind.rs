//! A program under valgrind's callgrind, which counts its instructions and calls.

use std::collections::HashMap;
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

/// Start-up takes a hundred times as long as without valgrind.
const PATIENCE: Duration = Duration::from_secs(120);

/// The functions of the allocator that give memory.
const ALLOCATE: [&str; 8] = [
    "malloc",
    "calloc",
    "realloc",
    "posix_memalign",
    "aligned_alloc",
    "mallocx",
    "rallocx",
    "valloc",
];

/// In the names of functions that only workers call.
const SPEAKS_HTTP: &str = "tulle_proxy::http::codec";

/// A program that is being counted; it ends with this.
pub(super) struct Callgrind {
    program: Child,
    folder: TempDir,
}

/// What one thread did.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Counts {
    pub(super) instructions: u64,
    pub(super) allocations: u64,
}

/// Whether valgrind is installed.
pub(super) fn is_there() -> bool {
    let mut valgrind = Command::new("valgrind");
    let status = valgrind.arg("--version").stdout(Stdio::null()).status();
    status.is_ok_and(|status| status.success())
}

impl Callgrind {
    /// Starts `program` with one worker and the bootstrap `yaml`.
    pub(super) fn start(program: &Path, yaml: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let config = folder.path().join("bootstrap.yaml");
        std::fs::write(&config, yaml).unwrap();
        let program = Command::new("valgrind")
            .args(["--quiet", "--tool=callgrind", "--separate-threads=yes"])
            .arg(format!(
                "--callgrind-out-file={}/counts",
                folder.path().display()
            ))
            .arg(program)
            .args(["--concurrency", "1", "-l", "warning", "-c"])
            .arg(&config)
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        Self { program, folder }
    }

    /// Waits until the program listens at `address`.
    pub(super) fn wait_for(&self, address: SocketAddr) {
        let end = Instant::now() + PATIENCE;
        while TcpStream::connect(address).is_err() {
            assert!(
                Instant::now() < end,
                "the proxy does not listen at {address}"
            );
            std::thread::yield_now();
        }
    }

    /// Begins to count anew.
    pub(super) fn forget(&self) {
        self.control("--zero");
    }

    /// The counts since then of the thread that did most of what speaks HTTP: the worker. Others may still be starting.
    pub(super) fn counts(&self) -> Counts {
        self.control("--dump");
        let mut most = Counts::default();
        for entry in std::fs::read_dir(self.folder.path()).unwrap() {
            let path = entry.unwrap().path();
            if !path
                .file_name()
                .unwrap()
                .to_string_lossy()
                .starts_with("counts")
            {
                continue;
            }
            let profile = std::fs::read_to_string(&path).unwrap();
            let counts = read(&profile);
            if profile.contains(SPEAKS_HTTP) && counts.instructions > most.instructions {
                most = counts;
            }
            std::fs::remove_file(&path).unwrap();
        }
        most
    }

    fn control(&self, what: &str) {
        let pid = self.program.id().to_string();
        let output = Command::new("callgrind_control")
            .args([what, &pid])
            .output()
            .unwrap();
        assert!(output.status.success(), "{output:?}");
    }
}

impl Drop for Callgrind {
    fn drop(&mut self) {
        let _ = self.program.kill();
        let _ = self.program.wait();
    }
}

/// Reads one thread's profile. Source: valgrind manual, "Callgrind Format Specification".
fn read(profile: &str) -> Counts {
    let mut counts = Counts::default();
    let mut names: HashMap<&str, &str> = HashMap::new();
    let mut called = "";
    for line in profile.lines() {
        let function = line.strip_prefix("cfn=");
        if let Some(function) = function.or_else(|| line.strip_prefix("fn=")) {
            let (id, name) = function.split_once(' ').unwrap_or((function, ""));
            let name = match name {
                "" => names.get(id).copied().unwrap_or_default(),
                name => name,
            };
            names.insert(id, name);
            called = name;
        } else if let Some(calls) = line.strip_prefix("calls=") {
            let count: u64 = calls.split(' ').next().unwrap().parse().unwrap();
            counts.allocations += if ALLOCATE.contains(&called) { count } else { 0 };
        } else if let Some(total) = line.strip_prefix("totals: ") {
            counts.instructions = total.trim().parse().unwrap();
        }
    }
    counts
}

#[test]
fn a_profile_is_the_sum_of_its_instructions_and_its_calls_of_the_allocator() {
    let profile = "fn=(1) main\n0 8\ncfn=(2) malloc\ncalls=3 0\n0 30\ncfn=(3) free\ncalls=3 0\n0 9\n\nfn=(2)\n0 30\n\n\
                   fn=(4) other\ncfn=(2)\ncalls=2 0\n0 20\ntotals: 97\n";
    let expected = Counts {
        instructions: 97,
        allocations: 5,
    };
    assert_eq!(read(profile), expected);
}
