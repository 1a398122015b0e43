//! The wiring: flags become a configuration, everything is bound, then everything runs. The only module that knows all
//! others.

use std::io::Write;
use std::panic::resume_unwind;
use std::process::ExitCode;
use std::thread;
use std::time::Instant;

use anyhow::Context;

use crate::capture;
use crate::config::bootstrap;
use crate::config::flags::{self, Command, RunFlags, SdsFlags};
use crate::config::sidecar::{Environment, Sidecar, SidecarFlags};

mod ask;
mod concurrency;
mod pages;
mod run;
mod sds;
mod version;

pub use version::VERSION;

/// Runs `tulle-proxy` with a command line, the first word of which is the program.
///
/// Exit codes: 0 done, 1 failed, 2 wrong usage; `capture --run-validation` ends with 126 where the rules do not work,
/// as Istio's validation does.
///
/// `release` gives memory that the program's allocator keeps back to the kernel; it is called once, soon after a proxy has
/// started.
pub fn run(args: impl IntoIterator<Item = String>, release: fn()) -> ExitCode {
    let args: Vec<String> = args.into_iter().collect();
    let done = on_own_thread(|| execute(args)).and_then(|executed| executed.go_on(release));
    match done {
        Ok(code) => code,
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "tulle-proxy: {error:#}");
            ExitCode::from(exit_code(&error))
        }
    }
}

/// Runs something that needs much memory for a short time on a thread that ends with it: what the allocator keeps for a
/// thread, and its deep stack, are given back then.
fn on_own_thread<T: Send>(work: impl FnOnce() -> anyhow::Result<T> + Send) -> anyhow::Result<T> {
    thread::scope(|scope| {
        let thread = thread::Builder::new().name("tulle-start".to_owned());
        let thread = thread
            .spawn_scoped(scope, work)
            .context("cannot start a thread")?;
        thread.join().unwrap_or_else(|panic| resume_unwind(panic))
    })
}

/// What is left to do after a command line was read and acted upon.
enum Executed {
    /// Nothing.
    Done(ExitCode),
    /// To be a proxy.
    Proxy(Box<run::Start>),
    /// To serve secrets.
    Secrets(Box<Sidecar>, SdsFlags),
}

impl Executed {
    fn go_on(self, release: fn()) -> anyhow::Result<ExitCode> {
        match self {
            Self::Done(code) => return Ok(code),
            Self::Proxy(start) => run::run(*start, release)?,
            Self::Secrets(sidecar, flags) => sds::serve(&flags.socket, *sidecar)?,
        }
        Ok(ExitCode::SUCCESS)
    }
}

fn exit_code(error: &anyhow::Error) -> u8 {
    match error.downcast_ref::<capture::CaptureError>() {
        Some(error) => error.exit_code(),
        None => 1,
    }
}

fn execute(args: Vec<String>) -> anyhow::Result<Executed> {
    let flags = match flags::parse(args) {
        Ok(flags) => flags,
        Err(error) => {
            // nobody is left to tell if the terminal is gone
            let _ = error.print();
            let code = ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2));
            return Ok(Executed::Done(code));
        }
    };
    let env = flags::environment();
    match flags.command {
        None => return prepare(flags.run, &SidecarFlags::default(), &env),
        Some(Command::Proxy(proxy)) => return prepare(proxy.run(), &proxy.sidecar(), &env),
        Some(Command::Capture(capture)) => {
            log_to_stderr();
            capture::run(capture)?;
        }
        Some(Command::CleanCapture(clean)) => {
            log_to_stderr();
            capture::clean(clean)?;
        }
        Some(Command::Wait(wait)) => ask::wait(&wait)?,
        Some(Command::Request(request)) => ask::request(&request)?,
        Some(Command::Sds(sds)) => return prepare_secrets(sds, &env),
    }
    Ok(Executed::Done(ExitCode::SUCCESS))
}

/// Reads what the proxy is to be: from a file where one is named, else from the environment of an injected sidecar.
fn prepare(flags: RunFlags, sidecar: &SidecarFlags, env: &Environment) -> anyhow::Result<Executed> {
    let started = Instant::now();
    let (levels, unknown) = flags.levels()?;
    let log = crate::logging::init(levels, flags.log_format.unwrap_or_default());
    for scope in unknown {
        tracing::info!("log scope {scope} is not one of this proxy's; its level has no effect");
    }
    let sidecar_flags = SidecarFlags {
        root_dir: flags.root_dir.clone().or_else(|| sidecar.root_dir.clone()),
        ..sidecar.clone()
    };
    let (bootstrap, sidecar) = match &flags.config_path {
        Some(path) => (bootstrap::load(path)?, None),
        None => {
            let sidecar = Sidecar::read(env, &sidecar_flags)
                .context("no bootstrap file was named with -c, and the environment does not describe a sidecar")?;
            (sidecar.bootstrap.clone(), Some(sidecar))
        }
    };
    let bootstrap = overridden(bootstrap, &flags);
    Ok(Executed::Proxy(Box::new(run::Start {
        started,
        stores: run::stores(&bootstrap, &flags)?,
        bootstrap,
        sidecar,
        flags,
        log,
        cpu_limit: concurrency::limit(env),
    })))
}

fn overridden(mut bootstrap: bootstrap::Bootstrap, flags: &RunFlags) -> bootstrap::Bootstrap {
    if let Some(id) = &flags.service_node {
        id.clone_into(&mut bootstrap.node.id);
    }
    if let Some(cluster) = &flags.service_cluster {
        cluster.clone_into(&mut bootstrap.node.cluster);
    }
    bootstrap.admin = flags.admin().or(bootstrap.admin);
    if let (Some(admin), Some(ip)) = (&mut bootstrap.admin, flags.own_address) {
        admin.set_ip(ip);
    }
    bootstrap
}

/// The log of a command that does its work and ends.
fn log_to_stderr() {
    crate::logging::init(Default::default(), Default::default());
}

fn prepare_secrets(flags: SdsFlags, env: &Environment) -> anyhow::Result<Executed> {
    crate::logging::init(
        flags.log_level.clone().unwrap_or_default(),
        crate::logging::LogFormat::Text,
    );
    let sidecar_flags = SidecarFlags {
        root_dir: flags.root_dir.clone(),
        domain: None,
    };
    let sidecar = Sidecar::read(env, &sidecar_flags)?;
    Ok(Executed::Secrets(Box::new(sidecar), flags))
}
