//! Where the peers' programs are. What the machine lacks is unpacked into `target/tools` by `.ci/install-peers`.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Context;

use super::Missing;
use crate::project::Project;

const SYSTEM: [&str; 4] = ["/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin"];

/// A program, and the libraries that were unpacked with it.
#[derive(Clone, Debug)]
pub(crate) struct Found {
    program: PathBuf,
    libraries: Option<PathBuf>,
}

/// The peers' programs.
#[derive(Clone, Debug)]
pub(crate) struct Programs {
    /// Where they are that the machine lacks; none without a project.
    tools: Option<PathBuf>,
    /// What the installation said where it failed.
    failure: Option<String>,
}

impl Found {
    /// A program that needs nothing.
    pub(crate) fn at(program: PathBuf) -> Found {
        Found {
            program,
            libraries: None,
        }
    }

    /// A command that runs it.
    pub(crate) fn command(&self) -> Command {
        let mut command = Command::new(&self.program);
        if let Some(libraries) = &self.libraries {
            command.env("LD_LIBRARY_PATH", libraries);
        }
        command
    }
}

impl Programs {
    /// Finds the programs of `names`, and installs those that are missing.
    pub(crate) fn find(names: &[&str], project: &anyhow::Result<Project>) -> Programs {
        let mut programs = Programs {
            tools: project.as_ref().ok().map(Project::tools),
            failure: None,
        };
        let missing: Vec<&str> = names
            .iter()
            .copied()
            .filter(|name| programs.locate(name).is_none())
            .collect();
        if !missing.is_empty() {
            let installed = match project {
                Ok(project) => install(&missing, project),
                Err(error) => Err(anyhow::anyhow!("{error:#}")),
            };
            programs.failure = installed.err().map(|error| format!("{error:#}"));
        }
        programs
    }

    pub(crate) fn envoy(&self) -> Result<Found, Missing> {
        self.need("envoy")
    }

    pub(crate) fn haproxy(&self) -> Result<Found, Missing> {
        self.need("haproxy")
    }

    pub(crate) fn nginx(&self) -> Result<Found, Missing> {
        self.need("nginx")
    }

    /// What counts system calls.
    pub(crate) fn strace(&self) -> Result<Found, Missing> {
        self.need("strace")
    }

    /// nginx's module for plain TCP.
    pub(crate) fn nginx_stream(&self) -> Result<PathBuf, Missing> {
        let file = "usr/lib/nginx/modules/ngx_stream_module.so";
        let unpacked = self.debian().map(|debian| debian.join(file));
        let places = [Path::new("/").join(file)].into_iter().chain(unpacked);
        places
            .into_iter()
            .find(|place| place.exists())
            .ok_or_else(|| self.missing("nginx's stream module"))
    }

    fn need(&self, name: &str) -> Result<Found, Missing> {
        self.locate(name).ok_or_else(|| self.missing(name))
    }

    fn missing(&self, name: &str) -> Missing {
        let why = self
            .failure
            .as_deref()
            .unwrap_or("the installation left it out");
        Missing(format!("{name} cannot be had: {why}"))
    }

    fn locate(&self, name: &str) -> Option<Found> {
        if name == "envoy" {
            return self.envoys().pop().map(Found::at);
        }
        if name == "nginx-stream" {
            return self.nginx_stream().ok().map(Found::at);
        }
        let system = SYSTEM.iter().map(|folder| Path::new(folder).join(name));
        if let Some(program) = system.into_iter().find(|program| program.exists()) {
            return Some(Found::at(program));
        }
        let debian = self.debian()?;
        let folders = ["usr/sbin", "usr/bin"].map(|folder| debian.join(folder).join(name));
        let program = folders.into_iter().find(|program| program.exists())?;
        Some(Found {
            program,
            libraries: self.libraries(),
        })
    }

    /// Envoys that were unpacked, the newest last.
    fn envoys(&self) -> Vec<PathBuf> {
        let folders = self.tools.iter().flat_map(|tools| entries(tools));
        let mut found: Vec<PathBuf> = folders
            .filter(|folder| named(folder, "envoy-"))
            .map(|folder| folder.join("envoy"))
            .collect();
        found.retain(|program| program.exists());
        found.sort();
        found
    }

    fn debian(&self) -> Option<PathBuf> {
        Some(self.tools.as_ref()?.join("debian"))
    }

    fn libraries(&self) -> Option<PathBuf> {
        let folders = entries(&self.debian()?.join("usr/lib")).into_iter();
        folders
            .into_iter()
            .find(|folder| folder.to_string_lossy().ends_with("-linux-gnu"))
    }
}

fn entries(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries.map(|entry| entry.path()).collect()
}

fn named(path: &Path, prefix: &str) -> bool {
    path.file_name()
        .is_some_and(|name| name.to_string_lossy().starts_with(prefix))
}

fn install(names: &[&str], project: &Project) -> anyhow::Result<()> {
    let tools = project.tools();
    eprintln!("installing {} into {}", names.join(", "), tools.display());
    let script = project.installer();
    let output = Command::new(&script).args(names).output();
    let output = output.with_context(|| format!("cannot run {}", script.display()))?;
    let said = String::from_utf8_lossy(&output.stderr);
    anyhow::ensure!(
        output.status.success(),
        "{}",
        said.trim().replace('\n', "; ")
    );
    Ok(())
}

/// Builds Tulle's proxy with the profile of this program, or takes the one beside it where cargo did not start us.
pub(crate) fn tulle(project: &anyhow::Result<Project>) -> anyhow::Result<PathBuf> {
    let own = std::env::current_exe()?;
    let beside = own.with_file_name("tulle-proxy");
    let (Some(cargo), Ok(project)) = (std::env::var_os("CARGO"), project) else {
        anyhow::ensure!(
            beside.exists(),
            "{} does not exist; build it with cargo build --release -p tulle-proxy, or name one with --proxy",
            beside.display()
        );
        return Ok(beside);
    };
    let mut command = Command::new(cargo);
    command
        .args(["build", "--quiet", "-p", "tulle-proxy"])
        .current_dir(project.folder());
    if !cfg!(debug_assertions) {
        command.arg("--release");
    }
    let folder = own
        .parent()
        .and_then(Path::parent)
        .context("this program lies in no target folder")?;
    let status = command
        .arg("--target-dir")
        .arg(folder)
        .status()
        .context("cannot run cargo")?;
    anyhow::ensure!(
        status.success(),
        "tulle-proxy does not build; name one with --proxy"
    );
    Ok(beside)
}
