//! A running demo: started with a name of its own, asked by `tulle exec` and `tulle explain`, ended with the test.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

/// How long anything may take, on a machine under load.
const PATIENCE: Duration = Duration::from_secs(30);

/// A demo that ends when this is dropped.
pub(crate) struct Mesh {
    name: &'static str,
    process: Child,
}

/// The program under test.
pub(crate) fn tulle() -> Command {
    Command::new(env!("CARGO_BIN_EXE_tulle"))
}

impl Mesh {
    /// Starts a demo whose traffic is captured and waits until every pod is ready; `None` where the test is skipped.
    pub(crate) fn captured(name: &'static str, config: Option<&Path>) -> Option<Self> {
        let isolation = namespaces(name)?.to_owned();
        let config = config.map(|dir| format!("--config={}", dir.display()));
        let flags: Vec<_> = [isolation].into_iter().chain(config).collect();
        Some(Self::start_with(name, &flags))
    }

    /// Starts a demo with these flags and waits until every pod is ready.
    pub(crate) fn start_with(name: &'static str, flags: &[String]) -> Self {
        let mut command = tulle();
        command
            .args(["demo", "--demo", name])
            .args(flags)
            .stdout(Stdio::piped());
        let mut process = command.spawn().unwrap();
        let mut lines = BufReader::new(process.stdout.take().unwrap()).lines();
        let seen: Vec<String> = lines
            .by_ref()
            .map(Result::unwrap)
            .take_while(|line| !line.contains("every pod is ready"))
            .collect();
        assert!(
            process.try_wait().unwrap().is_none(),
            "the demo ended: {seen:?}"
        );
        // what it says later is read, so that it never waits for a reader
        std::thread::spawn(move || lines.for_each(drop));
        Self { name, process }
    }

    pub(crate) fn id(&self) -> u32 {
        self.process.id()
    }

    /// Runs a command in a pod.
    pub(crate) fn exec(&self, pod: &str, command: &[&str]) -> Output {
        tulle()
            .args(["exec", "--demo", self.name, pod, "--"])
            .args(command)
            .output()
            .unwrap()
    }

    /// Runs curl in a pod and returns what it prints, headers first.
    pub(crate) fn curl(&self, pod: &str, args: &[&str]) -> String {
        let output = self.exec(pod, &[&["curl", "-s", "-i", "-m", "5"], args].concat());
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    /// Asks why a request goes where it goes.
    pub(crate) fn explain(&self, args: &[&str]) -> String {
        let output = tulle()
            .args(["explain", "--demo", self.name])
            .args(args)
            .output()
            .unwrap();
        assert!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
        String::from_utf8(output.stdout).unwrap()
    }

    /// Repeats a look until it shows what is wanted; configuration takes a moment to arrive.
    pub(crate) fn until<T>(&self, what: &str, mut look: impl FnMut(&Self) -> Option<T>) -> T {
        until(what, || look(self))
    }
}

/// Repeats a look until it shows what is wanted.
pub(crate) fn until<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + PATIENCE;
    while Instant::now() < deadline {
        if let Some(seen) = look() {
            return seen;
        }
        std::thread::park_timeout(Duration::from_millis(20));
    }
    panic!("not seen within {PATIENCE:?}: {what}");
}

/// The flag for the namespaces that this machine allows; where it allows none, the test is skipped.
pub(crate) fn namespaces(test: &str) -> Option<&'static str> {
    let ways = [
        ("root", "--isolation=namespaces"),
        ("user", "--isolation=user"),
    ];
    let works = |isolation: &str| {
        let probe = tulle().args(["demo-probe", isolation]).output().unwrap();
        probe.status.success()
    };
    let found = ways.iter().find(|(isolation, _)| works(isolation));
    if found.is_none() {
        skip(
            test,
            "needs network namespaces, as root or in a user namespace",
        );
    }
    found.map(|(_, flag)| *flag)
}

/// Records a skip where the test command counts them; in CI nothing may be skipped.
pub(crate) fn skip(test: &str, why: &str) {
    assert!(
        std::env::var_os("CI").is_none(),
        "{test}: {why}, and in CI nothing is skipped"
    );
    eprintln!("SKIPPED {test}: {why}");
    let skips = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/skips");
    std::fs::create_dir_all(&skips).unwrap();
    std::fs::write(
        skips.join(format!("demo-{test}")),
        format!("demo-{test}: {why}\n"),
    )
    .unwrap();
}

impl Drop for Mesh {
    fn drop(&mut self) {
        // the kernel takes everything else along
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }
}
