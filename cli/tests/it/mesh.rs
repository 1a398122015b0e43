//! A running demo: started with a name of its own, asked by `tulle exec` and `tulle explain`, ended with the test.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};

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
    /// Starts a demo and waits until every pod is ready.
    pub(crate) fn start(name: &'static str, config: Option<&Path>) -> Self {
        let config = config.map(|dir| format!("--config={}", dir.display()));
        Self::start_with(name, config.as_slice())
    }

    /// The same with further flags.
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
        for _ in 0..200 {
            if let Some(seen) = look(self) {
                return seen;
            }
        }
        panic!("never seen: {what}");
    }
}

impl Drop for Mesh {
    fn drop(&mut self) {
        // the kernel takes everything else along
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }
}
